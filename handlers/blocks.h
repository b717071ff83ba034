/* blocks.h - who does not want to hear whom.
 *
 * A block is between accounts. Streams hide what a blocked account causes from the moment they
 * learn of it (handlers/live_watch.h). */
#ifndef WAYSTONE_HANDLERS_BLOCKS_H
#define WAYSTONE_HANDLERS_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/db.h"

#define BLOCKS_MAX 500 /* of one account */

/* The accounts that `account_id` blocks, ascending, at most BLOCKS_MAX; in the arena. Suspends. */
enum status blocks_list(struct db *db, struct arena *arena, int64_t account_id,
                        int64_t **ret_account_ids, size_t *ret_count) MUST_CHECK;

/* The accounts that `account_id` blocks or that block it, ascending; of the latter at most
 * BLOCKED_BY_MAX. In the arena. Suspends. */
#define BLOCKED_BY_MAX 5000
enum status blocks_list_both(struct db *db, struct arena *arena, int64_t account_id,
                             int64_t **ret_account_ids, size_t *ret_count) MUST_CHECK;

/* Whether either of two accounts blocks the other. Suspends. */
enum status blocks_between(struct db *db, struct arena *arena, int64_t a, int64_t b,
                           bool *ret_blocked) MUST_CHECK;

#endif
