#include "tools/loadgen/mover.h"

#include "base/clock.h"
#include "tools/loadgen/grpc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "/waystone.chat.v1.ChatService/"
#define REST_MS 600  /* at home, at most */
#define PAUSE_MS 400 /* outside, at most */
#define BLINK_MS 100 /* the same for those who do not wait for the end */

static uint64_t up_to(uint64_t most_ms)
{
    return (uint64_t)random() % (most_ms + 1);
}

static int64_t channel_id(const struct mover *mover)
{
    return mover->player->channels[mover->channel];
}

/* --- calls --- */

static void write_leave(struct mover *mover, struct arena *arena)
{
    LeaveChannelRequest *request = LeaveChannelRequest_new(arena);

    request->channel_id = channel_id(mover);
    grpc_write(&mover->body, &request->base);
}

static void write_remove(struct mover *mover, struct arena *arena)
{
    RemoveMemberRequest *request = RemoveMemberRequest_new(arena);

    request->channel_id = channel_id(mover);
    request->character_id = mover->player->character_id;
    request->idempotency_key =
        arena_printf(arena, "%zu-%" PRIx64, mover->number, clock_monotonic_us());
    grpc_write(&mover->body, &request->base);
}

static void write_peep(struct mover *mover, struct arena *arena)
{
    ListMessagesRequest *request = ListMessagesRequest_new(arena);

    request->channel_id = channel_id(mover);
    grpc_write(&mover->body, &request->base);
}

static void write_join(struct mover *mover, struct arena *arena)
{
    JoinChannelRequest *request = JoinChannelRequest_new(arena);

    request->channel_id = channel_id(mover);
    request->character_id = mover->player->character_id;
    grpc_write(&mover->body, &request->base);
}

static void write_add(struct mover *mover, struct arena *arena)
{
    AddMemberRequest *request = AddMemberRequest_new(arena);

    request->channel_id = channel_id(mover);
    request->character_name = mover->name;
    grpc_write(&mover->body, &request->base);
}

static void write_call(struct mover *mover)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    buffer_clear(&mover->body);
    if (mover->step == MOVER_PEEPING)
        write_peep(mover, arena);
    else if (mover->step == MOVER_LEAVING)
        (mover->by_keeper ? write_remove : write_leave)(mover, arena);
    else
        (mover->by_keeper ? write_add : write_join)(mover, arena);
}

static const char *path_of(const struct mover *mover)
{
    if (mover->step == MOVER_PEEPING)
        return SERVICE "ListMessages";
    if (mover->step == MOVER_LEAVING)
        return mover->by_keeper ? SERVICE "RemoveMember" : SERVICE "LeaveChannel";
    return mover->by_keeper ? SERVICE "AddMember" : SERVICE "JoinChannel";
}

/* --- steps --- */

static void take_step(struct mover *mover, int step, uint64_t due_ms)
{
    mover->step = step;
    mover->failures = 0;
    mover->due_ms = due_ms;
    if (step != MOVER_HOME && step != MOVER_OUTSIDE)
        write_call(mover);
}

static void begin(struct mover *mover, uint64_t now_ms)
{
    mover->channel = (size_t)random() % mover->player->channel_count;
    mover->by_keeper = random() % 2 == 0;
    mover->patient = random() % 2 == 0;
    places_ask_out(mover->places, mover->number, mover->channel);
    take_step(mover, MOVER_LEAVING, now_ms);
}

static void come_back(struct mover *mover, uint64_t now_ms)
{
    mover->by_keeper = mover->name[0] != '\0' && random() % 2 == 0;
    places_ask_in(mover->places, mover->number, mover->channel);
    take_step(mover, MOVER_RETURNING, now_ms);
}

/* What is answered has been done. */
static void go_on(struct mover *mover, uint64_t now_ms)
{
    switch (mover->step) {
    case MOVER_LEAVING:
        places_out(mover->places, mover->number, mover->channel);
        take_step(mover, MOVER_PEEPING, now_ms);
        break;
    case MOVER_PEEPING:
        mover->by_keeper = false;
        take_step(mover, MOVER_OUTSIDE, now_ms + up_to(mover->patient ? PAUSE_MS : BLINK_MS));
        break;
    default:
        places_in(mover->places, mover->number, mover->channel);
        take_step(mover, MOVER_HOME, now_ms + up_to(REST_MS));
        break;
    }
}

static void on_answer(struct link_stream *stream)
{
    struct mover *mover = (struct mover *)stream;
    uint64_t now_ms = clock_monotonic_ms();

    mover->asking = false;
    if (attempt_is_passing(stream)) {
        mover->due_ms = now_ms + attempt_back_off_ms(mover->failures++);
        return;
    }
    if (stream->grpc_status != (mover->step == MOVER_PEEPING ? NOT_FOUND : OK))
        ledger_breach(mover->ledger,
                      "player %zu, channel %" PRId64 ": %s was answered with grpc-status %d",
                      mover->number, channel_id(mover), path_of(mover), stream->grpc_status);
    buffer_clear(&stream->received);
    go_on(mover, now_ms);
}

static void ask_if_due(struct mover *mover, uint64_t now_ms, struct link *own, struct link *keepers)
{
    bool as_keeper = mover->by_keeper && mover->step != MOVER_PEEPING;
    struct link *link = as_keeper ? keepers : own;

    if (now_ms < mover->due_ms || link == NULL)
        return;
    mover->asking = true;
    mover->asked_at_ms = now_ms;
    mover->stream.on_end = on_answer;
    attempt_start(&mover->stream, link, path_of(mover), as_keeper ? mover->keeper : mover->player,
                  &mover->body);
}

static void look_for_answer(struct mover *mover, uint64_t now_ms)
{
    if (now_ms <= mover->asked_at_ms + ATTEMPT_OVERDUE_MS)
        return;
    ledger_breach(mover->ledger,
                  "player %zu: %s got no answer for %d s, its timeout is " ATTEMPT_TIMEOUT,
                  mover->number, path_of(mover), ATTEMPT_OVERDUE_MS / 1000);
    mover->asked_at_ms = now_ms;
    link_cancel(&mover->stream);
}

/* The pause of a patient one begins when the channel has ended for it. */
static void stay_outside(struct mover *mover, uint64_t now_ms, bool hurries)
{
    if (mover->patient && places_awaits_end(mover->places, mover->number, mover->channel))
        mover->due_ms = now_ms + up_to(PAUSE_MS);
    else if (hurries || now_ms >= mover->due_ms)
        come_back(mover, now_ms);
}

void mover_tend(struct mover *mover, uint64_t now_ms, struct link *own, struct link *keepers,
                bool may_begin)
{
    if (mover->asking)
        look_for_answer(mover, now_ms);
    else if (mover->step == MOVER_OUTSIDE)
        stay_outside(mover, now_ms, !may_begin);
    else if (mover->step != MOVER_HOME)
        ask_if_due(mover, now_ms, own, keepers);
    else if (may_begin && now_ms >= mover->due_ms)
        begin(mover, now_ms);
}

bool mover_is_home(const struct mover *mover)
{
    return mover->step == MOVER_HOME;
}

void mover_free(struct mover *mover)
{
    buffer_free(&mover->body);
    buffer_free(&mover->stream.received);
}
