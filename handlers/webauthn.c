#include "handlers/webauthn.h"

#include <openssl/sha.h>
#include <string.h>
#include <yajl/yajl_tree.h>

/* Flags of the authenticator data. */
enum {
    FLAG_USER_PRESENT = 0x01,
    FLAG_USER_VERIFIED = 0x04,
    FLAG_BACKUP_ELIGIBLE = 0x08,
    FLAG_BACKED_UP = 0x10,
    FLAG_CREDENTIAL = 0x40,
    FLAG_EXTENSIONS = 0x80,
};

#define HEAD_BYTES (SHA256_DIGEST_LENGTH + 1 + 4)
#define AAGUID_BYTES 16
#define CLIENT_DATA_MAX_BYTES 4096
#define CLIENT_DATA_MAX_BRACKETS 32 /* the tree is freed by recursion, on a small stack */

struct authenticator_data {
    const uint8_t *relying_party_hash;
    uint8_t flags;
    uint32_t sign_count;
    struct bytes rest; /* credential and extensions */
};

static bool fail(const char **reterr, const char *error)
{
    *reterr = error;
    return false;
}

/* --- client data --- */

static bool text_is(yajl_val tree, const char *name, const char *expected)
{
    const char *path[] = {name, NULL};
    const char *text = YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));

    return text != NULL && strcmp(text, expected) == 0;
}

static bool origin_is_ours(yajl_val tree, const char *origins)
{
    const char *path[] = {"origin", NULL};
    const char *origin = YAJL_GET_STRING(yajl_tree_get(tree, path, yajl_t_string));
    size_t length = origin ? strlen(origin) : 0;

    for (const char *at = origins; length > 0 && *at != '\0'; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        if (size == length && memcmp(at, origin, length) == 0)
            return true;
        at += size;
    }
    return false;
}

/* Within another site's frame: that site could have lured the user. */
static bool is_framed(yajl_val tree)
{
    const char *cross[] = {"crossOrigin", NULL};
    const char *top[] = {"topOrigin", NULL};
    yajl_val value = yajl_tree_get(tree, cross, yajl_t_any);

    return (value != NULL && !YAJL_IS_FALSE(value)) || yajl_tree_get(tree, top, yajl_t_any) != NULL;
}

static bool check_client_data_tree(const struct webauthn_request *request, yajl_val tree,
                                   const char *type, const char **reterr)
{
    if (!YAJL_IS_OBJECT(tree))
        return fail(reterr, "the client data is not an object of JSON");
    if (!text_is(tree, "type", type))
        return fail(reterr, "the client data is of another type");
    if (!text_is(tree, "challenge", request->challenge))
        return fail(reterr, "the client data answers another challenge");
    if (!origin_is_ours(tree, request->origins))
        return fail(reterr, "the client data is of another origin");
    if (is_framed(tree))
        return fail(reterr, "the client data comes from another site's frame");
    return true;
}

static bool is_flat(struct bytes json)
{
    size_t brackets = 0;

    for (size_t i = 0; i < json.length; i++)
        brackets += json.data[i] == '{' || json.data[i] == '[';
    return brackets <= CLIENT_DATA_MAX_BRACKETS;
}

static bool check_client_data(struct arena *arena, const struct webauthn_request *request,
                              struct bytes json, const char *type, const char **reterr)
{
    char error[8];
    yajl_val tree;
    bool ok;

    if (json.length > CLIENT_DATA_MAX_BYTES || !is_flat(json) ||
        memchr(json.data, '\0', json.length) != NULL)
        return fail(reterr, "the client data is no JSON");
    tree = yajl_tree_parse(arena_strndup(arena, (const char *)json.data, json.length), error,
                           sizeof(error));
    if (tree == NULL)
        return fail(reterr, "the client data is no JSON");
    ok = check_client_data_tree(request, tree, type, reterr);
    yajl_tree_free(tree);
    return ok;
}

/* --- authenticator data --- */

static bool read_authenticator_data(struct bytes bytes, struct authenticator_data *ret)
{
    const uint8_t *at = bytes.data + SHA256_DIGEST_LENGTH;

    if (bytes.length < HEAD_BYTES)
        return false;
    ret->relying_party_hash = bytes.data;
    ret->flags = *at++;
    ret->sign_count =
        (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
    ret->rest = (struct bytes){bytes.data + HEAD_BYTES, bytes.length - HEAD_BYTES};
    return true;
}

static bool check_authenticator_data(const struct webauthn_request *request,
                                     const struct authenticator_data *data, const char **reterr)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)request->relying_party_id, strlen(request->relying_party_id),
           hash);
    if (memcmp(data->relying_party_hash, hash, sizeof(hash)) != 0)
        return fail(reterr, "the passkey is another site's");
    if (!(data->flags & FLAG_USER_PRESENT))
        return fail(reterr, "nobody was present");
    if (request->verified_user && !(data->flags & FLAG_USER_VERIFIED))
        return fail(reterr, "the authenticator did not verify who used it");
    if ((data->flags & FLAG_BACKED_UP) && !(data->flags & FLAG_BACKUP_ELIGIBLE))
        return fail(reterr, "the authenticator's flags contradict each other");
    return true;
}

/* A map of extensions, if the flag says so, and nothing behind it. */
static bool read_end(struct cbor *cbor, uint8_t flags)
{
    if (flags & FLAG_EXTENSIONS)
        return cbor_kind(cbor) == CBOR_MAP && cbor_skip(cbor) && cbor_close(cbor);
    return cbor_close(cbor);
}

/* --- registration --- */

static bool name_is(struct bytes name, const char *expected)
{
    return name.length == strlen(expected) && memcmp(name.data, expected, name.length) == 0;
}

/* The statement of the format "none" is empty. */
static bool read_statement(struct cbor *cbor, uint64_t *ret_members)
{
    struct cbor ahead = *cbor;

    return cbor_map(&ahead, ret_members) && cbor_skip(cbor);
}

/* "fmt", "attStmt" and "authData", in any order. */
static bool read_attestation(struct bytes object, struct bytes *ret_data)
{
    struct bytes format = {0}, data = {0}, name;
    uint64_t count, statement = UINT64_MAX;
    struct cbor cbor;

    cbor_open(&cbor, object);
    if (!cbor_map(&cbor, &count) || count != 3)
        return false;
    for (unsigned i = 0; i < 3; i++) {
        if (!cbor_text(&cbor, &name))
            return false;
        if (name_is(name, "fmt")       ? !cbor_text(&cbor, &format)
            : name_is(name, "attStmt") ? !read_statement(&cbor, &statement)
                                       : !name_is(name, "authData") || !cbor_bytes(&cbor, &data))
            return false;
    }
    *ret_data = data;
    return cbor_close(&cbor) && format.length > 0 && data.length > 0 && statement != UINT64_MAX &&
           (statement == 0) == name_is(format, "none");
}

static bool read_credential(struct arena *arena, const struct authenticator_data *data,
                            struct webauthn_credential *ret, const char **reterr)
{
    struct bytes rest = data->rest;
    struct cbor cbor;

    if (!(data->flags & FLAG_CREDENTIAL) || rest.length < AAGUID_BYTES + 2)
        return fail(reterr, "the answer holds no passkey");
    ret->id.data = rest.data + AAGUID_BYTES + 2;
    ret->id.length = (size_t)(rest.data[AAGUID_BYTES] << 8 | rest.data[AAGUID_BYTES + 1]);
    if (ret->id.length == 0 || ret->id.length > WEBAUTHN_CREDENTIAL_ID_MAX_BYTES ||
        ret->id.length > rest.length - AAGUID_BYTES - 2)
        return fail(reterr, "the passkey's id is malformed");
    cbor_open(&cbor, (struct bytes){ret->id.data + ret->id.length,
                                    rest.length - AAGUID_BYTES - 2 - ret->id.length});
    if (!cose_read_key(&cbor, arena, &ret->key))
        return fail(reterr, "the passkey's key is not one of ES256, EdDSA or RS256");
    if (!read_end(&cbor, data->flags))
        return fail(reterr, "there is something behind the passkey");
    ret->sign_count = data->sign_count;
    ret->backup_eligible = (data->flags & FLAG_BACKUP_ELIGIBLE) != 0;
    ret->synced = (data->flags & FLAG_BACKED_UP) != 0;
    return true;
}

bool webauthn_register(struct arena *arena, const struct webauthn_request *request,
                       struct bytes client_data, struct bytes attestation,
                       struct webauthn_credential *ret, const char **reterr)
{
    struct authenticator_data data;
    struct bytes bytes;

    if (!check_client_data(arena, request, client_data, "webauthn.create", reterr))
        return false;
    if (!read_attestation(attestation, &bytes) || !read_authenticator_data(bytes, &data))
        return fail(reterr, "the attestation is malformed");
    return check_authenticator_data(request, &data, reterr) &&
           read_credential(arena, &data, ret, reterr);
}

/* --- assertion --- */

static bool check_signature(struct arena *arena, const struct cose_key *key,
                            const struct webauthn_assertion *assertion)
{
    size_t length = assertion->authenticator_data.length;
    unsigned char *text = arena_alloc(arena, length + SHA256_DIGEST_LENGTH);

    memcpy(text, assertion->authenticator_data.data, length);
    SHA256(assertion->client_data.data, assertion->client_data.length, text + length);
    return cose_verify(key, (struct bytes){text, length + SHA256_DIGEST_LENGTH},
                       assertion->signature);
}

bool webauthn_assert(struct arena *arena, const struct webauthn_request *request,
                     const struct cose_key *key, const struct webauthn_assertion *assertion,
                     struct webauthn_proof *ret, const char **reterr)
{
    struct authenticator_data data;
    struct cbor cbor;

    if (!check_client_data(arena, request, assertion->client_data, "webauthn.get", reterr))
        return false;
    if (!read_authenticator_data(assertion->authenticator_data, &data))
        return fail(reterr, "the authenticator's data is too short");
    if (!check_authenticator_data(request, &data, reterr))
        return false;
    cbor_open(&cbor, data.rest);
    if ((data.flags & FLAG_CREDENTIAL) || !read_end(&cbor, data.flags))
        return fail(reterr, "there is something behind the authenticator's data");
    if (!check_signature(arena, key, assertion))
        return fail(reterr, "the signature is wrong");
    *ret = (struct webauthn_proof){
        .sign_count = data.sign_count,
        .backup_eligible = (data.flags & FLAG_BACKUP_ELIGIBLE) != 0,
        .synced = (data.flags & FLAG_BACKED_UP) != 0,
    };
    return true;
}

bool webauthn_count_is_next(int64_t stored, uint32_t told)
{
    return told > stored || (stored == 0 && told == 0);
}
