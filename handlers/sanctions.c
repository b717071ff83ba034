#include "handlers/sanctions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/coro.h"
#include "db/queries/sanctions.h"
#include "handlers/authenticator.h"

#define POLL_MS 500
/* A commit becomes visible after its time stamp, at the latest when the longest statement and
 * call have ended. */
#define OVERLAP_US 60000000

struct entry {
    int64_t account_id, id;
    int64_t channel_id; /* 0: everywhere */
    int64_t ends_at_us; /* INT64_MAX: never */
    enum sanction_kind kind;
};

struct sanctions {
    struct app *app;
    struct entry *entries; /* by account, then id */
    size_t count, room;
    size_t purge_at; /* entries at which those that ended are dropped */
    bool is_loaded;
    int64_t read_until_us; /* by the database's clock */
    struct loop_timer timer;
};

static int64_t end_of(int64_t ends_at_us, bool is_null)
{
    return is_null ? INT64_MAX : ends_at_us;
}

/* --- what this loop knows --- */

static int compare(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    if (left->account_id != right->account_id)
        return left->account_id < right->account_id ? -1 : 1;
    return (left->id > right->id) - (left->id < right->id);
}

/* Index of the first entry not before (account, id). */
static size_t position_of(const struct sanctions *sanctions, int64_t account_id, int64_t id)
{
    struct entry key = {.account_id = account_id, .id = id};
    size_t low = 0, high = sanctions->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(&sanctions->entries[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void purge(struct sanctions *sanctions)
{
    int64_t now_us = clock_wall_us();
    size_t kept = 0;

    for (size_t i = 0; i < sanctions->count; i++)
        if (sanctions->entries[i].ends_at_us > now_us)
            sanctions->entries[kept++] = sanctions->entries[i];
    sanctions->count = kept;
    sanctions->purge_at = kept * 2 + 1024;
}

static void reserve(struct sanctions *sanctions, size_t count)
{
    if (count <= sanctions->room)
        return;
    sanctions->room = count * 2;
    sanctions->entries =
        reallocarray(sanctions->entries, sanctions->room, sizeof(*sanctions->entries));
    if (sanctions->entries == NULL)
        abort();
}

static void forget(struct sanctions *sanctions, int64_t account_id, int64_t id)
{
    size_t at = position_of(sanctions, account_id, id);

    if (at == sanctions->count || sanctions->entries[at].account_id != account_id ||
        sanctions->entries[at].id != id)
        return;
    sanctions->count--;
    memmove(&sanctions->entries[at], &sanctions->entries[at + 1],
            (sanctions->count - at) * sizeof(*sanctions->entries));
}

static void remember(struct sanctions *sanctions, const struct entry *entry)
{
    size_t at;

    if (sanctions->count >= sanctions->purge_at)
        purge(sanctions);
    forget(sanctions, entry->account_id, entry->id);
    at = position_of(sanctions, entry->account_id, entry->id);
    reserve(sanctions, sanctions->count + 1);
    memmove(&sanctions->entries[at + 1], &sanctions->entries[at],
            (sanctions->count - at) * sizeof(*sanctions->entries));
    sanctions->entries[at] = *entry;
    sanctions->count++;
}

/* --- reading them --- */

static enum status load(struct sanctions *sanctions, struct arena *arena)
{
    struct sanctions_in_force_row *rows;
    struct sanctions_now_row *now;
    size_t count;

    TRY(sanctions_now(sanctions->app->db, arena, &now));
    TRY(sanctions_in_force(sanctions->app->db, arena, &rows, &count));
    reserve(sanctions, count);
    for (size_t i = 0; i < count; i++)
        sanctions->entries[i] =
            (struct entry){.account_id = rows[i].account_id,
                           .id = rows[i].id,
                           .channel_id = rows[i].channel_id,
                           .ends_at_us = end_of(rows[i].ends_at, rows[i].ends_at_is_null),
                           .kind = (enum sanction_kind)rows[i].kind};
    sanctions->count = count;
    sanctions->purge_at = count * 2 + 1024;
    if (count > 0)
        qsort(sanctions->entries, count, sizeof(*sanctions->entries), compare);
    sanctions->read_until_us = now->at;
    sanctions->is_loaded = true;
    return STATUS_OK;
}

static enum status read_changes(struct sanctions *sanctions, struct arena *arena)
{
    struct sanctions_changed_since_row *rows;
    size_t count;

    TRY(sanctions_changed_since(sanctions->app->db, arena, sanctions->read_until_us - OVERLAP_US,
                                &rows, &count));
    for (size_t i = 0; i < count; i++) {
        struct entry entry = {.account_id = rows[i].account_id,
                              .id = rows[i].id,
                              .channel_id = rows[i].channel_id,
                              .ends_at_us = end_of(rows[i].ends_at, rows[i].ends_at_is_null),
                              .kind = (enum sanction_kind)rows[i].kind};
        if (rows[i].is_lifted)
            forget(sanctions, entry.account_id, entry.id);
        else
            remember(sanctions, &entry);
        if (rows[i].changed_at > sanctions->read_until_us)
            sanctions->read_until_us = rows[i].changed_at;
    }
    return STATUS_OK;
}

/* A failure leaves what is known; the next turn tries again. */
static void poll_main(void *argument)
{
    struct sanctions *sanctions = argument;
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    (void)!(sanctions->is_loaded ? read_changes(sanctions, arena) : load(sanctions, arena));
    loop_timer_set_on_beat(sanctions->app->loop, &sanctions->timer, POLL_MS);
}

static void on_timer(struct loop_timer *timer)
{
    struct sanctions *sanctions =
        (struct sanctions *)((char *)timer - offsetof(struct sanctions, timer));

    coro_start(sanctions->app->loop, poll_main, sanctions);
}

void sanctions_open(struct app *app)
{
    struct sanctions *sanctions = calloc(1, sizeof(*sanctions));

    if (sanctions == NULL)
        abort();
    sanctions->app = app;
    sanctions->timer.fn = on_timer;
    loop_timer_set(app->loop, &sanctions->timer, 0);
    app->sanctions = sanctions;
}

void sanctions_close(struct app *app)
{
    loop_timer_cancel(app->loop, &app->sanctions->timer);
    free(app->sanctions->entries);
    free(app->sanctions);
    app->sanctions = NULL;
}

/* --- what they forbid --- */

enum status sanction_state(struct app *app, int64_t account_id, int64_t channel_id,
                           struct sanction_state *ret)
{
    struct sanctions *sanctions = app->sanctions;
    int64_t now_us = clock_wall_us();

    if (!sanctions->is_loaded) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        TRY(load(sanctions, arena));
    }
    *ret = (struct sanction_state){0};
    for (size_t i = position_of(sanctions, account_id, 0);
         i < sanctions->count && sanctions->entries[i].account_id == account_id; i++) {
        const struct entry *entry = &sanctions->entries[i];
        if (entry->ends_at_us <= now_us ||
            (entry->channel_id != 0 && entry->channel_id != channel_id))
            continue;
        if (entry->kind == SANCTION_BAN)
            ret->ban_id = entry->id;
        else
            ret->mute_id = entry->id;
    }
    return STATUS_OK;
}

const char *sanction_term(struct arena *arena, int64_t ends_at_us)
{
    time_t seconds = (time_t)(ends_at_us / 1000000);
    struct tm parts;
    char text[32];

    if (ends_at_us == INT64_MAX || gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts) == 0)
        return "for good";
    return arena_printf(arena, "until %s UTC", text);
}

static enum status tell_sanction(struct rpc_call *call, enum status status, int64_t id)
{
    struct sanctions_get_row *row;

    TRY(sanctions_get(call->app->db, call->arena, id, &row));
    return rpc_fail(
        call, status, "you are %s %s%s: %s", row->kind == SANCTION_BAN ? "banned" : "muted",
        row->channel_id != 0 ? "in this channel " : "",
        sanction_term(call->arena, end_of(row->ends_at, row->ends_at_is_null)), row->reason);
}

enum status sanction_check_speech(struct rpc_call *call, int64_t channel_id)
{
    struct sanction_state state;

    TRY(sanction_state(call->app, call->identity.account_id, channel_id, &state));
    if (state.mute_id == 0 && state.ban_id == 0)
        return STATUS_OK;
    return tell_sanction(call, STATUS_FAILED_PRECONDITION,
                         state.ban_id ? state.ban_id : state.mute_id);
}

enum status sanction_check_reading(struct rpc_call *call, int64_t channel_id)
{
    struct sanction_state state;

    TRY(sanction_state(call->app, call->identity.account_id, channel_id, &state));
    return state.ban_id == 0 ? STATUS_OK : tell_sanction(call, STATUS_NOT_FOUND, state.ban_id);
}

enum status sanction_check_sign_in(struct rpc_call *call, struct db *tx, int64_t account_id)
{
    struct sanctions_account_ban_row *row;
    enum status s = sanctions_account_ban(tx, call->arena, account_id, &row);

    if (s == STATUS_NOT_FOUND)
        return STATUS_OK;
    TRY(s);
    return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "BANNED",
                           "this account is banned %s: %s (sanction %lld)",
                           sanction_term(call->arena, end_of(row->ends_at, row->ends_at_is_null)),
                           row->reason, (long long)row->id);
}

/* --- putting and lifting --- */

enum status sanction_check_rank(struct rpc_call *call, int role)
{
    if (role >= (int)call->identity.role)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "that account's role is not below your own");
    return STATUS_OK;
}

static enum status revoke_sessions(struct rpc_call *call, struct db *tx,
                                   struct sanction_change *change)
{
    struct sanctions_revoke_sessions_row *rows;
    int64_t *ids;

    TRY(sanctions_revoke_sessions(tx, call->arena, change->account_id, &rows,
                                  &change->ended_session_count));
    ids = arena_alloc_array(call->arena, change->ended_session_count, sizeof(*ids));
    for (size_t i = 0; i < change->ended_session_count; i++)
        ids[i] = rows[i].id;
    change->ended_sessions = ids;
    return STATUS_OK;
}

enum status sanction_put(struct rpc_call *call, struct db *tx, const struct new_sanction *sanction,
                         struct sanction_change *ret)
{
    struct sanctions_account_lock_row *account;
    struct sanctions_insert_row *row;
    enum status s;

    TRY(sanctions_account_lock(tx, call->arena, sanction->account_id, &account));
    TRY(sanction_check_rank(call, account->role));
    s = sanctions_insert(tx, call->arena, sanction->account_id, sanction->character_id,
                         (int16_t)sanction->kind, sanction->channel_id, sanction->reason,
                         sanction->report_id, call->identity.account_id, sanction->duration_s,
                         &row);
    if (s == STATUS_FAILED_PRECONDITION)
        return rpc_fail(call, s, "there is no channel %lld", (long long)sanction->channel_id);
    TRY(s);
    *ret = (struct sanction_change){.id = row->id,
                                    .account_id = sanction->account_id,
                                    .channel_id = sanction->channel_id,
                                    .kind = sanction->kind,
                                    .ends_at_us = end_of(row->ends_at, row->ends_at_is_null)};
    if (ret->kind == SANCTION_BAN && ret->channel_id == 0)
        return revoke_sessions(call, tx, ret);
    return STATUS_OK;
}

enum status sanction_lift(struct rpc_call *call, struct db *tx, int64_t id, const char *reason,
                          struct sanction_change *ret)
{
    struct sanctions_lock_row *row;
    enum status s = sanctions_lock(tx, call->arena, id, &row);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no sanction %lld", (long long)id);
    TRY(s);
    if (!row->is_active)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "this sanction is not in force any more");
    TRY(sanction_check_rank(call, row->role));
    TRY(sanctions_lift(tx, id, call->identity.account_id, reason));
    *ret = (struct sanction_change){.id = id,
                                    .account_id = row->account_id,
                                    .channel_id = row->channel_id,
                                    .kind = (enum sanction_kind)row->kind,
                                    .lifted = true};
    return STATUS_OK;
}

void sanction_committed(struct app *app, const struct sanction_change *change)
{
    struct entry entry = {.account_id = change->account_id,
                          .id = change->id,
                          .channel_id = change->channel_id,
                          .ends_at_us = change->ends_at_us,
                          .kind = change->kind};

    for (size_t i = 0; i < change->ended_session_count; i++)
        authenticator_session_ended(app, change->ended_sessions[i]);
    if (!app->sanctions->is_loaded || (change->kind == SANCTION_BAN && change->channel_id == 0))
        return;
    if (change->lifted)
        forget(app->sanctions, change->account_id, change->id);
    else
        remember(app->sanctions, &entry);
}
