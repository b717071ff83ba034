/* AccountService: what happened to an account's security, from the audit log. */
#include <string.h>

#include "db/queries/audit.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "handlers/convert.h"
#include "handlers/devices.h"

#define DEFAULT_PAGE 50

struct kind {
    const char *action;
    SecurityEventKind kind;
};

#define AUTH "/waystone.auth.v1.AuthService/"
#define PROVIDERS "/waystone.auth.v1.ProviderService/"
#define ACCOUNT "/waystone.account.v1.AccountService/"
#define FACTORS "/waystone.account.v1.FactorService/"
#define KEYS "/waystone.account.v1.ApiKeyService/"

/* Told whether or not they succeeded: they prove who somebody is. */
static const struct kind tries[] = {
    {AUTH "SignIn", SECURITY_EVENT_KIND_SIGNED_IN},
    {AUTH "CompleteSignIn", SECURITY_EVENT_KIND_SIGNED_IN},
    {AUTH "FinishPasskeySignIn", SECURITY_EVENT_KIND_SIGNED_IN},
    {PROVIDERS "FinishProviderSignIn", SECURITY_EVENT_KIND_SIGNED_IN},
    {FACTORS "StepUp", SECURITY_EVENT_KIND_STEPPED_UP},
};

/* Told when they were done. */
static const struct kind acts[] = {
    {AUTH "Register", SECURITY_EVENT_KIND_REGISTERED},
    {PROVIDERS "RegisterWithProvider", SECURITY_EVENT_KIND_REGISTERED},
    {AUTH "SignOut", SECURITY_EVENT_KIND_SIGNED_OUT},
    {ACCOUNT "RevokeSession", SECURITY_EVENT_KIND_SIGNED_OUT},
    {ACCOUNT "RevokeOtherSessions", SECURITY_EVENT_KIND_SIGNED_OUT},
    {"admin.account.end_sessions", SECURITY_EVENT_KIND_SIGNED_OUT},
    {"session.token_reused", SECURITY_EVENT_KIND_TOKEN_REUSED},
    {ACCOUNT "ChangePassword", SECURITY_EVENT_KIND_PASSWORD_CHANGED},
    {AUTH "StartRecovery", SECURITY_EVENT_KIND_RECOVERY_STARTED},
    {AUTH "FinishRecovery", SECURITY_EVENT_KIND_RECOVERED},
    {ACCOUNT "ChangeEmail", SECURITY_EVENT_KIND_EMAIL_CHANGE_STARTED},
    {AUTH "VerifyEmail", SECURITY_EVENT_KIND_EMAIL_VERIFIED},
    {"admin.account.verify_email", SECURITY_EVENT_KIND_EMAIL_VERIFIED},
    {FACTORS "FinishTotp", SECURITY_EVENT_KIND_TOTP_CHANGED},
    {FACTORS "RemoveTotp", SECURITY_EVENT_KIND_TOTP_CHANGED},
    {"admin.account.reset_factors", SECURITY_EVENT_KIND_TOTP_CHANGED},
    {FACTORS "ReplaceRecoveryCodes", SECURITY_EVENT_KIND_RECOVERY_CODES_CHANGED},
    {"recovery_code.used", SECURITY_EVENT_KIND_RECOVERY_CODES_CHANGED},
    {FACTORS "FinishPasskey", SECURITY_EVENT_KIND_PASSKEY_CHANGED},
    {FACTORS "RemovePasskey", SECURITY_EVENT_KIND_PASSKEY_CHANGED},
    {PROVIDERS "FinishProviderLink", SECURITY_EVENT_KIND_PROVIDER_CHANGED},
    {PROVIDERS "UnlinkProvider", SECURITY_EVENT_KIND_PROVIDER_CHANGED},
    {KEYS "CreateApiKey", SECURITY_EVENT_KIND_API_KEY_CHANGED},
    {KEYS "RevokeApiKey", SECURITY_EVENT_KIND_API_KEY_CHANGED},
    {"admin.key.create", SECURITY_EVENT_KIND_API_KEY_CHANGED},
    {"admin.key.revoke", SECURITY_EVENT_KIND_API_KEY_CHANGED},
    {"admin.role.grant", SECURITY_EVENT_KIND_ROLE_CHANGED},
    {"admin.role.revoke", SECURITY_EVENT_KIND_ROLE_CHANGED},
    {ACCOUNT "ExportAccount", SECURITY_EVENT_KIND_EXPORTED},
    {ACCOUNT "CloseAccount", SECURITY_EVENT_KIND_CLOSED},
    {"account.reopened", SECURITY_EVENT_KIND_CLOSED},
    {"admin.account.close", SECURITY_EVENT_KIND_CLOSED},
    {"admin.account.reopen", SECURITY_EVENT_KIND_CLOSED},
};
#define TRY_COUNT (sizeof(tries) / sizeof(tries[0]))
#define ACT_COUNT (sizeof(acts) / sizeof(acts[0]))

static const char **names_of(struct arena *arena, const struct kind *kinds, size_t count)
{
    const char **names = arena_alloc_array(arena, count, sizeof(*names));

    for (size_t i = 0; i < count; i++)
        names[i] = kinds[i].action;
    return names;
}

static SecurityEventKind find_kind(const struct kind *kinds, size_t count, const char *action)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(kinds[i].action, action) == 0)
            return kinds[i].kind;
    return SECURITY_EVENT_KIND_UNSPECIFIED;
}

static SecurityEventKind kind_of(const char *action, bool refused)
{
    SecurityEventKind kind = find_kind(tries, TRY_COUNT, action);

    if (kind == SECURITY_EVENT_KIND_SIGNED_IN && refused)
        return SECURITY_EVENT_KIND_SIGN_IN_REFUSED;
    return kind != SECURITY_EVENT_KIND_UNSPECIFIED ? kind : find_kind(acts, ACT_COUNT, action);
}

static SecurityEvent *to_api(struct arena *arena, const struct audit_security_events_row *row)
{
    SecurityEvent *event = SecurityEvent_new(arena);

    event->id = row->id;
    event->refused = strcmp(row->status, status_name(STATUS_OK)) != 0;
    event->kind = kind_of(row->action, event->refused);
    event->happened_at = timestamp_from_us(arena, row->happened_at);
    event->place = (char *)(row->by_owner ? device_place(arena, row->peer) : "");
    return event;
}

enum status account_list_security_events(struct rpc_call *call,
                                         const ListSecurityEventsRequest *req,
                                         ListSecurityEventsResponse *res)
{
    size_t wanted = req->page_size > 0 ? (size_t)req->page_size : DEFAULT_PAGE, count;
    struct audit_security_events_row *rows;

    TRY(audit_security_events(call->app->db, call->arena, call->identity.account_id,
                              req->before_id > 0 ? req->before_id : INT64_MAX,
                              names_of(call->arena, acts, ACT_COUNT), ACT_COUNT,
                              names_of(call->arena, tries, TRY_COUNT), TRY_COUNT,
                              (int64_t)wanted + 1, &rows, &count));
    res->has_more = count > wanted;
    res->n_events = res->has_more ? wanted : count;
    res->events = arena_alloc_array(call->arena, res->n_events, sizeof(SecurityEvent *));
    for (size_t i = 0; i < res->n_events; i++)
        res->events[i] = to_api(call->arena, &rows[i]);
    return STATUS_OK;
}
