#include "handlers/presence_live.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "db/queries/live.h"
#include "handlers/background.h"
#include "handlers/blocks.h"
#include "handlers/channel_access.h"
#include "handlers/live.h"
#include "handlers/sanctions.h"
#include "waystone/event/v1/event.h"

/* Redis channels: of a room, for parts; of a loop, for parts it asked for; and of all loops. */
#define PREFIX "waystone:who:"
#define ROOM_CHANNEL PREFIX "room:%lld"
#define LOOP_CHANNEL PREFIX "loop:%016llx"
#define ALL_CHANNEL PREFIX "all"
#define CHANNEL_LENGTH_MAX 64

#define TURN_MS 1000
#define ANSWER_MS 1000
#define ANSWER_STEP_MS 5
#define WATCH_MS 30000

/* First byte of what loops tell each other. */
enum { TELL_PART = 'P', TELL_ASK = 'A', TELL_APPEAR = 'S' };

struct ask {
    uint8_t type;
    bool answer; /* at once, to the asking loop, though it were empty */
    uint16_t count;
    uint64_t loop_id;
    /* followed by `count` channel ids of eight bytes */
};
#define ASK_ROOMS_MAX 4096

struct presence {
    struct background background;
    struct app *app;
    struct presence_board *board;
    uint64_t loop_id;
    uint64_t refreshed_ms;
};

/* --- talking to other loops --- */

static void publish(struct presence *presence, const char *channel, const struct buffer *message)
{
    /* Without Redis this loop knows its own members only. */
    (void)!redis_publish(presence->app->redis, channel, buffer_data(message), message->length);
}

static void room_channel(char *out, int64_t channel_id)
{
    snprintf(out, CHANNEL_LENGTH_MAX, ROOM_CHANNEL, (long long)channel_id);
}

static void write_ask(struct presence *presence, const int64_t *channel_ids, size_t count,
                      bool wants_answer, struct buffer *out)
{
    struct ask ask = {TELL_ASK, wants_answer, (uint16_t)count, presence->loop_id};

    buffer_append(out, &ask, sizeof(ask));
    buffer_append(out, channel_ids, count * sizeof(*channel_ids));
}

static void ask_for(struct presence *presence, const int64_t *channel_ids, size_t count,
                    bool wants_answer)
{
    while (count > 0) {
        size_t some = count < ASK_ROOMS_MAX ? count : ASK_ROOMS_MAX;
        struct buffer message = {0};
        write_ask(presence, channel_ids, some, wants_answer, &message);
        publish(presence, ALL_CHANNEL, &message);
        buffer_free(&message);
        channel_ids += some;
        count -= some;
    }
}

static void publish_part(void *user, int64_t channel_id, const struct buffer *part)
{
    struct presence *presence = user;
    struct buffer message = {0};
    char channel[CHANNEL_LENGTH_MAX];

    buffer_append_char(&message, TELL_PART);
    buffer_append(&message, buffer_data(part), part->length);
    room_channel(channel, channel_id);
    publish(presence, channel, &message);
    buffer_free(&message);
}

struct unnamed {
    int64_t *account_ids;
    size_t count;
};

/* Looks up the characters of those who have just come; those for whom that failed. */
static struct unnamed name_accounts(struct presence *presence, struct arena *arena)
{
    struct live_oldest_characters_row *rows;
    struct unnamed asked;
    size_t found;

    asked.count = presence_unnamed(presence->board, arena, &asked.account_ids);
    if (asked.count == 0 || live_oldest_characters(presence->app->db, arena, asked.account_ids,
                                                   asked.count, &rows, &found) != STATUS_OK)
        return asked;
    for (size_t i = 0; i < asked.count; i++)
        presence_named(presence->board, asked.account_ids[i], 0, NULL);
    for (size_t i = 0; i < found; i++)
        presence_named(presence->board, rows[i].account_id, rows[i].id, rows[i].name);
    return (struct unnamed){0};
}

static void answer(struct presence *presence, uint64_t loop_id, int64_t channel_id)
{
    struct buffer message = {0};
    char channel[CHANNEL_LENGTH_MAX];

    buffer_append_char(&message, TELL_PART);
    presence_write_part(presence->board, channel_id, &message);
    snprintf(channel, sizeof(channel), LOOP_CHANNEL, (unsigned long long)loop_id);
    publish(presence, channel, &message);
    buffer_free(&message);
}

struct asked {
    struct presence *presence;
    uint64_t loop_id;
    size_t count;
    int64_t channel_ids[];
};

/* What is answered at once has names. */
static void answer_main(void *argument)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct asked *asked = argument;

    name_accounts(asked->presence, arena);
    for (size_t i = 0; i < asked->count; i++)
        answer(asked->presence, asked->loop_id, asked->channel_ids[i]);
    free(asked);
}

static void start_answer(struct presence *presence, const struct ask *ask, const uint8_t *ids)
{
    size_t bytes = ask->count * sizeof(int64_t);
    struct asked *asked = malloc(sizeof(*asked) + bytes);

    if (asked == NULL)
        abort();
    *asked = (struct asked){presence, ask->loop_id, ask->count};
    memcpy(asked->channel_ids, ids, bytes);
    coro_start(presence->app->loop, answer_main, asked);
}

static void hear_ask(struct presence *presence, const uint8_t *bytes, size_t length)
{
    uint64_t now_ms = loop_now_ms(presence->app->loop);
    struct ask ask;

    if (length < sizeof(ask))
        return;
    memcpy(&ask, bytes, sizeof(ask));
    if (ask.loop_id == presence->loop_id || length != sizeof(ask) + ask.count * sizeof(int64_t))
        return;
    for (size_t i = 0; i < ask.count; i++) {
        int64_t channel_id;
        memcpy(&channel_id, bytes + sizeof(ask) + i * sizeof(channel_id), sizeof(channel_id));
        presence_asked(presence->board, channel_id, now_ms);
    }
    if (ask.answer)
        start_answer(presence, &ask, bytes + sizeof(ask));
}

/* Type, account, character, set-at and state, then name and where, each with a NUL. */
struct appear {
    uint8_t type;
    uint8_t state;
    int64_t account_id, character_id, set_at_us;
};

static void hear_appear(struct presence *presence, const uint8_t *bytes, size_t length)
{
    const char *texts = (const char *)bytes + sizeof(struct appear);
    struct appear appear;
    size_t name_length;

    if (length < sizeof(appear) + 2 || bytes[length - 1] != '\0')
        return;
    memcpy(&appear, bytes, sizeof(appear));
    name_length = strlen(texts);
    if (sizeof(appear) + name_length + 1 >= length)
        return;
    presence_appear(presence->board,
                    &(struct presence_look){.account_id = appear.account_id,
                                            .character_id = appear.character_id,
                                            .set_at_us = appear.set_at_us,
                                            .state = appear.state,
                                            .name = texts,
                                            .where = texts + name_length + 1},
                    loop_now_ms(presence->app->loop));
}

static void hear(void *user, const char *rest, const void *payload, size_t length)
{
    struct presence *presence = user;
    const uint8_t *bytes = payload;

    if (length == 0)
        return;
    if (bytes[0] == TELL_PART)
        (void)presence_hear_part(presence->board, bytes + 1, length - 1,
                                 loop_now_ms(presence->app->loop));
    else if (bytes[0] == TELL_ASK)
        hear_ask(presence, bytes, length);
    else if (bytes[0] == TELL_APPEAR)
        hear_appear(presence, bytes, length);
}

void presence_live_appear(struct app *app, const struct presence_look *look)
{
    struct appear appear = {TELL_APPEAR, (uint8_t)look->state, look->account_id, look->character_id,
                            look->set_at_us};
    struct buffer message = {0};

    presence_appear(app->presence->board, look, loop_now_ms(app->loop));
    buffer_append(&message, &appear, sizeof(appear));
    buffer_append(&message, look->name, strlen(look->name) + 1);
    buffer_append(&message, look->where, strlen(look->where) + 1);
    publish(app->presence, ALL_CHANNEL, &message);
    buffer_free(&message);
}

/* --- turns --- */

static void tell(void *user, const PresenceEvent *event)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct presence *presence = user;
    SubscribeResponse *response = SubscribeResponse_new(arena);

    response->event_case = SUBSCRIBE_RESPONSE_EVENT_PRESENCE_EVENT;
    response->presence_event = (PresenceEvent *)event;
    hub_publish_state(presence->app->hub,
                      (struct hub_topic){TOPIC_KIND_PRESENCE, event->channel_id},
                      rpc_encode_shared(&response->base, RPC_CODEC_BINARY));
}

static void on_gone(void *user, int64_t channel_id)
{
    struct presence *presence = user;
    char channel[CHANNEL_LENGTH_MAX];

    room_channel(channel, channel_id);
    redis_unsubscribe(presence->app->redis, channel);
}

static void refresh(struct presence *presence, struct arena *arena)
{
    uint64_t now_ms = loop_now_ms(presence->app->loop);
    int64_t *watched;
    size_t count;

    if (now_ms - presence->refreshed_ms < PRESENCE_REFRESH_MS)
        return;
    presence->refreshed_ms = now_ms;
    count = presence_refresh(presence->board, arena, now_ms, on_gone, presence, &watched);
    ask_for(presence, watched, count, false);
}

static uint64_t turn(struct background *background)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct presence *presence = (struct presence *)background;
    const struct presence_output output = {publish_part, tell, presence};
    struct unnamed unnamed = name_accounts(presence, arena);

    presence_turn(presence->board, loop_now_ms(presence->app->loop), &output);
    presence_unresolved(presence->board, unnamed.account_ids, unnamed.count);
    refresh(presence, arena);
    return TURN_MS;
}

/* --- the hub --- */

static enum status may_follow(void *user, struct rpc_call *call, int64_t channel_id)
{
    struct presence *presence = user;
    int64_t account_id = call->identity.account_id;
    struct channel_access access;
    struct sanction_state sanctions;

    TRY(channel_access_find(presence->app->db, call->arena, channel_id, account_id, &access));
    if (!access.can_read)
        return STATUS_NOT_FOUND;
    TRY(sanction_state(presence->app, account_id, channel_id, &sanctions));
    return sanctions.ban_id == 0 ? STATUS_OK : STATUS_PERMISSION_DENIED;
}

static struct shared_bytes *encode_picture(void *user, int64_t channel_id)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct presence *presence = user;
    SubscribeResponse *response = SubscribeResponse_new(arena);

    response->event_case = SUBSCRIBE_RESPONSE_EVENT_PRESENCE_EVENT;
    response->presence_event = presence_picture(presence->board, arena, channel_id);
    return rpc_encode_shared(&response->base, RPC_CODEC_BINARY);
}

static struct shared_bytes *encode_picture_without(void *user, int64_t channel_id,
                                                   const int64_t *account_ids, size_t count)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct presence *presence = user;
    SubscribeResponse *response = SubscribeResponse_new(arena);

    response->event_case = SUBSCRIBE_RESPONSE_EVENT_PRESENCE_EVENT;
    response->presence_event =
        presence_picture_without(presence->board, arena, channel_id, account_ids, count);
    return response->presence_event != NULL ? rpc_encode_shared(&response->base, RPC_CODEC_BINARY)
                                            : NULL;
}

static void listen_to_room(struct presence *presence, int64_t channel_id)
{
    char channel[CHANNEL_LENGTH_MAX];

    room_channel(channel, channel_id);
    redis_subscribe(presence->app->redis, channel);
}

static void watch(void *user, int64_t channel_id, bool on)
{
    struct presence *presence = user;

    presence_watch(presence->board, channel_id, on);
    if (on) {
        listen_to_room(presence, channel_id);
        ask_for(presence, &channel_id, 1, true);
    } else {
        on_gone(presence, channel_id);
    }
}

static void on_following(void *user, struct hub_topic topic, const struct rpc_identity *who,
                         bool on)
{
    struct presence *presence = user;
    uint64_t now_ms = loop_now_ms(presence->app->loop);

    if (topic.kind != TOPIC_KIND_CHANNEL)
        return;
    if (on)
        presence_join(presence->board, topic.id, who->account_id, now_ms);
    else
        presence_leave(presence->board, topic.id, who->account_id, now_ms);
}

/* --- GetPresence --- */

/* Asks all loops; how many others there are, 0 without Redis. */
static enum status ask_all(struct rpc_call *call, int64_t channel_id, size_t *ret_others)
{
    struct buffer message = {0};
    struct redis_value heard = {0};
    enum status status;

    write_ask(call->app->presence, &channel_id, 1, true, &message);
    {
        const char *arguments[] = {"PUBLISH", ALL_CHANNEL, (const char *)buffer_data(&message)};
        const size_t lengths[] = {7, strlen(ALL_CHANNEL), message.length};
        status = redis_command(call->app->redis, call->arena, 3, arguments, lengths, &heard);
    }
    buffer_free(&message);
    *ret_others = status == STATUS_OK && heard.integer > 1 ? (size_t)heard.integer - 1 : 0;
    return rpc_interrupted(call);
}

enum status presence_live_picture(struct rpc_call *call, int64_t channel_id,
                                  PresenceEvent **ret_picture)
{
    struct presence *presence = call->app->presence;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    uint64_t now_ms = loop_now_ms(call->loop), until_ms = now_ms + ANSWER_MS;
    size_t others, unseen_count;
    int64_t *unseen;

    presence_watch_until(presence->board, channel_id, now_ms + WATCH_MS);
    listen_to_room(presence, channel_id);
    TRY(ask_all(call, channel_id, &others));
    while (presence_heard(presence->board, channel_id) < others &&
           loop_now_ms(call->loop) < until_ms)
        TRY(coro_sleep(ANSWER_STEP_MS));
    name_accounts(presence, arena);
    TRY(blocks_list_both(call->app->db, arena, call->identity.account_id, &unseen, &unseen_count));
    *ret_picture =
        presence_picture_without(presence->board, call->arena, channel_id, unseen, unseen_count);
    if (*ret_picture == NULL)
        *ret_picture = presence_picture(presence->board, call->arena, channel_id);
    return STATUS_OK;
}

/* --- life --- */

void presence_live_open(struct app *app)
{
    struct presence *presence = calloc(1, sizeof(*presence));
    struct hub_source source = {.priority = 2,
                                .may_follow = may_follow,
                                .picture = encode_picture,
                                .picture_without = encode_picture_without,
                                .watch = watch,
                                .user = presence};
    char channel[CHANNEL_LENGTH_MAX];

    if (presence == NULL)
        abort();
    presence->app = app;
    randombytes_buf(&presence->loop_id, sizeof(presence->loop_id));
    presence->board = presence_board_new(presence->loop_id);
    presence->refreshed_ms = loop_now_ms(app->loop);
    app->presence = presence;
    hub_add_source(app->hub, TOPIC_KIND_PRESENCE, &source);
    hub_set_following(app->hub, on_following, presence);
    live_listen(app, PREFIX, hear, presence);
    snprintf(channel, sizeof(channel), LOOP_CHANNEL, (unsigned long long)presence->loop_id);
    redis_subscribe(app->redis, channel);
    redis_subscribe(app->redis, ALL_CHANNEL);
    background_start(&presence->background, app, turn, TURN_MS);
}

void presence_live_stop(struct app *app)
{
    background_stop(&app->presence->background);
}

void presence_live_close(struct app *app)
{
    presence_board_free(app->presence->board);
    free(app->presence);
    app->presence = NULL;
}
