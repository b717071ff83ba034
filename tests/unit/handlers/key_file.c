#include "tests/unit/handlers/key_file.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"

void key_file_open(struct key_file *file)
{
    int descriptor;

    strcpy(file->path, "/tmp/waystone-key-XXXXXX");
    descriptor = mkstemp(file->path);
    cr_assert(descriptor >= 0);
    close(descriptor);
}

void key_file_closep(struct key_file *file)
{
    unlink(file->path);
}

static FILE *append_to(struct key_file *file)
{
    FILE *stream = fopen(file->path, "a");

    cr_assert_not_null(stream);
    return stream;
}

void key_file_add_private(struct key_file *file, EVP_PKEY *key)
{
    FILE *stream = append_to(file);

    cr_assert_eq(PEM_write_PrivateKey(stream, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(stream);
}

void key_file_add_public(struct key_file *file, EVP_PKEY *key)
{
    FILE *stream = append_to(file);

    cr_assert_eq(PEM_write_PUBKEY(stream, key), 1);
    fclose(stream);
}

void key_file_add_encrypted(struct key_file *file, EVP_PKEY *key, const char *password)
{
    FILE *stream = append_to(file);

    cr_assert_eq(PEM_write_PrivateKey(stream, key, EVP_aes_128_cbc(),
                                      (const unsigned char *)password, (int)strlen(password), NULL,
                                      NULL),
                 1);
    fclose(stream);
}

void key_file_add_text(struct key_file *file, const char *text)
{
    FILE *stream = append_to(file);

    fputs(text, stream);
    fclose(stream);
}

EVP_PKEY *key_file_new_key(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    cr_assert_not_null(key);
    return key;
}

struct keys *key_file_load(const struct key_file *file)
{
    char error[512] = "";
    struct keys *keys = keys_load(file->path, error, sizeof(error));

    cr_assert_not_null(keys, "%s", error);
    return keys;
}

struct keys *key_file_new_keys(void)
{
    CLEANUP(key_file_closep) struct key_file file;
    CLEANUP(evp_freep) EVP_PKEY *key = key_file_new_key("P-256");

    key_file_open(&file);
    key_file_add_private(&file, key);
    return key_file_load(&file);
}

void keys_freep(struct keys **keys)
{
    keys_free(*keys);
}

void evp_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
