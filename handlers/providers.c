/* ProviderService: signing in with an account elsewhere. */
#include "handlers/providers.h"

#include <string.h>

#include "db/queries/providers.h"
#include "handlers/jobs.h"
#include "handlers/provider_client.h"
#include "handlers/providers_parts.h"
#include "handlers/sign_in.h"
#include "waystone/auth/v1/providers_service.h"

#define EXPIRY_S 600

/* --- there and back --- */

enum status providers_find(struct rpc_call *call, const char *id, const struct provider **ret)
{
    *ret = provider_find(call->app->providers, id);
    if (*ret == NULL)
        return rpc_fail(call, STATUS_NOT_FOUND, "there is no provider '%s'", id);
    return STATUS_OK;
}

enum status providers_send(struct rpc_call *call, const struct provider *provider,
                           struct provider_flow *flow, char **ret_url)
{
    struct provider_attempt attempt = {
        .state = provider_flow_random(call->arena),
        .verifier = provider_flow_random(call->arena),
        .nonce = provider_flow_random(call->arena),
    };
    const char *url;

    TRY(provider_authorization_url(call, provider, &attempt, &url));
    flow->issuer = provider->issuer;
    flow->texts[0] = attempt.verifier;
    flow->texts[1] = attempt.nonce;
    TRY(provider_flow_keep(call, call->app->db, flow, attempt.state,
                           provider_flow_mark_browser(call)));
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    *ret_url = (char *)url;
    return STATUS_OK;
}

/* The flow is used up before the provider is asked: its code works once, and so does the state. */
enum status providers_receive(struct rpc_call *call, const struct providers_back *back,
                              struct provider_flow *ret_flow, const struct provider **ret_provider,
                              struct oidc_identity *ret_identity)
{
    struct provider_attempt attempt = {.state = back->state};
    struct provider_return returned = {.code = back->code, .issuer = back->issuer};
    const char *browser;

    TRY(provider_flow_browser(call, &browser));
    TRY(provider_flow_take(call, call->app->db, back->purpose, back->session_id, back->state,
                           browser, ret_flow));
    *ret_provider = provider_find_issuer(call->app->providers, ret_flow->issuer);
    if (*ret_provider == NULL) /* the server was started without it meanwhile */
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "that provider is not offered any more");
    attempt.verifier = ret_flow->texts[0];
    attempt.nonce = ret_flow->texts[1];
    return provider_redeem(call, *ret_provider, &attempt, &returned, ret_identity);
}

const char *providers_label(const struct oidc_identity *identity)
{
    const char *candidates[] = {identity->email, identity->preferred_username, identity->name};

    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
        if (candidates[i][0] != '\0' && strlen(candidates[i]) <= 254)
            return candidates[i];
    return "";
}

/* --- handlers --- */

static enum status list_providers(struct rpc_call *call, const ListProvidersRequest *req,
                                  ListProvidersResponse *res)
{
    const struct provider_list *list = call->app->providers;

    res->providers = arena_alloc_array(call->arena, list->count, sizeof(*res->providers));
    for (; res->n_providers < list->count; res->n_providers++) {
        Provider *provider = Provider_new(call->arena);
        provider->id = (char *)list->items[res->n_providers].id;
        provider->name = (char *)list->items[res->n_providers].name;
        res->providers[res->n_providers] = provider;
    }
    return STATUS_OK;
}

static enum status start_sign_in(struct rpc_call *call, const StartProviderSignInRequest *req,
                                 StartProviderSignInResponse *res)
{
    struct provider_flow flow = {.purpose = PROVIDER_FLOW_SIGN_IN, .reopens = req->reopen};
    const struct provider *provider;

    TRY(providers_find(call, req->provider_id, &provider));
    return providers_send(call, provider, &flow, &res->authorization_url);
}

static enum status sign_in(struct rpc_call *call, struct db *tx, int64_t account_id, bool reopens,
                           const FinishProviderSignInRequest *req,
                           FinishProviderSignInResponse *res)
{
    struct sign_in who = {
        .means = SIGN_IN_MEANS_PROVIDER, .transport = req->token_transport, .reopen = reopens};
    struct sign_in_result result;

    call->identity.account_id = account_id; /* for the audit log, whichever way it ends */
    TRY(session_owner_find(call, tx, account_id, &who.owner));
    TRY(sign_in_finish(call, tx, &who, &result));
    provider_flow_forget_browser(call);
    if (result.session != NULL) {
        res->result_case = FINISH_PROVIDER_SIGN_IN_RESPONSE_RESULT_SESSION;
        res->session = result.session;
    } else {
        res->result_case = FINISH_PROVIDER_SIGN_IN_RESPONSE_RESULT_SECOND_FACTOR;
        res->second_factor = result.second_factor;
    }
    return STATUS_OK;
}

static enum status finish_sign_in(struct rpc_call *call, const FinishProviderSignInRequest *req,
                                  FinishProviderSignInResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct providers_back back = {PROVIDER_FLOW_SIGN_IN, 0, req->state, req->code, req->issuer};
    struct account_providers_find_row *row;
    const struct provider *provider;
    struct oidc_identity identity;
    struct provider_flow flow;
    enum status s;

    TRY(providers_receive(call, &back, &flow, &provider, &identity));
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = account_providers_find(tx, call->arena, provider->issuer, identity.subject, &row);
    if (s == STATUS_OK)
        return sign_in(call, tx, row->account_id, flow.reopens, req, res);
    if (s != STATUS_NOT_FOUND)
        return s;
    res->result_case = FINISH_PROVIDER_SIGN_IN_RESPONSE_RESULT_NEWCOMER;
    TRY(providers_newcomer(call, tx, provider, &identity, &res->newcomer));
    return db_commit(tx);
}

/* --- flows that nobody finished --- */

static enum status flows_batch(struct arena *arena, struct db *tx, int64_t limit, size_t *ret_count)
{
    return expire_provider_flows(tx, limit, ret_count);
}

static enum status run_expiry(struct job *job, struct app *app)
{
    return job_in_batches(job, flows_batch);
}

void providers_register(struct rpc_server *server)
{
    static const struct provider_service handlers = {
        .list_providers = list_providers,
        .start_provider_sign_in = start_sign_in,
        .finish_provider_sign_in = finish_sign_in,
        .register_with_provider = providers_register_with,
        .start_provider_link = providers_start_link,
        .finish_provider_link = providers_finish_link,
        .unlink_provider = providers_unlink,
    };

    provider_service_register(server, &handlers);
    jobs_register("expire_provider_flows", EXPIRY_S, run_expiry);
}
