/* ProviderService: somebody whom a provider knows and who has no account here. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "db/queries/accounts.h"
#include "db/queries/providers.h"
#include "handlers/credentials.h"
#include "handlers/mail_text.h"
#include "handlers/providers_parts.h"
#include "handlers/sign_in.h"
#include "handlers/verification.h"

#define USER_NAME_MIN 3
#define USER_NAME_MAX 24
#define NAMES_MAX 12

/* --- a name to begin with --- */

/* What is left of a text when it has to be a user name; NULL if that is too little. */
static const char *as_user_name(struct arena *arena, const char *text)
{
    char *name = arena_alloc(arena, USER_NAME_MAX + 1);
    size_t length = 0;

    for (; *text != '\0' && *text != '@' && length < USER_NAME_MAX; text++) {
        unsigned char character = (unsigned char)*text;
        if (character == '.' || character == ' ')
            character = '_';
        if (length == 0
                ? isalpha(character) && character < 0x80
                : (isalnum(character) && character < 0x80) || character == '_' || character == '-')
            name[length++] = (char)character;
    }
    return length >= USER_NAME_MIN ? name : NULL;
}

static void add_numbered(struct arena *arena, const char *names[], size_t *count)
{
    const char *base = names[0];

    for (int number = 2; *count > 0 && *count < NAMES_MAX; number++)
        names[(*count)++] = arena_printf(arena, "%.*s%d", USER_NAME_MAX - 2, base, number);
}

/* A name that is free now; "" if none comes to mind. */
static enum status suggest(struct rpc_call *call, struct db *tx,
                           const struct oidc_identity *identity, const char **ret)
{
    const char *said[] = {identity->preferred_username, identity->nickname, identity->name,
                          identity->email};
    struct accounts_first_free_name_row *row;
    const char *names[NAMES_MAX];
    size_t count = 0;
    enum status s;

    *ret = "";
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        const char *name = as_user_name(call->arena, said[i]);
        if (name != NULL)
            names[count++] = name;
    }
    add_numbered(call->arena, names, &count);
    if (count == 0)
        return STATUS_OK;
    s = accounts_first_free_name(tx, call->arena, names, count, &row);
    if (s == STATUS_OK)
        *ret = row->name;
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

/* --- waiting for the name --- */

/* The address that the account begins with: one that the provider has verified. It still has to be
 * verified here, and opens no account that is there. */
static const char *email_of(const struct oidc_identity *identity)
{
    return identity->email_verified && mail_address_is_valid(identity->email) ? identity->email
                                                                              : "";
}

enum status providers_newcomer(struct rpc_call *call, struct db *tx,
                               const struct provider *provider,
                               const struct oidc_identity *identity, ProviderNewcomer **ret)
{
    ProviderNewcomer *newcomer = ProviderNewcomer_new(call->arena);
    struct provider_flow flow = {
        .purpose = PROVIDER_FLOW_REGISTRATION,
        .issuer = provider->issuer,
        .texts = {identity->subject, email_of(identity), providers_label(identity)},
    };
    const char *token = provider_flow_random(call->arena), *browser, *name;

    TRY(provider_flow_browser(call, &browser));
    TRY(suggest(call, tx, identity, &name));
    TRY(provider_flow_keep(call, tx, &flow, token, browser));
    rpc_set_compress(call, RPC_COMPRESS_NEVER);
    newcomer->registration_token = (char *)token;
    newcomer->email = (char *)flow.texts[1];
    newcomer->suggested_user_name = (char *)name;
    *ret = newcomer;
    return STATUS_OK;
}

/* --- registering --- */

static enum status add_account(struct rpc_call *call, struct db *tx, const char *user_name,
                               const struct provider_flow *flow, int64_t *ret_id)
{
    const char *subject = flow->texts[0], *email = flow->texts[1], *label = flow->texts[2];
    bool may_mail = email[0] != '\0' && credentials_may_mail(call, "register", email);
    struct accounts_insert_row *row;
    enum status s = accounts_insert(tx, call->arena, user_name, email, NULL, false, &row);

    if (s == STATUS_ALREADY_EXISTS)
        return rpc_fail(call, s, "the user name '%s' is taken", user_name);
    TRY(s);
    s = account_providers_insert(tx, flow->issuer, subject, row->id, label);
    if (s == STATUS_ALREADY_EXISTS)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "there is an account for that already; sign in");
    TRY(s);
    *ret_id = row->id;
    return may_mail ? verification_mail_later(call, tx, row->id, user_name, email) : STATUS_OK;
}

/* The token is used up with the account only: whoever chose a taken name may choose another. */
enum status providers_register_with(struct rpc_call *call, const RegisterWithProviderRequest *req,
                                    RegisterWithProviderResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sign_in who = {.means = SIGN_IN_MEANS_REGISTRATION, .transport = req->token_transport};
    struct provider_flow flow;
    const char *browser;
    int64_t account_id;

    TRY(provider_flow_browser(call, &browser));
    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(provider_flow_take(call, tx, PROVIDER_FLOW_REGISTRATION, 0, req->registration_token,
                           browser, &flow));
    TRY(add_account(call, tx, req->user_name, &flow, &account_id));
    TRY(session_owner_find(call, tx, account_id, &who.owner));
    TRY(sign_in_open(call, tx, &who, &res->session));
    provider_flow_forget_browser(call);
    return STATUS_OK;
}
