/* ProviderService: providers of an account that is there. */
#include <string.h>

#include "db/queries/accounts.h"
#include "db/queries/providers.h"
#include "handlers/account_events.h"
#include "handlers/audit.h"
#include "handlers/linked_providers.h"
#include "handlers/mail.h"
#include "handlers/providers_parts.h"

/* The owner hears of it wherever they are: somebody else may have done it. */
static enum status tell_owner(struct rpc_call *call, struct db *tx, enum mail_kind kind,
                              const struct provider *provider)
{
    Notification *notification = Notification_new(call->arena);
    bool linked = kind == MAIL_PROVIDER_LINKED;

    notification->kind = NOTIFICATION_KIND_SECURITY;
    notification->text =
        arena_printf(call->arena, "%s %s your account. If that was not you, look at what opens it.",
                     provider->name, linked ? "can open" : "cannot open any more");
    TRY(notify_later(tx, call->identity.account_id, notification));
    return mail_owner_later(call, tx, call->identity.account_id, kind, provider->name);
}

static enum status commit_change(struct rpc_call *call, struct db *tx, enum mail_kind kind,
                                 const struct provider *provider)
{
    TRY(tell_owner(call, tx, kind, provider));
    TRY(audit_add(tx, call,
                  &(struct audit_act){.action = call->method->path, .detail = provider->id}));
    return db_commit(tx);
}

/* --- linking --- */

enum status providers_start_link(struct rpc_call *call, const StartProviderLinkRequest *req,
                                 StartProviderLinkResponse *res)
{
    struct provider_flow flow = {.purpose = PROVIDER_FLOW_LINK,
                                 .session_id = call->identity.session_id};
    const struct provider *provider;

    TRY(providers_find(call, req->provider_id, &provider));
    return providers_send(call, provider, &flow, &res->authorization_url);
}

/* Whether the identity is the account's already. Whose else it is, if it is anybody's, is not told.
 */
static enum status check_free(struct rpc_call *call, struct db *tx, const struct provider *provider,
                              const char *subject, bool *ret_mine)
{
    struct account_providers_find_row *owner;
    struct account_providers_subject_row *other;
    enum status s = account_providers_find(tx, call->arena, provider->issuer, subject, &owner);

    *ret_mine = s == STATUS_OK && owner->account_id == call->identity.account_id;
    if (s == STATUS_OK && !*ret_mine)
        return rpc_fail(call, STATUS_ALREADY_EXISTS, "this %s account opens another account here",
                        provider->name);
    if (s != STATUS_NOT_FOUND)
        return s;
    s = account_providers_subject(tx, call->arena, call->identity.account_id, provider->issuer,
                                  &other);
    if (s == STATUS_OK)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "another %s account opens yours; take that off first", provider->name);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

static enum status link_identity(struct rpc_call *call, const struct provider *provider,
                                 const struct oidc_identity *identity)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_lock_row *account;
    bool is_mine;
    enum status s;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(accounts_lock(tx, call->arena, call->identity.account_id, &account));
    TRY(check_free(call, tx, provider, identity->subject, &is_mine));
    if (is_mine)
        return STATUS_OK;
    s = account_providers_insert(tx, provider->issuer, identity->subject, account->id,
                                 providers_label(identity));
    if (s == STATUS_ALREADY_EXISTS) /* somebody was faster */
        return rpc_fail(call, s, "this %s account opens another account here", provider->name);
    TRY(s);
    return commit_change(call, tx, MAIL_PROVIDER_LINKED, provider);
}

enum status providers_finish_link(struct rpc_call *call, const FinishProviderLinkRequest *req,
                                  FinishProviderLinkResponse *res)
{
    struct providers_back back = {PROVIDER_FLOW_LINK, call->identity.session_id, req->state,
                                  req->code, req->issuer};
    const struct provider *provider;
    struct oidc_identity identity;
    struct provider_flow flow;

    TRY(providers_receive(call, &back, &flow, &provider, &identity));
    TRY(link_identity(call, provider, &identity));
    provider_flow_forget_browser(call);
    res->provider = Provider_new(call->arena);
    res->provider->id = (char *)provider->id;
    res->provider->name = (char *)provider->name;
    return STATUS_OK;
}

/* --- taking off --- */

enum status providers_unlink(struct rpc_call *call, const UnlinkProviderRequest *req,
                             UnlinkProviderResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const struct provider *provider = provider_find(call->app->providers, req->provider_id);
    struct accounts_lock_row *account;
    size_t removed;
    bool can_be_opened;

    if (provider == NULL)
        return STATUS_OK; /* what is not offered opens nothing */
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(accounts_lock(tx, call->arena, call->identity.account_id, &account));
    TRY(account_providers_delete(tx, account->id, provider->issuer, &removed));
    if (removed == 0)
        return STATUS_OK;
    TRY(account_can_be_opened(call, tx, account->id, &can_be_opened));
    if (!can_be_opened)
        return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "LAST_MEANS",
                               "nothing else opens this account; set a password first");
    return commit_change(call, tx, MAIL_PROVIDER_UNLINKED, provider);
}
