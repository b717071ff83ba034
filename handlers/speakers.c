#include "handlers/speakers.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "handlers/limiter.h"
#include "handlers/rules/repetition.h"

#define SLOTS 4096 /* a power of two; who shares one with another starts anew */
/* Whoever speaks again within this is told of, with the message before. */
#define SHARED_WITHIN_MS REPETITION_WINDOW_MS
#define WAITING_MAX 1024 /* more are not told of: loops count alone then */
#define TOLD_TOGETHER 64
#define TEXTS_TOLD 2 /* of one message and the one before */

struct speaker {
    int64_t account_id;
    int64_t tat_ms; /* limiter_step() */
    int64_t said_ms;
    int64_t closed_until_ms;  /* by what all loops told */
    uint64_t untold;          /* fingerprint of the message before, */
    uint32_t untold_messages; /* if it was not told: 0 or 1 */
    struct repetition repetition;
};

/* What somebody said, to be told. */
struct telling {
    int64_t account_id;
    uint32_t messages;
    uint64_t texts[TEXTS_TOLD]; /* fingerprints; 0: none */
    struct speaking_bounds bounds;
};

struct speakers {
    struct speaker slots[SLOTS];
    struct telling waiting[WAITING_MAX]; /* a ring */
    size_t first, count;
    bool telling;
};

/* For each KEY what its account said: ARGV: the time of one message and of all in microseconds, how
 * many were said, then two fingerprints or '0'. The last ARGV is the window of repetition in ms.
 * Answers with three numbers for each: ms until the next message may be said, and how often each
 * text was said. Takes what was said whether or not that was too much. */
static const char script[] =
    "local time, answer = redis.call('TIME'), {} "
    "local now = time[1] * 1000000 + time[2] "
    "for i, key in ipairs(KEYS) do "
    "  local at = 5 * (i - 1) "
    "  local interval, period = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]) "
    "  local tat = math.max(tonumber(redis.call('GET', key) or '0'), now) "
    "  tat = tat + interval * tonumber(ARGV[at + 3]) "
    "  redis.call('SET', key, string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1) "
    "  answer[3 * i - 2] = math.ceil(math.max(tat + interval - now - period, 0) / 1000) "
    "  for j = 0, 1 do "
    "    local text, count = ARGV[at + 4 + j], 0 "
    "    if text ~= '0' then "
    "      count = redis.call('INCR', key .. ':' .. text) "
    "      if count == 1 then redis.call('PEXPIRE', key .. ':' .. text, ARGV[#ARGV]) end "
    "    end "
    "    answer[3 * i - 1 + j] = count "
    "  end "
    "end "
    "return answer";

#define WORDS_EACH 6 /* a key and five arguments */

static struct speaker *slot_of(struct app *app, int64_t account_id)
{
    return &app->speakers->slots[((uint64_t)account_id * 11400714819323198485u) >> 52];
}

static struct speaker *find_speaker(struct app *app, int64_t account_id)
{
    struct speaker *speaker = slot_of(app, account_id);

    if (speaker->account_id != account_id)
        *speaker = (struct speaker){.account_id = account_id};
    return speaker;
}

/* --- telling the others --- */

static size_t take(struct speakers *speakers, struct telling *told)
{
    size_t count = 0;

    for (; speakers->count > 0 && count < TOLD_TOGETHER; speakers->count--) {
        told[count++] = speakers->waiting[speakers->first];
        speakers->first = (speakers->first + 1) % WAITING_MAX;
    }
    return count;
}

static void write_telling(struct arena *arena, const struct telling *telling, const char **key,
                          const char **words)
{
    const struct speaking_bounds *bounds = &telling->bounds;
    int64_t period_us = (int64_t)bounds->period_s * 1000000;
    int64_t interval_us = period_us / bounds->messages > 0 ? period_us / bounds->messages : 1;

    *key = arena_printf(arena, "waystone:said:%lld", (long long)telling->account_id);
    words[0] = arena_printf(arena, "%lld", (long long)interval_us);
    words[1] = arena_printf(arena, "%lld", (long long)period_us);
    words[2] = arena_printf(arena, "%u", telling->messages);
    for (size_t i = 0; i < TEXTS_TOLD; i++)
        words[3 + i] =
            telling->texts[i] != 0 ? arena_printf(arena, "%016" PRIx64, telling->texts[i]) : "0";
}

static void hear_answer(struct app *app, const struct telling *telling,
                        const struct redis_value *numbers)
{
    struct speaker *speaker = slot_of(app, telling->account_id);
    int64_t now_ms = (int64_t)clock_monotonic_ms();

    if (speaker->account_id != telling->account_id)
        return;
    if (now_ms + numbers[0].integer > speaker->closed_until_ms && numbers[0].integer > 0)
        speaker->closed_until_ms = now_ms + numbers[0].integer;
    for (size_t i = 0; i < TEXTS_TOLD; i++)
        if (telling->texts[i] != 0 && numbers[1 + i].integer > 0)
            repetition_raise(&speaker->repetition, now_ms, telling->texts[i],
                             (uint32_t)numbers[1 + i].integer);
}

/* Without Redis nothing is told: loops count alone. */
static void tell_some(struct app *app, const struct telling *told, size_t count)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *words[1 + WORDS_EACH * TOLD_TOGETHER + 1] = {arena_printf(arena, "%zu", count)};
    size_t word_count = 1 + WORDS_EACH * count + 1;
    struct redis_value value;

    for (size_t i = 0; i < count; i++)
        write_telling(arena, &told[i], &words[1 + i], &words[1 + count + 5 * i]);
    words[word_count - 1] = arena_printf(arena, "%d", REPETITION_WINDOW_MS);
    if (redis_run_script(app->redis, arena, script, word_count, words, &value) != STATUS_OK ||
        value.type != REDIS_ARRAY || value.item_count != 3 * count)
        return;
    for (size_t i = 0; i < count; i++)
        hear_answer(app, &told[i], &value.items[3 * i]);
}

static void tell_main(void *argument)
{
    struct app *app = argument;
    struct telling told[TOLD_TOGETHER];
    size_t count;

    while ((count = take(app->speakers, told)) > 0)
        tell_some(app, told, count);
    app->speakers->telling = false;
}

static void tell(struct app *app, const struct telling *telling)
{
    struct speakers *speakers = app->speakers;

    if (speakers->count == WAITING_MAX)
        return;
    speakers->waiting[(speakers->first + speakers->count++) % WAITING_MAX] = *telling;
    if (speakers->telling)
        return;
    speakers->telling = true;
    coro_start(app->loop, tell_main, app);
}

/* --- speaking --- */

static void note_said(struct app *app, struct speaker *speaker, int64_t now_ms,
                      uint64_t fingerprint, const struct speaking_bounds *bounds)
{
    bool lately = speaker->said_ms != 0 && now_ms - speaker->said_ms < SHARED_WITHIN_MS;

    speaker->said_ms = now_ms;
    if (lately) {
        tell(app, &(struct telling){.account_id = speaker->account_id,
                                    .messages = 1 + speaker->untold_messages,
                                    .texts = {fingerprint, speaker->untold},
                                    .bounds = *bounds});
        speaker->untold_messages = 0;
        speaker->untold = 0;
    } else {
        speaker->untold_messages = 1;
        speaker->untold = fingerprint;
    }
}

enum speaking speakers_note(struct app *app, int64_t account_id, uint64_t fingerprint,
                            const struct speaking_bounds *bounds, uint32_t *ret_retry_ms)
{
    struct speaker *speaker = find_speaker(app, account_id);
    int64_t now_ms = (int64_t)clock_monotonic_ms();
    struct limit_decision decision;

    if (speaker->closed_until_ms > now_ms) {
        *ret_retry_ms = (uint32_t)(speaker->closed_until_ms - now_ms);
        return SPEAKING_TOO_FAST;
    }
    limiter_step(now_ms, bounds->messages, bounds->period_s, &speaker->tat_ms, &decision);
    if (!decision.allowed) {
        *ret_retry_ms = decision.retry_after_ms;
        return SPEAKING_TOO_FAST;
    }
    if (!repetition_step(&speaker->repetition, now_ms, fingerprint, bounds->repeats)) {
        *ret_retry_ms = REPETITION_WINDOW_MS;
        return SPEAKING_AGAIN;
    }
    note_said(app, speaker, now_ms, fingerprint, bounds);
    return SPEAKING_ALLOWED;
}

/* --- life --- */

void speakers_open(struct app *app)
{
    app->speakers = calloc(1, sizeof(*app->speakers));
    if (app->speakers == NULL)
        abort();
}

void speakers_close(struct app *app)
{
    assert(!app->speakers->telling);
    free(app->speakers);
    app->speakers = NULL;
}
