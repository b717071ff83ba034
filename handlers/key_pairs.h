/* key_pairs.h - making the keys that sign access tokens, and when. Shared with waystone-admin.
 *
 * Keys lie in PostgreSQL (`signing_keys`), private halves sealed with the master key. The next one
 * is published in time before it signs, so that every instance and whoever caches the published
 * keys knows it by then; its predecessor verifies until the last token it signed has expired. */
#ifndef WAYSTONE_HANDLERS_KEY_PAIRS_H
#define WAYSTONE_HANDLERS_KEY_PAIRS_H

#include "base/arena.h"
#include "db/db.h"
#include "handlers/secrets.h"

#define KEY_ID_LENGTH 16 /* hexadecimal digits: the start of the SHA-256 of the public point */
#define KEY_POINT_BYTES 64

/* What secrets_seal() is told of a private key. */
#define KEY_PURPOSE "signing_keys.private_key"
int64_t key_pair_seal_id(const char *kid);

/* Names a key by its public point. */
void key_pair_id(const unsigned char point[KEY_POINT_BYTES], char ret[KEY_ID_LENGTH + 1]);

struct key_schedule {
    int64_t life_s;    /* for which a key signs */
    int64_t publish_s; /* for which it is known before it signs */
    int64_t token_s;   /* life of what it signs */
};

/* Each in a transaction, under a lock that lets nobody else do it meanwhile. Suspends. */

/* Makes the first key, if there is none; it signs at once. */
enum status key_pairs_ensure(struct db *tx, struct arena *arena, const struct secrets *secrets)
    MUST_CHECK;

/* Makes the next key, if its time has come, and deletes those that have retired. */
enum status key_pairs_follow(struct db *tx, struct arena *arena, const struct secrets *secrets,
                             const struct key_schedule *schedule) MUST_CHECK;

/* Makes the next key whatever the time, to sign in `in_s` seconds; one that is published already is
 * only told to sign by then. `*ret_kid` lives in the arena. */
enum status key_pairs_rotate(struct db *tx, struct arena *arena, const struct secrets *secrets,
                             const struct key_schedule *schedule, int64_t in_s,
                             const char **ret_kid) MUST_CHECK;

#endif
