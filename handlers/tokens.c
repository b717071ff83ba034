#include "handlers/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "server/protocol/base64.h"
#include "server/protocol/json.h"

/* Clocks of the studio's machines may differ by this much. */
#define LEEWAY_S 5

/* The one head a token has; the key's name lies between. */
#define HEAD_START "{\"alg\":\"ES256\",\"kid\":\""
#define HEAD_END "\",\"typ\":\"JWT\"}"
#define HEAD_START_LENGTH (sizeof(HEAD_START) - 1)
#define HEAD_END_LENGTH (sizeof(HEAD_END) - 1)

/* --- signing --- */

static void append_base64(struct buffer *out, const void *data, size_t length)
{
    base64_encode(out, data, length, BASE64_URL, false);
}

static void write_claims(struct buffer *out, const char *issuer, const struct token_claims *claims)
{
    buffer_append_string(out, "{\"iss\":");
    json_write_string(out, issuer, strlen(issuer));
    buffer_append_string(out, ",\"aud\":");
    json_write_string(out, issuer, strlen(issuer));
    buffer_printf(out,
                  ",\"sub\":\"%lld\",\"sid\":\"%lld\",\"role\":%lld,"
                  "\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}",
                  (long long)claims->account_id, (long long)claims->session_id,
                  (long long)claims->role, (long long)claims->issued_s, (long long)claims->issued_s,
                  (long long)claims->expires_s);
}

const char *token_sign(const struct keys *keys, struct arena *arena, const char *issuer,
                       const struct token_claims *claims)
{
    unsigned char signature[KEY_SIGNATURE_BYTES];
    struct buffer token = {0};
    const char *result = NULL;
    struct buffer body = {0};
    size_t signer = keys_signer(keys, claims->issued_s * 1000000);
    char *head = arena_printf(arena, HEAD_START "%s" HEAD_END, keys_id(keys, signer));

    write_claims(&body, issuer, claims);
    append_base64(&token, head, strlen(head));
    buffer_append_char(&token, '.');
    append_base64(&token, buffer_data(&body), body.length);
    buffer_free(&body);
    if (keys_sign(keys, signer, buffer_data(&token), token.length, signature)) {
        buffer_append_char(&token, '.');
        append_base64(&token, signature, sizeof(signature));
        result = arena_strndup(arena, (char *)buffer_data(&token), token.length);
    }
    buffer_free(&token);
    return result;
}

/* --- verifying --- */

static const char *text_of(yajl_val tree, const char *name)
{
    const char *path[] = {name, NULL};

    return YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
}

static bool text_is(yajl_val tree, const char *name, const char *expected)
{
    const char *text = text_of(tree, name);

    return text != NULL && strcmp(text, expected) == 0;
}

static bool number_of(yajl_val tree, const char *name, int64_t *ret)
{
    const char *path[] = {name, NULL};
    yajl_val value = yajl_tree_get(tree, path, yajl_t_number);

    if (!YAJL_IS_INTEGER(value))
        return false;
    *ret = YAJL_GET_INTEGER(value);
    return true;
}

static bool id_of(yajl_val tree, const char *name, int64_t *ret)
{
    const char *text = text_of(tree, name);
    char *end;

    if (text == NULL || *text < '1' || *text > '9')
        return false;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static yajl_val decode_json(const char *text, size_t length)
{
    struct buffer json = {0};
    yajl_val tree = NULL;
    char error[8];

    if (base64_decode(&json, text, length)) {
        buffer_append_char(&json, '\0');
        tree = yajl_tree_parse((char *)buffer_data(&json), error, sizeof(error));
    }
    buffer_free(&json);
    return tree;
}

/* The name of the key, if the head is exactly one of ours: nothing a stranger wrote is parsed,
 * and there is no algorithm to choose. */
static bool read_head(const char *text, size_t length, char ret_id[KEY_ID_LENGTH + 1])
{
    struct buffer head = {0};
    bool ok = base64_decode(&head, text, length) &&
              head.length == HEAD_START_LENGTH + KEY_ID_LENGTH + HEAD_END_LENGTH &&
              memcmp(buffer_data(&head), HEAD_START, HEAD_START_LENGTH) == 0 &&
              memcmp(buffer_data(&head) + HEAD_START_LENGTH + KEY_ID_LENGTH, HEAD_END,
                     HEAD_END_LENGTH) == 0;

    if (ok) {
        memcpy(ret_id, buffer_data(&head) + HEAD_START_LENGTH, KEY_ID_LENGTH);
        ret_id[KEY_ID_LENGTH] = '\0';
    }
    buffer_free(&head);
    return ok;
}

static bool check_signature(const struct keys *keys, const char *key_id, const char *token,
                            size_t signed_length, const char *text)
{
    struct buffer signature = {0};
    bool ok = base64_decode(&signature, text, strlen(text)) &&
              signature.length == KEY_SIGNATURE_BYTES &&
              keys_verify(keys, key_id, token, signed_length, buffer_data(&signature));

    buffer_free(&signature);
    return ok;
}

static enum status read_claims(yajl_val body, const char *issuer, int64_t now_s,
                               struct token_claims *claims, const char **reterr)
{
    int64_t not_before;

    if (!text_is(body, "iss", issuer) || !text_is(body, "aud", issuer) ||
        !id_of(body, "sub", &claims->account_id) || !id_of(body, "sid", &claims->session_id) ||
        !number_of(body, "role", &claims->role) || !number_of(body, "iat", &claims->issued_s) ||
        !number_of(body, "nbf", &not_before) || !number_of(body, "exp", &claims->expires_s)) {
        *reterr = "the access token was made for something else; sign in again";
        return STATUS_UNAUTHENTICATED;
    }
    if (now_s >= claims->expires_s) {
        *reterr = "the access token has expired; refresh the session";
        return STATUS_UNAUTHENTICATED;
    }
    if (now_s + LEEWAY_S < not_before) {
        *reterr = "the access token is not valid yet; check the clock";
        return STATUS_UNAUTHENTICATED;
    }
    return STATUS_OK;
}

enum status token_verify(const struct keys *keys, struct arena *arena, const char *issuer,
                         int64_t now_s, const char *token, struct token_claims *ret_claims,
                         const char **reterr)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    char key_id[KEY_ID_LENGTH + 1];
    enum status status;
    yajl_val body;

    *reterr = "the access token is not one of ours; sign in again";
    if (second == NULL || strlen(token) > TOKEN_MAX_BYTES)
        return STATUS_UNAUTHENTICATED;
    if (!read_head(token, (size_t)(first - token), key_id) ||
        !check_signature(keys, key_id, token, (size_t)(second - token), second + 1))
        return STATUS_UNAUTHENTICATED;
    body = decode_json(first + 1, (size_t)(second - first - 1));
    if (body == NULL)
        return STATUS_UNAUTHENTICATED;
    status = read_claims(body, issuer, now_s, ret_claims, reterr);
    yajl_tree_free(body);
    return status;
}
