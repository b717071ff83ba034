#include "handlers/speech.h"

#include "base/log.h"
#include "db/queries/moderation.h"
#include "handlers/limiter.h"
#include "handlers/reports.h"
#include "handlers/rules/filters.h"
#include "handlers/rules/links.h"
#include "handlers/sanctions.h"
#include "handlers/speakers.h"
#include "handlers/word_filters.h"

#define KIND_FAMILY 5            /* waystone.chat.v1.ChannelKind */
#define ROLE_CHANNEL_MODERATOR 2 /* waystone.chat.v1.ChannelRole */

#define PACE_MESSAGES 10 /* at once, then one a second */
#define PACE_S 10
#define REPEATS 3 /* of one text in REPETITION_WINDOW_MS */

static enum status fail_for_now(struct rpc_call *call, uint32_t retry_after_ms, const char *why)
{
    uint32_t seconds = (retry_after_ms + 999) / 1000;

    rpc_set_header(call, "retry-after", arena_printf(call->arena, "%u", seconds));
    return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED, "%s; try again in %u s", why, seconds);
}

/* Moderators, of the game and of the channel, speak without them. */
static bool is_paced(const struct rpc_call *call, const struct speech *speech)
{
    return !speech->is_edit && call->identity.role < RPC_ACCESS_MODERATOR &&
           speech->channel_role < ROLE_CHANNEL_MODERATOR;
}

static enum status check_links(struct rpc_call *call, const struct speech *speech,
                               const struct folded_text *folded)
{
    struct speech_account_age_row *row;
    uint32_t bound_s = call->app->new_account_s;

    if (bound_s == 0 || speech->channel_kind == KIND_FAMILY ||
        call->identity.role >= RPC_ACCESS_MODERATOR || !text_has_link(folded))
        return STATUS_OK;
    TRY(speech_account_age(call->app->db, call->arena, call->identity.account_id, &row));
    if (row->age_s < (int64_t)bound_s)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "accounts younger than %u hours cannot send links",
                        (bound_s + 3599) / 3600);
    return STATUS_OK;
}

static enum status check_filters(struct rpc_call *call, const struct speech *speech,
                                 const struct folded_text *folded, struct speech_verdict *ret)
{
    const struct filter_set *filters;
    struct filter_verdict verdict;

    TRY(word_filters_get(call->app, &filters));
    filter_set_apply(filters, call->arena, speech->text, folded, speech->channel_kind,
                     (int)call->identity.role, &verdict);
    if (verdict.refused_by != 0)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "these words are not said here");
    *ret = (struct speech_verdict){.text = verdict.text, .reported_by = verdict.reported_by};
    return STATUS_OK;
}

static enum status check_spam(struct rpc_call *call, const struct folded_text *folded)
{
    uint32_t scale = call->app->rate_scale, retry_ms;
    const struct speaking_bounds bounds = {PACE_MESSAGES * scale, PACE_S, REPEATS * scale};

    switch (speakers_note(call->app, call->identity.account_id, folded_fingerprint(folded), &bounds,
                          &retry_ms)) {
    case SPEAKING_TOO_FAST:
        return fail_for_now(call, retry_ms, "you speak too fast");
    case SPEAKING_AGAIN:
        return fail_for_now(call, retry_ms, "you have said that several times");
    case SPEAKING_ALLOWED:
        break;
    }
    return STATUS_OK;
}

static enum status check_slow_mode(struct rpc_call *call, const struct speech *speech)
{
    struct limit_decision decision;

    if (speech->slow_mode_s == 0)
        return STATUS_OK;
    limiter_take(call,
                 arena_printf(call->arena, "slow:%lld:%lld", (long long)speech->channel_id,
                              (long long)call->identity.account_id),
                 1, (uint32_t)speech->slow_mode_s, &decision);
    return decision.allowed
               ? STATUS_OK
               : fail_for_now(call, decision.retry_after_ms, "this channel is in slow mode");
}

enum status speech_check(struct rpc_call *call, const struct speech *speech,
                         struct speech_verdict *ret)
{
    struct folded_text folded;

    TRY(sanction_check_speech(call, speech->channel_id));
    fold_text(call->arena, speech->text, &folded);
    TRY(check_links(call, speech, &folded));
    TRY(check_filters(call, speech, &folded, ret));
    if (!is_paced(call, speech))
        return STATUS_OK;
    TRY(check_spam(call, &folded));
    return check_slow_mode(call, speech);
}

void speech_said(struct rpc_call *call, const struct speech_verdict *verdict,
                 const struct said *said)
{
    struct reported message = {
        .channel_id = said->channel_id,
        .sequence = said->sequence,
        .account_id = call->identity.account_id,
        .character_id = said->character_id,
        .character_name = said->character_name,
        .text = verdict->text,
        .sent_at_us = said->sent_at_us,
    };
    enum status s;

    if (verdict->reported_by == 0)
        return;
    s = report_file_by_filter(call, &message, verdict->reported_by);
    if (s != STATUS_OK)
        log_error("a filter's report was not filed", LOG_STRING("status", status_name(s)),
                  LOG_INT("channel", said->channel_id), LOG_INT("message", said->sequence));
}
