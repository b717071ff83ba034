#include "handlers/oidc.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/json_fields.h"
#include "handlers/public_keys.h"
#include "server/protocol/base64.h"

#define KEY_ID_MAX_BYTES 255
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum algorithm { ALGORITHM_NONE, ALGORITHM_RS256, ALGORITHM_ES256 };

struct key {
    char *id; /* NULL: it has none */
    enum algorithm algorithm;
    EVP_PKEY *public;
};

struct oidc_keys {
    struct key items[OIDC_KEYS_MAX];
    size_t count;
};

static bool fail(const char **reterr, const char *error)
{
    *reterr = error;
    return false;
}

static bool has_text(const struct json_texts *texts, const char *wanted)
{
    for (size_t i = 0; i < texts->count; i++)
        if (strcmp(texts->items[i], wanted) == 0)
            return true;
    return false;
}

/* --- discovery --- */

bool oidc_read_metadata(struct arena *arena, struct bytes json, const char *issuer,
                        struct oidc_metadata *ret, const char **reterr)
{
    struct json_texts methods = {0};
    const char *named = "";
    const struct json_field fields[] = {
        {"issuer", JSON_FIELD_TEXT, &named},
        {"authorization_endpoint", JSON_FIELD_TEXT, &ret->authorization_endpoint},
        {"token_endpoint", JSON_FIELD_TEXT, &ret->token_endpoint},
        {"jwks_uri", JSON_FIELD_TEXT, &ret->jwks_uri},
        {"token_endpoint_auth_methods_supported", JSON_FIELD_TEXTS, &methods},
        {"authorization_response_iss_parameter_supported", JSON_FIELD_FLAG, &ret->issuer_in_answer},
    };

    *ret = (struct oidc_metadata){0};
    if (!json_fields_read(arena, json, fields, COUNT_OF(fields)))
        return fail(reterr, "the discovery document is malformed");
    if (strcmp(named, issuer) != 0)
        return fail(reterr, "the discovery document names another issuer");
    if (ret->authorization_endpoint == NULL || ret->token_endpoint == NULL || ret->jwks_uri == NULL)
        return fail(reterr, "the discovery document lacks an endpoint");
    ret->secret_in_form = methods.count > 0 && !has_text(&methods, "client_secret_basic") &&
                          has_text(&methods, "client_secret_post");
    return true;
}

/* --- keys --- */

struct jwk {
    const char *type, *use, *algorithm, *id, *curve, *x, *y, *modulus, *exponent;
};

static bool take_jwk(struct json_text *text, struct jwk *ret)
{
    const struct json_field fields[] = {
        {"kty", JSON_FIELD_TEXT, &ret->type},      {"use", JSON_FIELD_TEXT, &ret->use},
        {"alg", JSON_FIELD_TEXT, &ret->algorithm}, {"kid", JSON_FIELD_TEXT, &ret->id},
        {"crv", JSON_FIELD_TEXT, &ret->curve},     {"x", JSON_FIELD_TEXT, &ret->x},
        {"y", JSON_FIELD_TEXT, &ret->y},           {"n", JSON_FIELD_TEXT, &ret->modulus},
        {"e", JSON_FIELD_TEXT, &ret->exponent},
    };

    *ret = (struct jwk){.type = "",
                        .use = "sig",
                        .algorithm = "",
                        .curve = "",
                        .x = "",
                        .y = "",
                        .modulus = "",
                        .exponent = ""};
    return json_fields_take(text, fields, COUNT_OF(fields), NULL);
}

/* Empty if it is no base64. */
static struct bytes decode(struct arena *arena, const char *text, size_t length)
{
    uint8_t *data = arena_alloc(arena, base64_decoded_max(length));
    size_t decoded;

    if (!base64_decode_to(data, text, length, &decoded))
        decoded = 0;
    return (struct bytes){data, decoded};
}

static struct bytes decode_text(struct arena *arena, const char *text)
{
    return decode(arena, text, strlen(text));
}

/* The type of a key says by which algorithm it signs: nobody chooses another one. */
static enum algorithm algorithm_of(const struct jwk *jwk)
{
    enum algorithm algorithm = ALGORITHM_NONE;
    const char *name = "";

    if (strcmp(jwk->type, "RSA") == 0) {
        algorithm = ALGORITHM_RS256;
        name = "RS256";
    } else if (strcmp(jwk->type, "EC") == 0 && strcmp(jwk->curve, "P-256") == 0) {
        algorithm = ALGORITHM_ES256;
        name = "ES256";
    }
    if (strcmp(jwk->use, "sig") != 0 ||
        (jwk->algorithm[0] != '\0' && strcmp(jwk->algorithm, name) != 0))
        return ALGORITHM_NONE;
    return algorithm;
}

static void add_key(struct arena *arena, struct oidc_keys *keys, const struct jwk *jwk)
{
    enum algorithm algorithm = algorithm_of(jwk);
    EVP_PKEY *public = NULL;

    if (keys->count == OIDC_KEYS_MAX || (jwk->id != NULL && strlen(jwk->id) > KEY_ID_MAX_BYTES))
        return;
    if (algorithm == ALGORITHM_RS256)
    public = public_key_rsa(decode_text(arena, jwk->modulus), decode_text(arena, jwk->exponent));
    else if (algorithm == ALGORITHM_ES256) public =
        public_key_p256(decode_text(arena, jwk->x), decode_text(arena, jwk->y));
    if (public == NULL)
        return;
    keys->items[keys->count++] = (struct key){
        .id = jwk->id != NULL ? strdup(jwk->id) : NULL, .algorithm = algorithm, .public = public};
}

static bool take_keys(struct json_text *text, struct oidc_keys *keys)
{
    struct json_slice name;
    struct jwk jwk;

    if (json_text_kind(text) != JSON_OBJECT || !json_text_enter(text))
        return false;
    while (json_text_member(text, &name)) {
        if (!json_name_is(name, "keys")) {
            (void)json_text_skip(text);
            continue;
        }
        if (json_text_kind(text) != JSON_ARRAY || !json_text_enter(text))
            return false;
        while (json_text_item(text)) {
            if (!take_jwk(text, &jwk))
                return false;
            add_key(text->arena, keys, &jwk);
        }
    }
    return json_text_close(text);
}

struct oidc_keys *oidc_keys_read(struct bytes json, const char **reterr)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct oidc_keys *keys = calloc(1, sizeof(*keys));
    struct json_text text;

    if (keys == NULL)
        abort();
    if (!json_fields_open(&text, arena, json) || !take_keys(&text, keys))
        *reterr = "the set of keys is malformed";
    else if (keys->count == 0)
        *reterr = "the set of keys has none for RS256 or ES256";
    else
        return keys;
    oidc_keys_free(keys);
    return NULL;
}

void oidc_keys_free(struct oidc_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++) {
        EVP_PKEY_free(keys->items[i].public);
        free(keys->items[i].id);
    }
    free(keys);
}

/* --- answers of the token endpoint --- */

const char *oidc_read_answer(struct arena *arena, struct bytes json)
{
    const char *token = NULL;
    const struct json_field field = {"id_token", JSON_FIELD_TEXT, &token};

    return json_fields_read(arena, json, &field, 1) ? token : NULL;
}

const char *oidc_read_refusal(struct arena *arena, struct bytes json)
{
    const char *error = "";
    const struct json_field field = {"error", JSON_FIELD_TEXT, &error};

    return json_fields_read(arena, json, &field, 1) ? error : "";
}

/* --- tokens --- */

/* A token's three parts: head, claims, signature. */
struct parts {
    struct bytes head, claims, signature;
    struct bytes signed_text;
};

static bool split(struct arena *arena, const char *token, struct parts *ret)
{
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;

    if (second == NULL || strchr(second + 1, '.') != NULL || strlen(token) > OIDC_TOKEN_MAX_BYTES)
        return false;
    ret->head = decode(arena, token, (size_t)(first - token));
    ret->claims = decode(arena, first + 1, (size_t)(second - first - 1));
    ret->signature = decode_text(arena, second + 1);
    ret->signed_text = (struct bytes){(const uint8_t *)token, (size_t)(second - token)};
    return ret->head.length > 0 && ret->claims.length > 0 && ret->signature.length > 0;
}

struct head {
    const char *algorithm, *key_id;
    bool has_critical; /* extensions that we would have to know */
};

static bool read_head(struct arena *arena, struct bytes json, struct head *ret)
{
    const struct json_field fields[] = {
        {"alg", JSON_FIELD_TEXT, &ret->algorithm},
        {"kid", JSON_FIELD_TEXT, &ret->key_id},
        {"crit", JSON_FIELD_ANY, &ret->has_critical},
    };

    *ret = (struct head){.algorithm = ""};
    return json_fields_read(arena, json, fields, COUNT_OF(fields)) && !ret->has_critical;
}

static enum algorithm algorithm_named(const char *name)
{
    if (strcmp(name, "RS256") == 0)
        return ALGORITHM_RS256;
    return strcmp(name, "ES256") == 0 ? ALGORITHM_ES256 : ALGORITHM_NONE;
}

/* The key of that name; without a name, the only one there is for the algorithm. */
static const struct key *find_key(const struct oidc_keys *keys, const struct head *head)
{
    enum algorithm algorithm = algorithm_named(head->algorithm);
    const struct key *found = NULL;
    size_t fitting = 0;

    for (size_t i = 0; i < keys->count; i++) {
        const struct key *key = &keys->items[i];
        if (head->key_id != NULL && (key->id == NULL || strcmp(key->id, head->key_id) != 0))
            continue;
        if (head->key_id == NULL && key->algorithm != algorithm)
            continue;
        found = key;
        fitting++;
    }
    return fitting == 1 ? found : NULL;
}

static bool check_signature(const struct key *key, const struct parts *parts)
{
    return key->algorithm == ALGORITHM_ES256
               ? public_key_verify_plain(key->public, parts->signed_text, parts->signature)
               : public_key_verify(key->public, parts->signed_text, parts->signature);
}

struct claims {
    const char *issuer, *authorized_party, *nonce;
    struct json_texts audience;
    int64_t expires_s, issued_s, not_before_s;
    struct oidc_identity who;
};

static bool read_claims(struct arena *arena, struct bytes json, struct claims *ret)
{
    const struct json_field fields[] = {
        {"iss", JSON_FIELD_TEXT, &ret->issuer},
        {"azp", JSON_FIELD_TEXT, &ret->authorized_party},
        {"nonce", JSON_FIELD_TEXT, &ret->nonce},
        {"aud", JSON_FIELD_TEXTS, &ret->audience},
        {"exp", JSON_FIELD_SECONDS, &ret->expires_s},
        {"iat", JSON_FIELD_SECONDS, &ret->issued_s},
        {"nbf", JSON_FIELD_SECONDS, &ret->not_before_s},
        {"sub", JSON_FIELD_TEXT, &ret->who.subject},
        {"email", JSON_FIELD_TEXT, &ret->who.email},
        {"email_verified", JSON_FIELD_FLAG, &ret->who.email_verified},
        {"preferred_username", JSON_FIELD_TEXT, &ret->who.preferred_username},
        {"nickname", JSON_FIELD_TEXT, &ret->who.nickname},
        {"name", JSON_FIELD_TEXT, &ret->who.name},
    };

    *ret = (struct claims){.issuer = "", .nonce = "", .expires_s = -1, .issued_s = -1};
    ret->who = (struct oidc_identity){"", "", false, "", "", ""};
    return json_fields_read(arena, json, fields, COUNT_OF(fields));
}

static bool is_same_secret(const char *one, const char *other)
{
    size_t length = strlen(one);

    return length == strlen(other) && CRYPTO_memcmp(one, other, length) == 0;
}

/* Who is meant must be us, and nobody else alone. */
static bool check_audience(const struct claims *claims, const char *client_id)
{
    if (!has_text(&claims->audience, client_id))
        return false;
    if (claims->authorized_party != NULL)
        return strcmp(claims->authorized_party, client_id) == 0;
    return claims->audience.count == 1;
}

static bool check_times(const struct claims *claims, int64_t now_s, const char **reterr)
{
    if (claims->expires_s < 0 || claims->issued_s < 0)
        return fail(reterr, "the ID token does not say how old it is");
    if (now_s >= claims->expires_s + OIDC_LEEWAY_S)
        return fail(reterr, "the ID token has expired");
    if (claims->issued_s > now_s + OIDC_LEEWAY_S || claims->not_before_s > now_s + OIDC_LEEWAY_S)
        return fail(reterr, "the ID token comes from the future; compare the clocks");
    if (claims->issued_s < now_s - OIDC_AGE_MAX_S - OIDC_LEEWAY_S)
        return fail(reterr, "the ID token was made too long ago");
    return true;
}

static bool check_claims(const struct claims *claims, const struct oidc_expected *expected,
                         const char **reterr)
{
    size_t subject_length = strlen(claims->who.subject);

    if (strcmp(claims->issuer, expected->issuer) != 0)
        return fail(reterr, "the ID token is of another issuer");
    if (!check_audience(claims, expected->client_id))
        return fail(reterr, "the ID token was made for somebody else");
    if (!check_times(claims, expected->now_s, reterr))
        return false;
    if (!is_same_secret(claims->nonce, expected->nonce))
        return fail(reterr, "the ID token has another nonce");
    if (subject_length == 0 || subject_length > OIDC_SUBJECT_MAX_BYTES)
        return fail(reterr, "the ID token has no subject, or one that is too long");
    return true;
}

enum oidc_result oidc_verify(struct arena *arena, const struct oidc_keys *keys,
                             const struct oidc_expected *expected, const char *token,
                             struct oidc_identity *ret, const char **reterr)
{
    const struct key *key;
    struct claims claims;
    struct parts parts;
    struct head head;

    *reterr = "the ID token is malformed";
    if (!split(arena, token, &parts) || !read_head(arena, parts.head, &head))
        return OIDC_REFUSED;
    *reterr = "the ID token is signed by another algorithm than RS256 or ES256";
    if (algorithm_named(head.algorithm) == ALGORITHM_NONE)
        return OIDC_REFUSED;
    *reterr = "the ID token is signed by an unknown key";
    key = find_key(keys, &head);
    if (key == NULL)
        return OIDC_UNKNOWN_KEY;
    *reterr = "the ID token is not signed by the provider's key";
    if (algorithm_named(head.algorithm) != key->algorithm || !check_signature(key, &parts))
        return OIDC_REFUSED;
    *reterr = "the ID token's claims are malformed";
    if (!read_claims(arena, parts.claims, &claims) || !check_claims(&claims, expected, reterr))
        return OIDC_REFUSED;
    *ret = claims.who;
    return OIDC_OK;
}
