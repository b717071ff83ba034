/* speech.h - whether something may be said, and how.
 *
 * In this order: sanctions, links of new accounts, word filters, the speaker's pace, repetition,
 * slow mode. No query is made unless something is refused or holds a link; slow mode asks Redis.
 * Pace and repetition are counted over all loops (speakers.h). */
#ifndef WAYSTONE_HANDLERS_SPEECH_H
#define WAYSTONE_HANDLERS_SPEECH_H

#include <stdbool.h>
#include <stdint.h>

#include "handlers/app.h"
#include "server/rpc.h"

struct speech {
    int64_t channel_id;
    int channel_kind;    /* waystone.chat.v1.ChannelKind */
    int channel_role;    /* of the speaker there; waystone.chat.v1.ChannelRole */
    int32_t slow_mode_s; /* 0: none */
    bool is_edit;        /* of something said: pace, repetition and slow mode do not count */
    const char *text;
};

struct speech_verdict {
    const char *text;    /* as it is to be sent: the given one, or masked in the call's arena */
    int64_t reported_by; /* the filter that wants moderators to see it; 0: none */
};

/* FAILED_PRECONDITION (sanction, link, filter) or RESOURCE_EXHAUSTED (pace, repetition, slow
 * mode), said to the caller. A call that repeats one with an idempotency key
 * should get its first answer instead: look for that before passing RESOURCE_EXHAUSTED on. */
enum status speech_check(struct rpc_call *call, const struct speech *speech,
                         struct speech_verdict *ret) MUST_CHECK;

/* What was said, once it has a number. */
struct said {
    int64_t channel_id, sequence;
    int64_t character_id;
    const char *character_name;
    int64_t sent_at_us;
};

/* Files the report that a verdict asks for; without one it does nothing. Its failure is logged and
 * does not concern the speaker: the message is there already. Suspends. */
void speech_said(struct rpc_call *call, const struct speech_verdict *verdict,
                 const struct said *said);

#endif
