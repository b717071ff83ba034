/* sanctions.h - mutes and bans: what they forbid, and how they are put and lifted.
 *
 * A sanction is on an account, in one channel or everywhere. Every loop keeps the mutes and the
 * bans from channels that are in force, so that speech is checked without a query; it reads what
 * changed twice a second. Bans from everything are not among them: they end all sessions in the
 * transaction that puts them, and sign-in asks the database.
 *
 * Streams learn of bans from a channel through handlers/live_watch.h.
 * Everything but the database belongs to the loop's thread. */
#ifndef WAYSTONE_HANDLERS_SANCTIONS_H
#define WAYSTONE_HANDLERS_SANCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "handlers/app.h"
#include "server/rpc.h"

/* Same values as waystone.moderation.v1.SanctionKind. */
enum sanction_kind { SANCTION_MUTE = 1, SANCTION_BAN = 2 };

void sanctions_open(struct app *app);
void sanctions_close(struct app *app); /* after the database */

/* --- what they forbid --- */

/* What is in force on an account in a channel; 0: nothing. */
struct sanction_state {
    int64_t mute_id; /* it must not speak */
    int64_t ban_id;  /* it must not read either */
};

/* Suspends only until this loop has read the sanctions for the first time: UNAVAILABLE if it
 * cannot. */
enum status sanction_state(struct app *app, int64_t account_id, int64_t channel_id,
                           struct sanction_state *ret) MUST_CHECK;

/* FAILED_PRECONDITION, said to the caller, if it must not speak in the channel. */
enum status sanction_check_speech(struct rpc_call *call, int64_t channel_id) MUST_CHECK;

/* NOT_FOUND, said to the caller, if it is banned from the channel. */
enum status sanction_check_reading(struct rpc_call *call, int64_t channel_id) MUST_CHECK;

/* FAILED_PRECONDITION, said to the caller, if an account is banned from everything. Called within
 * the transaction that opens a session, after its row was inserted: that row's reference to the
 * account and the ban's lock on it come one after the other, so that the ban sees the session or is
 * seen here. */
enum status sanction_check_sign_in(struct rpc_call *call, struct db *tx, int64_t account_id)
    MUST_CHECK;

/* --- putting and lifting --- */

struct new_sanction {
    int64_t account_id;
    int64_t character_id; /* of that account; by which it was named */
    enum sanction_kind kind;
    int64_t channel_id; /* 0: everywhere */
    int64_t duration_s; /* 0: for ever */
    const char *reason;
    int64_t report_id; /* 0: none */
};

/* What a transaction did, for after its commit. */
struct sanction_change {
    int64_t id, account_id, channel_id;
    enum sanction_kind kind;
    int64_t ends_at_us; /* INT64_MAX: never */
    bool lifted;
    const int64_t *ended_sessions;
    size_t ended_session_count;
};

/* Puts a sanction on an account of a lower role than the caller's: FAILED_PRECONDITION, with words,
 * for others and for a channel that does not exist. Holds the account's row until the commit. */
enum status sanction_put(struct rpc_call *call, struct db *tx, const struct new_sanction *sanction,
                         struct sanction_change *ret) MUST_CHECK;

/* NOT_FOUND if there is none, FAILED_PRECONDITION if it is not in force or on an account that is
 * not below the caller; with words. */
enum status sanction_lift(struct rpc_call *call, struct db *tx, int64_t id, const char *reason,
                          struct sanction_change *ret) MUST_CHECK;

/* After the commit: this loop knows at once, the others within half a second. */
void sanction_committed(struct app *app, const struct sanction_change *change);

/* "until 2026-11-21 14:00 UTC" or "for good". */
const char *sanction_term(struct arena *arena, int64_t ends_at_us);

/* FAILED_PRECONDITION, said to the caller, unless `role` is below the caller's. */
enum status sanction_check_rank(struct rpc_call *call, int role) MUST_CHECK;

#endif
