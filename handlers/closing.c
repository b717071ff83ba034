#include "handlers/closing.h"

#include <time.h>

#include "db/queries/api_keys.h"
#include "db/queries/credentials.h"
#include "handlers/mail.h"

/* "2026-12-05" */
static const char *day_of(struct arena *arena, int64_t wall_us)
{
    time_t seconds = wall_us / 1000000;
    struct tm time;
    char text[32];

    gmtime_r(&seconds, &time);
    (void)strftime(text, sizeof(text), "%Y-%m-%d", &time);
    return arena_strdup(arena, text);
}

enum status closing_begin(struct rpc_call *call, struct db *tx, int64_t account_id,
                          struct ended_sessions *ret_ended, int64_t *ret_erases_at_us)
{
    struct credentials_close_row *row;

    TRY(credentials_close(tx, call->arena, account_id, (int64_t)call->app->closing_grace_s, &row));
    TRY(sessions_end_all(call, tx, account_id, 0, ret_ended));
    TRY(api_keys_revoke_all(tx, account_id));
    TRY(mail_owner_later(call, tx, account_id, MAIL_ACCOUNT_CLOSED,
                         day_of(call->arena, row->erases_at)));
    *ret_erases_at_us = row->erases_at;
    return STATUS_OK;
}
