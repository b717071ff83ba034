/* speakers.h - how much each account said lately, wherever it speaks: pace and repetition.
 *
 * Each loop counts for itself, so that a message waits for nothing. Of accounts that spoke here a
 * short while ago it also tells Redis, after the fact and many at a time; what comes back is what
 * all loops of all instances have told, and closes the mouth of whoever is beyond the bound there.
 * So an account that speaks through many loops at once may say one message more for each of them,
 * once; and Redis hears nothing of those who speak now and then. While Redis is away, loops count
 * alone. */
#ifndef WAYSTONE_HANDLERS_SPEAKERS_H
#define WAYSTONE_HANDLERS_SPEAKERS_H

#include "handlers/app.h"

/* What an account may say: so many at once, after which one more every `period_s / messages`; and
 * one text so many times in REPETITION_WINDOW_MS. */
struct speaking_bounds {
    uint32_t messages, period_s, repeats;
};

enum speaking { SPEAKING_ALLOWED, SPEAKING_TOO_FAST, SPEAKING_AGAIN };

/* Notes that an account says a text (rules/folding.h has its fingerprint; 0: any), if it may;
 * otherwise `*ret_retry_ms` tells when it may. Does not suspend. */
enum speaking speakers_note(struct app *app, int64_t account_id, uint64_t fingerprint,
                            const struct speaking_bounds *bounds, uint32_t *ret_retry_ms);

/* Sets app->speakers. */
void speakers_open(struct app *app);

/* When nothing runs on the loop any more. */
void speakers_close(struct app *app);

#endif
