#include "handlers/provider_client.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "handlers/fetch.h"
#include "server/protocol/base64.h"

#define LIFE_MS (3600 * 1000)
#define KEYS_AGAIN_MS (30 * 1000) /* between two fetches for unknown keys */
#define FAILED_MS 1000            /* for which a provider that failed is not asked again */
#define TURN_MS 10                /* between two looks whether another call has fetched it */
#define METADATA_MAX_BYTES (64 * 1024)
#define KEYS_MAX_BYTES (256 * 1024)
#define ANSWER_MAX_BYTES (64 * 1024)

/* What a provider says of itself. */
struct known {
    struct arena *memory; /* of the metadata; NULL: nothing is known */
    struct oidc_metadata metadata;
    struct oidc_keys *keys;
    uint64_t until_ms;
    uint64_t keys_again_ms;
    uint64_t failed_until_ms;
    bool busy; /* a call fetches it, and others wait */
};

struct provider_memory {
    struct known items[PROVIDERS_MAX]; /* as in the list */
};

void provider_client_open(struct app *app)
{
    app->provider_memory = calloc(1, sizeof(*app->provider_memory));
    if (app->provider_memory == NULL)
        abort();
}

static void forget(struct known *known)
{
    arena_free(known->memory);
    oidc_keys_free(known->keys);
    known->memory = NULL;
    known->keys = NULL;
}

void provider_client_close(struct app *app)
{
    for (size_t i = 0; i < PROVIDERS_MAX; i++)
        forget(&app->provider_memory->items[i]);
    free(app->provider_memory);
}

/* --- failing --- */

static enum status fail_away(struct rpc_call *call, const struct provider *provider,
                             const char *what, const char *why)
{
    log_warning("provider cannot be used", LOG_STRING("provider", provider->id),
                LOG_STRING("asked", what), LOG_STRING("error", why));
    return rpc_fail(call, STATUS_UNAVAILABLE, "%s does not answer; try again later",
                    provider->name);
}

static enum status fail_answer(struct rpc_call *call, const struct provider *provider,
                               const char *why)
{
    log_warning("provider's answer refused", LOG_STRING("provider", provider->id),
                LOG_STRING("error", why));
    return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "PROVIDER_ANSWER",
                           "what %s answered does not hold; start again", provider->name);
}

/* --- fetching --- */

static enum status get(struct rpc_call *call, const struct provider *provider, const char *url,
                       size_t max_bytes, struct bytes *ret)
{
    struct fetch_request request = {.url = url, .max_bytes = max_bytes};
    struct fetch_answer answer;
    const char *error = "";
    enum status s = fetch(provider->fetcher, call->arena, &request, &answer, &error);

    if (s == STATUS_RESOURCE_EXHAUSTED)
        return rpc_fail(call, s, "too many ask %s; try again later", provider->name);
    if (s != STATUS_OK)
        return fail_away(call, provider, url, error);
    if (answer.http_status != 200)
        return fail_away(call, provider, url,
                         arena_printf(call->arena, "HTTP %d", answer.http_status));
    *ret = answer.body;
    return STATUS_OK;
}

static enum status fetch_metadata(struct rpc_call *call, const struct provider *provider,
                                  struct arena *memory, struct oidc_metadata *ret)
{
    size_t length = strlen(provider->issuer);
    const char *url, *error = "";
    struct bytes json;

    if (provider->issuer[length - 1] == '/')
        length--;
    url = arena_printf(call->arena, "%.*s/.well-known/openid-configuration", (int)length,
                       provider->issuer);
    TRY(get(call, provider, url, METADATA_MAX_BYTES, &json));
    if (!oidc_read_metadata(memory, json, provider->issuer, ret, &error))
        return fail_away(call, provider, url, error);
    if (!fetcher_allows(provider->fetcher, ret->authorization_endpoint) ||
        !fetcher_allows(provider->fetcher, ret->token_endpoint) ||
        !fetcher_allows(provider->fetcher, ret->jwks_uri))
        return fail_away(call, provider, url, "an endpoint is not https://");
    return STATUS_OK;
}

static enum status fetch_keys(struct rpc_call *call, const struct provider *provider,
                              const char *url, struct oidc_keys **ret)
{
    const char *error = "";
    struct bytes json = {0};

    TRY(get(call, provider, url, KEYS_MAX_BYTES, &json));
    *ret = oidc_keys_read(json, &error);
    return *ret != NULL ? STATUS_OK : fail_away(call, provider, url, error);
}

static enum status fetch_all(struct rpc_call *call, const struct provider *provider,
                             struct known *known)
{
    struct arena *memory = arena_new();
    struct oidc_metadata metadata;
    struct oidc_keys *keys = NULL;
    enum status s = fetch_metadata(call, provider, memory, &metadata);

    if (s == STATUS_OK)
        s = fetch_keys(call, provider, metadata.jwks_uri, &keys);
    if (s != STATUS_OK) {
        arena_free(memory);
        return s;
    }
    forget(known);
    known->memory = memory;
    known->metadata = metadata;
    known->keys = keys;
    known->until_ms = clock_monotonic_ms() + LIFE_MS;
    return STATUS_OK;
}

/* --- knowing --- */

static struct known *known_of(const struct rpc_call *call, const struct provider *provider)
{
    return &call->app->provider_memory->items[provider - call->app->providers->items];
}

/* One call fetches, the others wait for it. What was fetched is used by them, too; so is a failure.
 */
static enum status wait_for_turn(struct known *known)
{
    while (known->busy)
        TRY(coro_sleep(TURN_MS));
    known->busy = true;
    return STATUS_OK;
}

static enum status know(struct rpc_call *call, const struct provider *provider)
{
    struct known *known = known_of(call, provider);
    enum status s = STATUS_OK;

    if (known->memory != NULL && clock_monotonic_ms() < known->until_ms)
        return STATUS_OK;
    TRY(wait_for_turn(known));
    if (clock_monotonic_ms() < known->failed_until_ms)
        s = rpc_fail(call, STATUS_UNAVAILABLE, "%s does not answer; try again later",
                     provider->name);
    else if (known->memory == NULL || clock_monotonic_ms() >= known->until_ms) {
        s = fetch_all(call, provider, known);
        if (s != STATUS_OK)
            known->failed_until_ms = clock_monotonic_ms() + FAILED_MS;
    }
    known->busy = false;
    return s;
}

/* A copy in the call's memory: the loop's may be exchanged while the call waits. */
static enum status metadata_of(struct rpc_call *call, const struct provider *provider,
                               struct oidc_metadata *ret)
{
    TRY(know(call, provider));
    *ret = known_of(call, provider)->metadata;
    ret->authorization_endpoint = arena_strdup(call->arena, ret->authorization_endpoint);
    ret->token_endpoint = arena_strdup(call->arena, ret->token_endpoint);
    ret->jwks_uri = arena_strdup(call->arena, ret->jwks_uri);
    return STATUS_OK;
}

/* Anybody can show a token with an unknown key; that does not make us ask for keys each time. */
static enum status fetch_newer_keys(struct rpc_call *call, const struct provider *provider,
                                    const char *url)
{
    struct known *known = known_of(call, provider);
    struct oidc_keys *keys = NULL;
    enum status s = STATUS_OK;

    TRY(wait_for_turn(known));
    if (clock_monotonic_ms() >= known->keys_again_ms) {
        known->keys_again_ms = clock_monotonic_ms() + KEYS_AGAIN_MS;
        s = fetch_keys(call, provider, url, &keys);
    }
    if (keys != NULL) {
        oidc_keys_free(known->keys);
        known->keys = keys;
    }
    known->busy = false;
    return s;
}

/* --- sending the browser away --- */

static const char *challenge_of(struct arena *arena, const char *verifier)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    size_t length = base64_encoded_length(sizeof(digest), false);
    char *text = arena_alloc(arena, length + 1);

    SHA256((const unsigned char *)verifier, strlen(verifier), digest);
    base64_encode_to(text, digest, sizeof(digest), BASE64_URL, false);
    return text;
}

enum status provider_authorization_url(struct rpc_call *call, const struct provider *provider,
                                       const struct provider_attempt *attempt, const char **ret_url)
{
    struct oidc_metadata metadata;
    struct buffer url = {0};

    TRY(metadata_of(call, provider, &metadata));
    buffer_append_string(&url, metadata.authorization_endpoint);
    if (strchr(metadata.authorization_endpoint, '?') == NULL)
        buffer_append_char(&url, '?');
    fetch_add_field(&url, "response_type", "code");
    fetch_add_field(&url, "client_id", provider->client_id);
    fetch_add_field(&url, "redirect_uri", provider->redirect_uri);
    fetch_add_field(&url, "scope", provider->scopes);
    fetch_add_field(&url, "state", attempt->state);
    fetch_add_field(&url, "nonce", attempt->nonce);
    fetch_add_field(&url, "code_challenge", challenge_of(call->arena, attempt->verifier));
    fetch_add_field(&url, "code_challenge_method", "S256");
    *ret_url = arena_strndup(call->arena, (const char *)buffer_data(&url), url.length);
    buffer_free(&url);
    return STATUS_OK;
}

/* --- when it is back --- */

static const char *escaped(struct arena *arena, const char *text)
{
    struct buffer out = {0};
    const char *result;

    fetch_escape(&out, text);
    result = arena_strndup(arena, (const char *)buffer_data(&out), out.length);
    buffer_free(&out);
    return result;
}

static enum status ask(struct rpc_call *call, const struct provider *provider,
                       const struct oidc_metadata *metadata, struct buffer *form,
                       struct fetch_answer *ret)
{
    struct fetch_request request = {
        .url = metadata->token_endpoint, .form = form, .max_bytes = ANSWER_MAX_BYTES};
    const char *error = "";
    enum status s;

    if (provider->client_secret == NULL || metadata->secret_in_form)
        fetch_add_field(form, "client_id", provider->client_id);
    if (provider->client_secret != NULL && metadata->secret_in_form)
        fetch_add_field(form, "client_secret", provider->client_secret);
    if (provider->client_secret != NULL && !metadata->secret_in_form) {
        request.user = escaped(call->arena, provider->client_id); /* RFC 6749, 2.3.1 */
        request.password = escaped(call->arena, provider->client_secret);
    }
    s = fetch(provider->fetcher, call->arena, &request, ret, &error);
    if (s == STATUS_RESOURCE_EXHAUSTED)
        return rpc_fail(call, s, "too many ask %s; try again later", provider->name);
    return s == STATUS_OK ? s : fail_away(call, provider, request.url, error);
}

static enum status fail_refused(struct rpc_call *call, const struct provider *provider,
                                const struct fetch_answer *answer)
{
    log_warning("provider refused a code", LOG_STRING("provider", provider->id),
                LOG_INT("http_status", answer->http_status),
                LOG_STRING("error", oidc_read_refusal(call->arena, answer->body)));
    return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "PROVIDER_REFUSED",
                           "%s does not confirm it; start again", provider->name);
}

/* Trades the code for an ID token. */
static enum status trade(struct rpc_call *call, const struct provider *provider,
                         const struct oidc_metadata *metadata, const char *verifier,
                         const char *code, const char **ret_token)
{
    struct buffer form = {0};
    struct fetch_answer answer;
    enum status s;

    fetch_add_field(&form, "grant_type", "authorization_code");
    fetch_add_field(&form, "code", code);
    fetch_add_field(&form, "redirect_uri", provider->redirect_uri);
    fetch_add_field(&form, "code_verifier", verifier);
    s = ask(call, provider, metadata, &form, &answer);
    OPENSSL_cleanse(buffer_data(&form), form.length);
    buffer_free(&form);
    TRY(s);
    if (answer.http_status >= 400 && answer.http_status < 500)
        return fail_refused(call, provider, &answer);
    if (answer.http_status != 200)
        return fail_away(call, provider, metadata->token_endpoint,
                         arena_printf(call->arena, "HTTP %d", answer.http_status));
    *ret_token = oidc_read_answer(call->arena, answer.body);
    return *ret_token != NULL ? STATUS_OK
                              : fail_answer(call, provider, "there is no ID token in the answer");
}

static enum status verify(struct rpc_call *call, const struct provider *provider,
                          const struct oidc_metadata *metadata, const char *nonce,
                          const char *token, struct oidc_identity *ret)
{
    struct oidc_expected expected = {provider->issuer, provider->client_id, nonce,
                                     clock_wall_us() / 1000000};
    enum oidc_result result;
    const char *error = "";

    TRY(know(call, provider));
    result =
        oidc_verify(call->arena, known_of(call, provider)->keys, &expected, token, ret, &error);
    if (result == OIDC_UNKNOWN_KEY) {
        TRY(fetch_newer_keys(call, provider, metadata->jwks_uri));
        result =
            oidc_verify(call->arena, known_of(call, provider)->keys, &expected, token, ret, &error);
    }
    return result == OIDC_OK ? STATUS_OK : fail_answer(call, provider, error);
}

enum status provider_redeem(struct rpc_call *call, const struct provider *provider,
                            const struct provider_attempt *attempt,
                            const struct provider_return *back, struct oidc_identity *ret)
{
    struct oidc_metadata metadata;
    const char *token = NULL;

    TRY(metadata_of(call, provider, &metadata));
    /* Another provider may have sent the browser here, to get at this one's code (RFC 9207). */
    if (back->issuer[0] != '\0' ? strcmp(back->issuer, provider->issuer) != 0
                                : metadata.issuer_in_answer)
        return fail_answer(call, provider, "the browser does not come from there");
    TRY(trade(call, provider, &metadata, attempt->verifier, back->code, &token));
    return verify(call, provider, &metadata, attempt->nonce, token, ret);
}
