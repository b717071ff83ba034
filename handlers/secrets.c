#include "handlers/secrets.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 32
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define KEYS_MAX 4
#define LINE_BYTES 128
#define PLAIN_MAX_BYTES (16 * 1024 * 1024)

struct secrets {
    unsigned char keys[KEYS_MAX][KEY_BYTES]; /* the first seals */
    size_t count;
    bool for_development;
};

/* --- loading --- */

/* EVP_DecodeBlock() counts padding as zeros, so that 32 bytes come out as 33. */
static bool decode_key(const char *line, size_t length, unsigned char out[KEY_BYTES])
{
    unsigned char bytes[KEY_BYTES + 1];
    bool ok = length == 44 && line[43] == '=' && line[42] != '=' &&
              EVP_DecodeBlock(bytes, (const unsigned char *)line, 44) == KEY_BYTES + 1;

    if (ok)
        memcpy(out, bytes, KEY_BYTES);
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return ok;
}

static bool read_line(struct secrets *secrets, const char *line)
{
    size_t length = strcspn(line, "\r\n");

    if (length == 0)
        return true;
    return secrets->count < KEYS_MAX && decode_key(line, length, secrets->keys[secrets->count++]);
}

static bool read_lines(struct secrets *secrets, FILE *file)
{
    char line[LINE_BYTES];
    bool ok = true;

    setvbuf(file, NULL, _IONBF, 0); /* no copy in a buffer that nobody clears */
    while (ok && fgets(line, sizeof(line), file) != NULL)
        ok = read_line(secrets, line);
    OPENSSL_cleanse(line, sizeof(line));
    return ok && !ferror(file) && secrets->count > 0;
}

static struct secrets *load_file(struct secrets *secrets, const char *path, char *reterr,
                                 size_t reterr_size)
{
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        snprintf(reterr, reterr_size, "auth.master_key = '%s' cannot be read: %s", path,
                 strerror(errno));
        secrets_free(secrets);
        return NULL;
    }
    if (!read_lines(secrets, file)) {
        snprintf(reterr, reterr_size,
                 "auth.master_key = '%s' must hold 32 random bytes in base64, and at most %d "
                 "earlier ones in lines below; make it with: openssl rand -base64 32",
                 path, KEYS_MAX - 1);
        secrets_free(secrets);
        secrets = NULL;
    }
    fclose(file);
    return secrets;
}

struct secrets *secrets_load(const char *path, char *reterr, size_t reterr_size)
{
    static const char development[] = "waystone, for development only!!";
    struct secrets *secrets = calloc(1, sizeof(*secrets));

    _Static_assert(sizeof(development) == KEY_BYTES + 1, "one key");
    if (secrets == NULL)
        abort();
    if (path[0] != '\0')
        return load_file(secrets, path, reterr, reterr_size);
    memcpy(secrets->keys[0], development, KEY_BYTES);
    secrets->count = 1;
    secrets->for_development = true;
    return secrets;
}

void secrets_free(struct secrets *secrets)
{
    if (secrets == NULL)
        return;
    OPENSSL_cleanse(secrets, sizeof(*secrets));
    free(secrets);
}

bool secrets_are_for_development(const struct secrets *secrets)
{
    return secrets->for_development;
}

/* --- sealing and opening --- */

/* Purpose, a zero byte, and the id in eight bytes, highest first. */
static bool add_context(EVP_CIPHER_CTX *context, const char *purpose, int64_t id)
{
    unsigned char tail[9] = {0};
    int length;

    for (int i = 0; i < 8; i++)
        tail[1 + i] = (unsigned char)((uint64_t)id >> (56 - 8 * i));
    return EVP_CipherUpdate(context, NULL, &length, (const unsigned char *)purpose,
                            (int)strlen(purpose)) == 1 &&
           EVP_CipherUpdate(context, NULL, &length, tail, sizeof(tail)) == 1;
}

bool secrets_seal(const struct secrets *secrets, struct arena *arena, const char *purpose,
                  int64_t id, struct bytes plain, struct bytes *ret_sealed)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    unsigned char *out, *text, *tag;
    int length;
    bool ok;

    if (plain.length > PLAIN_MAX_BYTES)
        abort();
    out = arena_alloc(arena, NONCE_BYTES + plain.length + TAG_BYTES);
    text = out + NONCE_BYTES;
    tag = text + plain.length;
    ok = context != NULL && RAND_bytes(out, NONCE_BYTES) == 1 &&
         EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, secrets->keys[0], out, 1) == 1 &&
         add_context(context, purpose, id) &&
         EVP_CipherUpdate(context, text, &length, plain.data, (int)plain.length) == 1 &&
         EVP_CipherFinal_ex(context, tag, &length) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    ERR_clear_error(); /* the next user of OpenSSL on this thread is not to find ours */
    *ret_sealed = (struct bytes){out, NONCE_BYTES + plain.length + TAG_BYTES};
    return ok;
}

static bool open_with(const unsigned char *key, const char *purpose, int64_t id,
                      struct bytes sealed, unsigned char *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t text_length = sealed.length - NONCE_BYTES - TAG_BYTES;
    const unsigned char *text = sealed.data + NONCE_BYTES;
    int length;
    bool ok = context != NULL &&
              EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, sealed.data, 0) == 1 &&
              add_context(context, purpose, id) &&
              EVP_CipherUpdate(context, out, &length, text, (int)text_length) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, TAG_BYTES,
                                  (void *)(text + text_length)) == 1 &&
              EVP_CipherFinal_ex(context, out + text_length, &length) == 1;

    EVP_CIPHER_CTX_free(context);
    ERR_clear_error();
    return ok;
}

bool secrets_open(const struct secrets *secrets, struct arena *arena, const char *purpose,
                  int64_t id, struct bytes sealed, struct bytes *ret_plain)
{
    size_t length = sealed.length - NONCE_BYTES - TAG_BYTES;
    unsigned char *out;

    if (sealed.length < NONCE_BYTES + TAG_BYTES || length > PLAIN_MAX_BYTES)
        return false;
    out = arena_alloc(arena, length + 1); /* text has its NUL */
    for (size_t i = 0; i < secrets->count; i++)
        if (open_with(secrets->keys[i], purpose, id, sealed, out)) {
            *ret_plain = (struct bytes){out, length};
            return true;
        }
    OPENSSL_cleanse(out, length); /* what did not authenticate is nobody's business */
    return false;
}
