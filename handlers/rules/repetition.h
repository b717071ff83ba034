/* repetition.h - how often somebody says the same. Pure. */
#ifndef WAYSTONE_HANDLERS_RULES_REPETITION_H
#define WAYSTONE_HANDLERS_RULES_REPETITION_H

#include <stdbool.h>
#include <stdint.h>

#define REPETITION_TEXTS 4 /* different ones remembered of a speaker */
#define REPETITION_WINDOW_MS 30000

/* What one speaker said lately; all zero at first. */
struct repetition {
    struct {
        uint64_t fingerprint;
        int64_t since_ms; /* when it was first said in this window */
        uint32_t count;
    } said[REPETITION_TEXTS];
};

/* Notes that a text is said at `now_ms`. False, and nothing is noted, if it was said `most` times
 * within the window already. A fingerprint of 0 always passes. */
bool repetition_step(struct repetition *speaker, int64_t now_ms, uint64_t fingerprint,
                     uint32_t most);

/* A text was said at least `count` times within the window, counting elsewhere. One that is not
 * remembered here stays so. */
void repetition_raise(struct repetition *speaker, int64_t now_ms, uint64_t fingerprint,
                      uint32_t count);

#endif
