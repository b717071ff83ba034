/* AuthService: accounts and their sessions. */
#include "handlers/auth.h"

#include <assert.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "db/queries/accounts.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/authenticator.h"
#include "handlers/convert.h"
#include "handlers/passwords.h"
#include "handlers/refresh_cookie.h"
#include "handlers/sanctions.h"
#include "handlers/tokens.h"
#include "waystone/auth/v1/auth_service.h"

#define REFRESH_TOKEN_BYTES 32

/* What a session is made of, from whichever query. */
struct owner {
    int64_t account_id;
    const char *user_name, *email;
    int role;
    int64_t created_at_us;
};

static Account *account_to_api(struct arena *arena, const struct owner *owner)
{
    Account *account = Account_new(arena);

    account->id = owner->account_id;
    account->user_name = (char *)owner->user_name;
    account->email = (char *)owner->email;
    account->created_at = timestamp_from_us(arena, owner->created_at_us);
    return account;
}

/* --- tokens --- */

struct refresh_token {
    const char *text;
    unsigned char hash[SHA256_DIGEST_LENGTH];
    int64_t expires_at_us;
};

static void hash_token(const char *text, unsigned char out[SHA256_DIGEST_LENGTH])
{
    SHA256((const unsigned char *)text, strlen(text), out);
}

static enum status new_refresh_token(struct rpc_call *call, struct db *tx, int64_t session_id,
                                     struct refresh_token *ret)
{
    unsigned char random_bytes[REFRESH_TOKEN_BYTES];
    char text[64];

    randombytes_buf(random_bytes, sizeof(random_bytes));
    sodium_bin2base64(text, sizeof(text), random_bytes, sizeof(random_bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    ret->text = arena_strdup(call->arena, text);
    ret->expires_at_us = clock_wall_us() + (int64_t)call->app->refresh_token_s * 1000000;
    hash_token(ret->text, ret->hash);
    return refresh_tokens_insert(tx, (struct bytes){ret->hash, sizeof(ret->hash)}, session_id,
                                 ret->expires_at_us);
}

static enum status session_to_api(struct rpc_call *call, const struct owner *owner,
                                  int64_t session_id, const struct refresh_token *refresh,
                                  bool in_cookie, Session **ret_session)
{
    int64_t now_s = clock_wall_us() / 1000000;
    struct token_claims claims = {
        .account_id = owner->account_id,
        .session_id = session_id,
        .role = owner->role,
        .issued_s = now_s,
        .expires_s = now_s + call->app->access_token_s,
    };
    Session *session = Session_new(call->arena);
    const char *access = token_sign(call->app->keys, call->arena, call->app->issuer, &claims);

    if (access == NULL)
        return STATUS_INTERNAL;
    session->id = session_id;
    session->account = account_to_api(call->arena, owner);
    rpc_set_compress(call, RPC_COMPRESS_NEVER); /* a secret beside names the caller chose */
    session->access_token = (char *)access;
    session->access_token_expires_at = timestamp_from_us(call->arena, claims.expires_s * 1000000);
    session->refresh_token_expires_at = timestamp_from_us(call->arena, refresh->expires_at_us);
    if (in_cookie)
        refresh_cookie_set(call, refresh->text, call->app->refresh_token_s);
    else
        session->refresh_token = (char *)refresh->text;
    *ret_session = session;
    return STATUS_OK;
}

static enum status open_session(struct rpc_call *call, struct db *tx, int64_t account_id,
                                int64_t *ret_session_id, struct refresh_token *ret_refresh)
{
    struct sessions_insert_row *row;

    TRY(sessions_insert(tx, call->arena, account_id, &row));
    *ret_session_id = row->id;
    return new_refresh_token(call, tx, row->id, ret_refresh);
}

/* The call itself, in the transaction of what it does. */
static enum status audit_call(struct rpc_call *call, struct db *tx)
{
    return audit_add(tx, call, &(struct audit_act){.action = call->method->path});
}

/* --- handlers --- */

static enum status fail_taken(struct rpc_call *call, const RegisterRequest *req)
{
    struct accounts_taken_row *taken;

    TRY(accounts_taken(call->app->db, call->arena, req->user_name, req->email, &taken));
    if (taken->user_name_taken)
        return rpc_fail(call, STATUS_ALREADY_EXISTS, "the user name '%s' is taken", req->user_name);
    return rpc_fail(call, STATUS_ALREADY_EXISTS, "the e-mail address has an account; sign in");
}

static enum status register_account(struct rpc_call *call, const RegisterRequest *req,
                                    RegisterResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_insert_row *row;
    struct refresh_token refresh;
    struct owner owner;
    int64_t session_id;
    const char *hash;
    enum status s;

    TRY(password_hash(call->app->workers, call->arena, req->password, &hash));
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = accounts_insert(tx, call->arena, req->user_name, req->email, hash, &row);
    if (s == STATUS_ALREADY_EXISTS)
        return fail_taken(call, req);
    TRY(s);
    TRY(open_session(call, tx, row->id, &session_id, &refresh));
    call->identity.account_id = row->id; /* for the audit log */
    TRY(audit_call(call, tx));
    TRY(db_commit(tx));

    owner = (struct owner){row->id, req->user_name, req->email, row->role, row->created_at};
    return session_to_api(call, &owner, session_id, &refresh,
                          req->token_transport == TOKEN_TRANSPORT_COOKIE, &res->session);
}

static enum status sign_in(struct rpc_call *call, const SignInRequest *req, SignInResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct accounts_find_by_login_row *row = NULL;
    struct refresh_token refresh;
    struct owner owner;
    int64_t session_id;
    enum status s;

    s = accounts_find_by_login(call->app->db, call->arena, req->login, &row);
    if (s != STATUS_OK && s != STATUS_NOT_FOUND)
        return s;
    if (row != NULL)
        call->identity.account_id = row->id; /* for the audit log, whichever way it ends */
    s = password_verify(call->app->workers, row ? row->password_hash : NULL, req->password);
    if (s == STATUS_UNAUTHENTICATED)
        return rpc_fail(call, s, "wrong name or password");
    TRY(s);
    assert(row != NULL); /* no password fits an account that is not there */

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(open_session(call, tx, row->id, &session_id, &refresh));
    TRY(sanction_check_sign_in(call, tx, row->id));
    TRY(audit_call(call, tx));
    TRY(db_commit(tx));

    owner = (struct owner){row->id, row->user_name, row->email, row->role, row->created_at};
    res->result_case = SIGN_IN_RESPONSE_RESULT_SESSION;
    return session_to_api(call, &owner, session_id, &refresh,
                          req->token_transport == TOKEN_TRANSPORT_COOKIE, &res->session);
}

static enum status fail_refresh(struct rpc_call *call)
{
    return rpc_fail(call, STATUS_UNAUTHENTICATED, "the session has ended; sign in");
}

/* A used token comes again: one of two holders stole it, so neither keeps the session. */
static enum status end_stolen_session(struct rpc_call *call, struct db *tx, int64_t session_id)
{
    TRY(sessions_revoke(tx, session_id));
    TRY(db_commit(tx));
    authenticator_session_ended(call->app, session_id);
    return fail_refresh(call);
}

/* All that can fail comes before the commit: with the old token used and the new one untold,
 * the session would be lost. */
static enum status rotate(struct rpc_call *call, const char *token, struct owner *ret_owner,
                          int64_t *ret_session_id, struct refresh_token *ret_refresh)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct refresh_tokens_lock_row *row;
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct bytes hash = {digest, sizeof(digest)};
    enum status s;

    hash_token(token, digest);
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = refresh_tokens_lock(tx, call->arena, hash, &row);
    if (s == STATUS_NOT_FOUND)
        return fail_refresh(call);
    TRY(s);
    if (row->is_revoked)
        return fail_refresh(call);
    if (row->is_used)
        return end_stolen_session(call, tx, row->session_id);
    if (row->is_expired)
        return fail_refresh(call);
    TRY(refresh_tokens_use(tx, hash));
    TRY(new_refresh_token(call, tx, row->session_id, ret_refresh));
    TRY(db_commit(tx));
    *ret_session_id = row->session_id;
    *ret_owner =
        (struct owner){row->account_id, row->user_name, row->email, row->role, row->created_at};
    return STATUS_OK;
}

static enum status refresh_session(struct rpc_call *call, const RefreshSessionRequest *req,
                                   RefreshSessionResponse *res)
{
    const char *token = req->refresh_token;
    bool in_cookie = token[0] == '\0';
    struct refresh_token refresh;
    struct owner owner;
    int64_t session_id;
    enum status s;

    if (in_cookie)
        TRY(refresh_cookie_get(call, &token));
    if (token == NULL || token[0] == '\0')
        return rpc_fail(call, STATUS_UNAUTHENTICATED, "there is no session; sign in");
    s = rotate(call, token, &owner, &session_id, &refresh);
    if (s == STATUS_UNAUTHENTICATED && in_cookie)
        refresh_cookie_clear(call);
    TRY(s);
    return session_to_api(call, &owner, session_id, &refresh, in_cookie, &res->session);
}

static enum status sign_out(struct rpc_call *call, const SignOutRequest *req, SignOutResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(sessions_revoke(tx, call->identity.session_id));
    TRY(audit_call(call, tx));
    TRY(db_commit(tx));
    authenticator_session_ended(call->app, call->identity.session_id);
    refresh_cookie_clear(call);
    return STATUS_OK;
}

static enum status get_session(struct rpc_call *call, const GetSessionRequest *req,
                               GetSessionResponse *res)
{
    struct accounts_get_row *row;
    struct owner owner;

    TRY(accounts_get(call->app->db, call->arena, call->identity.account_id, &row));
    owner = (struct owner){row->id, row->user_name, row->email, row->role, row->created_at};
    res->account = account_to_api(call->arena, &owner);
    res->session_id = call->identity.session_id;
    return STATUS_OK;
}

void auth_register(struct rpc_server *server)
{
    static const struct auth_service handlers = {
        .register_ = register_account,
        .sign_in = sign_in,
        .refresh_session = refresh_session,
        .sign_out = sign_out,
        .get_session = get_session,
    };

    auth_service_register(server, &handlers);
}
