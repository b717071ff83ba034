#include "handlers/passkeys.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "db/queries/factors.h"
#include "handlers/challenges.h"
#include "handlers/convert.h"
#include "handlers/webauthn.h"
#include "server/protocol/base64.h"
#include "server/protocol/json.h"

#define SITE_NAME "Waystone"
#define USER_HANDLE_BYTES 32

/* --- options --- */

static void write_text(struct buffer *out, const char *text)
{
    json_write_string(out, text, strlen(text));
}

static void write_base64(struct buffer *out, struct bytes bytes)
{
    buffer_append_char(out, '"');
    base64_encode(out, bytes.data, bytes.length, BASE64_URL, false);
    buffer_append_char(out, '"');
}

/* [{"type":"public-key","id":"..."}, ...] */
static void write_credentials(struct buffer *out, const struct passkeys_of_row *rows, size_t count)
{
    buffer_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        buffer_append_string(out, i > 0 ? ",{\"type\":\"public-key\",\"id\":"
                                        : "{\"type\":\"public-key\",\"id\":");
        write_base64(out, rows[i].credential_id);
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
}

static const char *take_text(struct arena *arena, struct buffer *text)
{
    const char *copy = arena_strndup(arena, (const char *)buffer_data(text), text->length);

    buffer_free(text);
    return copy;
}

enum status passkeys_request_options(struct rpc_call *call, struct db *db, int64_t account_id,
                                     const char *challenge, const char **ret_options)
{
    struct passkeys_of_row *rows = NULL;
    struct buffer json = {0};
    size_t count = 0;

    if (account_id != 0) {
        TRY(passkeys_of(db, call->arena, account_id, &rows, &count));
        if (count == 0) {
            *ret_options = "";
            return STATUS_OK;
        }
    }
    buffer_append_string(&json, "{\"challenge\":");
    write_text(&json, challenge);
    buffer_printf(&json, ",\"timeout\":%d,\"rpId\":", CHALLENGE_LIFE_S * 1000);
    write_text(&json, call->app->relying_party_id);
    buffer_append_string(&json, ",\"allowCredentials\":");
    write_credentials(&json, rows, count);
    buffer_append_string(&json, ",\"userVerification\":\"required\"}");
    *ret_options = take_text(call->arena, &json);
    return STATUS_OK;
}

static enum status handle_of(struct rpc_call *call, struct db *tx, struct bytes *ret)
{
    unsigned char random_bytes[USER_HANDLE_BYTES];
    struct passkey_owners_get_row *row;

    randombytes_buf(random_bytes, sizeof(random_bytes));
    TRY(passkey_owners_get(tx, call->arena, call->identity.account_id,
                           (struct bytes){random_bytes, sizeof(random_bytes)}, &row));
    *ret = row->user_handle;
    return STATUS_OK;
}

static void write_user(struct buffer *out, struct bytes handle, const char *user_name)
{
    buffer_append_string(out, ",\"user\":{\"id\":");
    write_base64(out, handle);
    buffer_append_string(out, ",\"name\":");
    write_text(out, user_name);
    buffer_append_string(out, ",\"displayName\":");
    write_text(out, user_name);
    buffer_append_char(out, '}');
}

enum status passkeys_creation_options(struct rpc_call *call, struct db *tx, const char *user_name,
                                      const char *challenge, const char **ret_options)
{
    struct passkeys_of_row *rows;
    struct buffer json = {0};
    struct bytes handle;
    size_t count;

    TRY(handle_of(call, tx, &handle));
    TRY(passkeys_of(tx, call->arena, call->identity.account_id, &rows, &count));
    buffer_append_string(&json, "{\"rp\":{\"id\":");
    write_text(&json, call->app->relying_party_id);
    buffer_append_string(&json, ",\"name\":\"" SITE_NAME "\"}");
    write_user(&json, handle, user_name);
    buffer_append_string(&json, ",\"challenge\":");
    write_text(&json, challenge);
    buffer_printf(&json,
                  ",\"pubKeyCredParams\":[{\"type\":\"public-key\",\"alg\":%d},"
                  "{\"type\":\"public-key\",\"alg\":%d},{\"type\":\"public-key\",\"alg\":%d}],"
                  "\"timeout\":%d,\"excludeCredentials\":",
                  COSE_ES256, COSE_EDDSA, COSE_RS256, CHALLENGE_LIFE_S * 1000);
    write_credentials(&json, rows, count);
    buffer_append_string(&json, ",\"authenticatorSelection\":{\"residentKey\":\"required\","
                                "\"requireResidentKey\":true,\"userVerification\":\"required\"},"
                                "\"attestation\":\"none\"}");
    *ret_options = take_text(call->arena, &json);
    return STATUS_OK;
}

/* --- answers --- */

static struct webauthn_request request_of(const struct rpc_call *call, const char *challenge)
{
    return (struct webauthn_request){
        .relying_party_id = call->app->relying_party_id,
        .origins = call->app->origins,
        .challenge = challenge,
        .verified_user = true,
    };
}

static struct bytes bytes_of(ProtobufCBinaryData data)
{
    return (struct bytes){data.data, data.len};
}

static Passkey *new_passkey_to_api(struct arena *arena, const struct passkeys_insert_row *row,
                                   const char *name, bool synced)
{
    Passkey *passkey = Passkey_new(arena);

    passkey->id = row->id;
    passkey->name = (char *)name;
    passkey->created_at = timestamp_from_us(arena, row->created_at);
    passkey->synced = synced;
    return passkey;
}

enum status passkeys_add(struct rpc_call *call, struct db *tx, const char *challenge,
                         struct bytes client_data, struct bytes attestation, const char *name,
                         Passkey **ret_passkey, const char **ret_error)
{
    struct webauthn_request request = request_of(call, challenge);
    struct webauthn_credential credential;
    struct passkeys_insert_row *row;

    *ret_error = NULL;
    if (!webauthn_register(call->arena, &request, client_data, attestation, &credential, ret_error))
        return STATUS_OK;
    TRY(passkeys_insert(tx, call->arena, call->identity.account_id, credential.id,
                        credential.key.algorithm, credential.key.der, credential.sign_count,
                        credential.backup_eligible, credential.synced, name, &row));
    *ret_passkey = new_passkey_to_api(call->arena, row, name, credential.synced);
    return STATUS_OK;
}

static bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

/* Whether the passkey is that of whom it is to prove. A handle is told by every passkey that was
 * found without being named, and then has to be its owner's. */
static bool is_owners(const struct passkeys_lock_row *row, int64_t account_id, struct bytes handle)
{
    if (account_id != 0 && account_id != row->account_id)
        return false;
    return (account_id != 0 && handle.length == 0) || bytes_equal(handle, row->user_handle);
}

/* What is wrong; NULL if the proof holds. */
static const char *judge(struct rpc_call *call, const struct passkeys_lock_row *row,
                         const char *challenge, const PasskeyAssertion *answer,
                         struct webauthn_proof *ret)
{
    struct webauthn_request request = request_of(call, challenge);
    struct cose_key key = {(enum cose_algorithm)row->algorithm, row->public_key};
    struct webauthn_assertion assertion = {
        .client_data = bytes_of(answer->client_data_json),
        .authenticator_data = bytes_of(answer->authenticator_data),
        .signature = bytes_of(answer->signature),
    };
    const char *error;

    if (!webauthn_assert(call->arena, &request, &key, &assertion, ret, &error))
        return error;
    if (ret->backup_eligible != row->backup_eligible)
        return "the passkey was of another kind when it was added";
    if (!webauthn_count_is_next(row->sign_count, ret->sign_count))
        return "the passkey's counter went back: there may be a copy of it";
    return NULL;
}

enum status passkeys_prove(struct rpc_call *call, struct db *tx, int64_t account_id,
                           const char *challenge, const PasskeyAssertion *answer,
                           int64_t *ret_account_id)
{
    struct passkeys_lock_row *row;
    struct webauthn_proof proof;
    const char *error;
    enum status s;

    *ret_account_id = 0;
    s = passkeys_lock(tx, call->arena, bytes_of(answer->credential_id), &row);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(s);
    if (!is_owners(row, account_id, bytes_of(answer->user_handle)))
        return STATUS_OK;
    error = judge(call, row, challenge, answer, &proof);
    if (error != NULL) {
        log_info("passkey refused", LOG_STRING("error", error), LOG_INT("passkey_id", row->id),
                 LOG_INT("account_id", row->account_id),
                 LOG_STRING("request_id", call->request_id));
        return STATUS_OK;
    }
    *ret_account_id = row->account_id;
    return passkeys_used(tx, row->id, proof.sign_count, proof.synced);
}

char *passkeys_default_origins(const char *relying_party_id, int port)
{
    char *origins = NULL;
    int length = strcmp(relying_party_id, "localhost") == 0
                     ? asprintf(&origins, "http://localhost:%d https://localhost:%d", port, port)
                     : asprintf(&origins, "https://%s", relying_party_id);

    return length < 0 ? NULL : origins;
}
