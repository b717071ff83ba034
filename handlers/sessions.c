#include "handlers/sessions.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "db/queries/sessions.h"
#include "handlers/account_events.h"
#include "handlers/audit.h"
#include "handlers/authenticator.h"
#include "handlers/convert.h"
#include "handlers/devices.h"
#include "handlers/mail.h"
#include "handlers/refresh_cookie.h"
#include "handlers/tokens.h"

#define REFRESH_TOKEN_BYTES 32
#define REFRESH_TOKEN_LENGTH 43 /* of these in base64 without padding */

/* --- owners --- */

enum status session_owner_find(struct rpc_call *call, struct db *db, int64_t account_id,
                               struct session_owner *ret)
{
    struct session_owner_get_row *row;

    TRY(session_owner_get(db, call->arena, account_id, &row));
    *ret = (struct session_owner){
        .account_id = row->id,
        .user_name = row->user_name,
        .email = row->email,
        .email_verified = row->email_verified,
        .role = row->role,
        .created_at_us = row->created_at,
    };
    return STATUS_OK;
}

Account *session_owner_to_api(struct arena *arena, const struct session_owner *owner)
{
    Account *account = Account_new(arena);

    account->id = owner->account_id;
    account->user_name = (char *)owner->user_name;
    account->email = (char *)owner->email;
    account->email_verified = owner->email_verified;
    account->created_at = timestamp_from_us(arena, owner->created_at_us);
    return account;
}

/* --- refresh tokens --- */

struct token_hash {
    unsigned char digest[SHA256_DIGEST_LENGTH];
};

static struct bytes hash_token(const char *text, struct token_hash *hash)
{
    SHA256((const unsigned char *)text, strlen(text), hash->digest);
    return (struct bytes){hash->digest, sizeof(hash->digest)};
}

static const char *new_refresh_token(struct arena *arena)
{
    unsigned char random_bytes[REFRESH_TOKEN_BYTES];
    char *text = arena_alloc(arena, REFRESH_TOKEN_LENGTH + 1);

    randombytes_buf(random_bytes, sizeof(random_bytes));
    sodium_bin2base64(text, REFRESH_TOKEN_LENGTH + 1, random_bytes, sizeof(random_bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random_bytes, sizeof(random_bytes));
    return text;
}

/* Each use gives it another month, up to the end of the session. */
static int64_t refresh_expiry_us(const struct app *app, int64_t opened_at_us)
{
    int64_t refresh_us = clock_wall_us() + (int64_t)app->refresh_token_s * 1000000;
    int64_t session_us = opened_at_us + (int64_t)app->session_s * 1000000;

    return refresh_us < session_us ? refresh_us : session_us;
}

static const char *device_of(struct rpc_call *call)
{
    return device_name(call->arena, rpc_header(call, "user-agent"));
}

/* Before anything is written: a session that cannot be told would be lost. */
static enum status check_keys(struct rpc_call *call)
{
    if (call->app->keys == NULL)
        return rpc_fail(call, STATUS_UNAVAILABLE, "tokens cannot be signed yet; try again");
    return STATUS_OK;
}

/* --- opening --- */

enum status session_open(struct rpc_call *call, struct db *tx, int64_t account_id,
                         SignInMeans means, struct session_tokens *ret)
{
    struct sessions_insert_row *row;
    struct token_hash digest;
    struct bytes hash;

    TRY(check_keys(call));
    ret->refresh = new_refresh_token(call->arena);
    ret->refresh_expires_at_us = refresh_expiry_us(call->app, clock_wall_us());
    hash = hash_token(ret->refresh, &digest);
    TRY(sessions_insert(tx, call->arena, account_id, device_of(call), call->peer, (int16_t)means,
                        hash, ret->refresh_expires_at_us, &row));
    ret->session_id = row->id;
    return refresh_tokens_insert(tx, hash, row->id, ret->refresh_expires_at_us);
}

static struct token_claims claims_of(const struct app *app, const struct session_owner *owner,
                                     const struct session_tokens *tokens)
{
    int64_t now_s = clock_wall_us() / 1000000;
    int64_t end_s = tokens->refresh_expires_at_us / 1000000;
    int64_t expires_s = now_s + app->access_token_s;

    return (struct token_claims){
        .account_id = owner->account_id,
        .session_id = tokens->session_id,
        .role = owner->role,
        .issued_s = now_s,
        .expires_s = expires_s < end_s ? expires_s : end_s,
    };
}

enum status session_to_api(struct rpc_call *call, const struct session_owner *owner,
                           const struct session_tokens *tokens, TokenTransport transport,
                           Session **ret)
{
    struct token_claims claims = claims_of(call->app, owner, tokens);
    const char *access = token_sign(call->app->keys, call->arena, call->app->issuer, &claims);
    Session *session = Session_new(call->arena);

    if (access == NULL)
        return STATUS_INTERNAL;
    rpc_set_compress(call, RPC_COMPRESS_NEVER); /* a secret beside names the caller chose */
    session->id = tokens->session_id;
    session->account = session_owner_to_api(call->arena, owner);
    session->access_token = (char *)access;
    session->access_token_expires_at = timestamp_from_us(call->arena, claims.expires_s * 1000000);
    session->refresh_token_expires_at =
        timestamp_from_us(call->arena, tokens->refresh_expires_at_us);
    if (transport == TOKEN_TRANSPORT_COOKIE)
        refresh_cookie_set(call, tokens->refresh, call->app->refresh_token_s);
    else
        session->refresh_token = (char *)tokens->refresh;
    *ret = session;
    return STATUS_OK;
}

/* --- rotating --- */

static enum status fail_rotation(struct rpc_call *call)
{
    return rpc_fail(call, STATUS_UNAUTHENTICATED, "the session has ended; sign in");
}

static enum status warn_owner(struct rpc_call *call, struct db *tx, int64_t account_id)
{
    Notification *notification = Notification_new(call->arena);

    notification->kind = NOTIFICATION_KIND_SECURITY;
    notification->text =
        (char *)"A place where you were signed in was used by two at once, as if its key had been "
                "copied. It was signed out. If that was not you on an old copy of the game, change "
                "your password and look at where else you are signed in.";
    return notify_later(tx, account_id, notification);
}

/* A token that was used before comes again: one of two holders stole it, so neither keeps the
 * session. */
static enum status end_stolen(struct rpc_call *call, struct db *tx,
                              const struct sessions_lock_by_token_row *row)
{
    call->identity.account_id = row->account_id; /* for the audit log */
    TRY(sessions_end(tx, row->id));
    TRY(warn_owner(call, tx, row->account_id));
    TRY(mail_owner_later(call, tx, row->account_id, MAIL_SESSION_STOLEN, NULL));
    TRY(audit_add(tx, call,
                  &(struct audit_act){.action = "session.token_reused",
                                      .target_kind = "session",
                                      .target_id = row->id}));
    TRY(db_commit(tx));
    authenticator_session_ended(call->app, row->id);
    return fail_rotation(call);
}

/* All that can fail comes before the commit: with the old token used and the new one untold, the
 * session would be lost when its grace is over. */
enum status session_rotate(struct rpc_call *call, const char *token,
                           struct session_owner *ret_owner, struct session_tokens *ret_tokens)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct sessions_lock_by_token_row *row;
    struct token_hash presented_digest, digest;
    struct bytes presented = hash_token(token, &presented_digest), hash;
    enum status s;

    TRY(check_keys(call));
    TRY(db_begin(call->app->db, call->arena, &tx));
    s = sessions_lock_by_token(tx, call->arena, presented, (int32_t)call->app->refresh_grace_s,
                               &row);
    if (s == STATUS_NOT_FOUND)
        return fail_rotation(call);
    TRY(s);
    if (row->is_ended || row->is_expired)
        return fail_rotation(call);
    if (!row->is_current && !row->is_in_grace)
        return end_stolen(call, tx, row);

    ret_tokens->session_id = row->id;
    ret_tokens->refresh = new_refresh_token(call->arena);
    ret_tokens->refresh_expires_at_us = refresh_expiry_us(call->app, row->created_at);
    hash = hash_token(ret_tokens->refresh, &digest);
    TRY(session_owner_find(call, tx, row->account_id, ret_owner));
    TRY(refresh_tokens_insert(tx, hash, row->id, ret_tokens->refresh_expires_at_us));
    TRY(sessions_rotate(tx, row->id, presented, hash, ret_tokens->refresh_expires_at_us,
                        device_of(call), call->peer));
    return db_commit(tx);
}

/* --- ending --- */

enum status sessions_end_all(struct rpc_call *call, struct db *tx, int64_t account_id,
                             int64_t but_session_id, struct ended_sessions *ret)
{
    struct sessions_end_of_row *rows;
    size_t count;
    int64_t *ids;

    TRY(sessions_end_of(tx, call->arena, account_id, but_session_id, &rows, &count));
    ids = arena_alloc_array(call->arena, count, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].id;
    *ret = (struct ended_sessions){ids, count};
    return STATUS_OK;
}

void sessions_told(struct app *app, const struct ended_sessions *ended)
{
    for (size_t i = 0; i < ended->count; i++)
        authenticator_session_ended(app, ended->ids[i]);
}
