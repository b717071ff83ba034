#include "handlers/provider_flows.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "db/queries/providers.h"
#include "handlers/cookie.h"
#include "handlers/secrets.h"

#define PURPOSE "provider_flows.sealed"
#define RANDOM_BYTES 32
#define RANDOM_LENGTH 43 /* of these in base64 without padding */

/* Lax rather than Strict: the browser comes back by another site's link. */
static const struct cookie cookie = {
    .name = "waystone_provider",
    .path = "/waystone.auth.v1.ProviderService/",
    .same_site = "Lax",
};

struct hash {
    unsigned char digest[SHA256_DIGEST_LENGTH];
};

static struct bytes hash_text(const char *text, struct hash *hash)
{
    SHA256((const unsigned char *)text, strlen(text), hash->digest);
    return (struct bytes){hash->digest, sizeof(hash->digest)};
}

const char *provider_flow_random(struct arena *arena)
{
    unsigned char random_bytes[RANDOM_BYTES];
    char *text = arena_alloc(arena, RANDOM_LENGTH + 1);

    randombytes_buf(random_bytes, sizeof(random_bytes));
    sodium_bin2base64(text, RANDOM_LENGTH + 1, random_bytes, sizeof(random_bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random_bytes, sizeof(random_bytes));
    return text;
}

/* --- browsers --- */

const char *provider_flow_mark_browser(struct rpc_call *call)
{
    const char *browser = provider_flow_random(call->arena);

    cookie_set(call, &cookie, browser, PROVIDER_FLOW_LIFE_S);
    return browser;
}

void provider_flow_forget_browser(struct rpc_call *call)
{
    cookie_clear(call, &cookie);
}

static enum status fail_gone(struct rpc_call *call)
{
    return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "FLOW_GONE",
                           "this was not started in this browser, or too long ago, or it is done; "
                           "start again");
}

enum status provider_flow_browser(struct rpc_call *call, const char **ret_browser)
{
    TRY(cookie_get(call, &cookie, ret_browser));
    return *ret_browser != NULL ? STATUS_OK : fail_gone(call);
}

/* --- flows --- */

/* Ties what is sealed to its row. */
static int64_t row_number(struct bytes hash)
{
    int64_t number;

    memcpy(&number, hash.data, sizeof(number));
    return number;
}

static bool seal(struct rpc_call *call, const struct provider_flow *flow, struct bytes hash,
                 struct bytes *ret)
{
    struct buffer plain = {0};
    bool ok;

    for (size_t i = 0; i < PROVIDER_FLOW_TEXTS; i++) {
        buffer_append_string(&plain, flow->texts[i] != NULL ? flow->texts[i] : "");
        buffer_append_char(&plain, '\0');
    }
    ok = secrets_seal(call->app->secrets, call->arena, PURPOSE, row_number(hash),
                      (struct bytes){buffer_data(&plain), plain.length}, ret);
    sodium_memzero(buffer_data(&plain), plain.length);
    buffer_free(&plain);
    return ok;
}

static bool open_texts(struct rpc_call *call, struct bytes sealed, struct bytes hash,
                       struct provider_flow *ret)
{
    struct bytes plain;
    const char *at;

    if (!secrets_open(call->app->secrets, call->arena, PURPOSE, row_number(hash), sealed, &plain))
        return false;
    at = (const char *)plain.data;
    for (size_t i = 0; i < PROVIDER_FLOW_TEXTS; i++) {
        ret->texts[i] = at;
        at += strlen(at) + 1; /* it is what seal() wrote: authenticated */
    }
    return true;
}

enum status provider_flow_keep(struct rpc_call *call, struct db *db,
                               const struct provider_flow *flow, const char *token,
                               const char *browser)
{
    struct hash token_digest, browser_digest;
    struct bytes hash = hash_text(token, &token_digest), sealed;

    if (!seal(call, flow, hash, &sealed))
        return STATUS_INTERNAL;
    return provider_flows_insert(db, hash, (int16_t)flow->purpose,
                                 hash_text(browser, &browser_digest), flow->issuer,
                                 flow->session_id != 0 ? &flow->session_id : NULL, flow->reopens,
                                 sealed, PROVIDER_FLOW_LIFE_S);
}

enum status provider_flow_take(struct rpc_call *call, struct db *db,
                               enum provider_flow_purpose purpose, int64_t session_id,
                               const char *token, const char *browser, struct provider_flow *ret)
{
    struct hash token_digest, browser_digest;
    struct bytes hash = hash_text(token, &token_digest);
    struct provider_flows_take_row *row;
    enum status s = provider_flows_take(db, call->arena, hash, (int16_t)purpose,
                                        hash_text(browser, &browser_digest),
                                        session_id != 0 ? &session_id : NULL, &row);

    if (s == STATUS_NOT_FOUND)
        return fail_gone(call);
    TRY(s);
    *ret = (struct provider_flow){.purpose = purpose,
                                  .issuer = row->issuer,
                                  .session_id = session_id,
                                  .reopens = row->reopens};
    return open_texts(call, row->sealed, hash, ret) ? STATUS_OK : fail_gone(call);
}
