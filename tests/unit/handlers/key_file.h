/* key_file.h - PEM files for tests, made with OpenSSL and removed when the test ends. */
#ifndef WAYSTONE_TESTS_KEY_FILE_H
#define WAYSTONE_TESTS_KEY_FILE_H

#include <openssl/evp.h>

#include "handlers/keys.h"

struct key_file {
    char path[64];
};

/* An empty file. */
void key_file_open(struct key_file *file);
/* Removes it; for CLEANUP(key_file_closep). */
void key_file_closep(struct key_file *file);

/* Append to it. */
void key_file_add_private(struct key_file *file, EVP_PKEY *key);
void key_file_add_public(struct key_file *file, EVP_PKEY *key);
void key_file_add_encrypted(struct key_file *file, EVP_PKEY *key, const char *password);
void key_file_add_text(struct key_file *file, const char *text);

/* A new EC key; the caller frees it. `curve` such as "P-256". */
EVP_PKEY *key_file_new_key(const char *curve);

/* keys_load(), which must succeed; the caller frees them. */
struct keys *key_file_load(const struct key_file *file);

/* Keys of a new P-256 key of their own; the caller frees them. */
struct keys *key_file_new_keys(void);

/* For CLEANUP(). */
void keys_freep(struct keys **keys);
void evp_freep(EVP_PKEY **key);

#endif
