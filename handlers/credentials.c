#include "handlers/credentials.h"

#include <assert.h>
#include <ctype.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "db/queries/credentials.h"
#include "handlers/limiter.h"
#include "handlers/password_rules.h"
#include "handlers/passwords.h"

/* Wrong passwords, and right ones: for a name from one network address, and from all of them. Three
 * thousand guesses a day find no password that the rules let through. */
#define TRIES_FROM_ADDRESS 10
#define TRIES 30
#define TRIES_PERIOD_S 900
#define MAILS 5
#define MAILS_PERIOD_S 3600

#define DIGEST_TEXT_BYTES 33 /* half of a SHA-256 is enough to tell names apart */
#define BUSY_RETRY_S "1"

static enum status fail_slower(struct rpc_call *call, const char *what,
                               const struct limit_decision *decision)
{
    unsigned seconds = (decision->retry_after_ms + 999) / 1000;

    rpc_set_header(call, "retry-after", arena_printf(call->arena, "%u", seconds));
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "too many %s; try again in %u s", what,
                    seconds);
}

/* The queue of passwords is full, which says nothing about the account. */
static enum status fail_busy(struct rpc_call *call, enum status status)
{
    if (status != STATUS_RESOURCE_EXHAUSTED)
        return status;
    rpc_set_header(call, "retry-after", BUSY_RETRY_S);
    return rpc_fail(call, status, "too many are signing in right now; try again in a moment");
}

static enum status fail_wrong(struct rpc_call *call)
{
    return rpc_fail(call, STATUS_UNAUTHENTICATED, "wrong name or password");
}

/* Names a name or an address in keys without telling it. In lower case: there are only ASCII ones.
 */
static const char *digest_of(struct arena *arena, const char *text)
{
    char *lower = arena_strdup(arena, text), out[DIGEST_TEXT_BYTES];
    unsigned char digest[SHA256_DIGEST_LENGTH];

    for (char *c = lower; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    SHA256((const unsigned char *)lower, strlen(lower), digest);
    sodium_bin2hex(out, sizeof(out), digest, DIGEST_TEXT_BYTES / 2);
    return arena_strdup(arena, out);
}

static void take(struct rpc_call *call, const char *key, uint64_t calls, uint32_t period_s,
                 struct limit_decision *ret)
{
    limiter_take(call, key, calls * call->app->rate_scale, period_s, ret);
}

/* Known and unknown names alike. */
static enum status pace_tries(struct rpc_call *call, const char *digest)
{
    struct limit_decision decision = {0};

    take(call, arena_printf(call->arena, "password:%s:%s", digest, call->peer), TRIES_FROM_ADDRESS,
         TRIES_PERIOD_S, &decision);
    if (decision.allowed)
        take(call, arena_printf(call->arena, "password:%s", digest), TRIES, TRIES_PERIOD_S,
             &decision);
    return decision.allowed ? STATUS_OK : fail_slower(call, "tries for this name", &decision);
}

/* The password is right; if that cannot be done now it is done at the next sign-in. */
static void renew_hash(struct rpc_call *call, const struct credentials_find_row *row,
                       const char *password)
{
    const char *hash;

    if (password_hash_is_outdated(row->password_hash) &&
        password_hash(call->app->workers, call->arena, password, &hash) == STATUS_OK)
        (void)!credentials_rehash(call->app->db, row->id, row->password_hash, hash);
}

/* `hash` NULL: there is no such account, or it has no password. */
static enum status check(struct rpc_call *call, const char *hash, const char *password)
{
    enum status s = password_verify(call->app->workers, hash, password);

    return s == STATUS_UNAUTHENTICATED ? fail_wrong(call) : fail_busy(call, s);
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

/* Names and addresses are ASCII. What is not is not looked up: PostgreSQL folds some other letters
 * to these, and each way to write a name would have a budget of its own. */
static enum status find(struct rpc_call *call, const char *login, struct credentials_find_row **ret)
{
    enum status s = STATUS_NOT_FOUND;

    *ret = NULL;
    if (is_ascii(login))
        s = credentials_find(call->app->db, call->arena, login, ret);
    return s == STATUS_NOT_FOUND ? STATUS_OK : s;
}

enum status credentials_check(struct rpc_call *call, const char *login, const char *password,
                              struct credential *ret)
{
    struct credentials_find_row *row;

    TRY(pace_tries(call, digest_of(call->arena, login)));
    TRY(find(call, login, &row));
    if (row != NULL)
        call->identity.account_id = row->id;
    TRY(check(call, row ? row->password_hash : NULL, password));
    assert(row != NULL); /* no password fits an account that is not there */
    renew_hash(call, row, password);
    *ret = (struct credential){row->id, row->password_changed_at};
    return STATUS_OK;
}

enum status credentials_check_own(struct rpc_call *call, const char *password)
{
    struct credentials_get_row *row;

    TRY(credentials_get(call->app->db, call->arena, call->identity.account_id, &row));
    TRY(pace_tries(call, digest_of(call->arena, row->user_name)));
    return check(call, row->password_hash, password);
}

enum status credentials_keep(struct rpc_call *call, struct db *tx,
                             const struct credential *credential)
{
    struct credentials_hold_row *row;
    enum status s =
        credentials_hold(tx, call->arena, credential->account_id, credential->changed_at_us, &row);

    return s == STATUS_NOT_FOUND ? fail_wrong(call) : s;
}

enum status credentials_hash(struct rpc_call *call, const char *field, const char *password,
                             const char *user_name, const char *email, const char **ret_hash)
{
    const char *fault = password_fault(call->arena, password, user_name, email);

    if (fault != NULL)
        return rpc_fail_field(call, field, "%s", fault);
    return fail_busy(call, password_hash(call->app->workers, call->arena, password, ret_hash));
}

static void take_mail(struct rpc_call *call, const char *purpose, const char *email,
                      struct limit_decision *ret)
{
    take(call, arena_printf(call->arena, "mail:%s:%s", purpose, digest_of(call->arena, email)),
         MAILS, MAILS_PERIOD_S, ret);
}

bool credentials_may_mail(struct rpc_call *call, const char *purpose, const char *email)
{
    struct limit_decision decision = {0};

    take_mail(call, purpose, email, &decision);
    return decision.allowed;
}

enum status credentials_pace_mail(struct rpc_call *call, const char *purpose, const char *email)
{
    struct limit_decision decision = {0};

    take_mail(call, purpose, email, &decision);
    return decision.allowed ? STATUS_OK : fail_slower(call, "mails to this address", &decision);
}
