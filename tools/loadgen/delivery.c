/* delivery.c - whether everybody hears everything, once and in order, whatever breaks meanwhile.
 *
 * Players share connections to several servers, follow the same channels and talk in them. Each
 * message is sent until the server has acknowledged it, always under the same key; a connection
 * that ends is opened to the next server, and streams go on from their cursors. Some messages get
 * a reaction, are edited or taken back by their speakers. With --moves every fifth player leaves
 * channels and comes back meanwhile. What was said and heard goes into one ledger.
 *
 * Standard input tells what to do: after "check" nobody talks until all is heard and compared with
 * the channels' histories; then one JSON line comes and talk goes on. The end of input is the last
 * check. A breach ends the program with status 1 at the next check. */
#include "base/clock.h"
#include "tools/loadgen/attempts.h"
#include "tools/loadgen/feed.h"
#include "tools/loadgen/grpc.h"
#include "tools/loadgen/ledger.h"
#include "tools/loadgen/mover.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/places.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND_PATH "/waystone.chat.v1.ChatService/SendMessage"
#define REACT_PATH "/waystone.chat.v1.ChatService/SetReaction"
#define EDIT_PATH "/waystone.chat.v1.ChatService/EditMessage"
#define DELETE_PATH "/waystone.chat.v1.ChatService/DeleteMessage"
#define REACTION "\U0001F44D"
#define LIST_PATH "/waystone.chat.v1.ChatService/ListMessages"
#define TICK_MS 4
#define SILENCE_MS 60000 /* heartbeats come every 20 s */
#define SETTLE_MS 60000
#define PAGE_MESSAGES 200
#define MOVERS_EACH 5 /* an odd number: players of both kinds of streams are among them */

struct connection {
    struct link_owner owner; /* first */
    struct checker *checker;
    struct link *link; /* NULL: between two */
    bool ready;
    size_t target; /* of the last try */
    unsigned failures;
    uint64_t retry_at_ms;
};

struct following {
    struct feed feed; /* first */
    struct talker *talker;
    bool open, cancelled;
    unsigned failures;
    uint64_t retry_at_ms, heard_at_ms;
    struct link_stream change; /* a channel is followed again on the open stream */
    struct buffer change_body;
    bool changing, change_failed;
};

enum saying_state { SILENT, WAITING, ASKING };

/* Something new, or a change of what was said last. */
enum act { SAY, REACT, EDIT, DELETE };

/* Of sixteen messages. */
static const enum act acts_after[16] = {REACT, REACT, REACT,  REACT, EDIT,
                                        EDIT,  EDIT,  DELETE, DELETE};

struct saying {
    struct link_stream stream; /* first */
    struct talker *talker;
    enum saying_state state;
    enum act act;
    struct buffer body;
    uint64_t number;
    size_t channel;
    unsigned failures;
    uint64_t retry_at_ms, asked_at_ms;
};

struct talker {
    struct checker *checker;
    const struct player *player;
    size_t number;
    struct connection *connection;
    struct feed_channel *channels; /* in the ledger's order */
    struct following *followings;
    size_t following_count; /* one stream for each channel, or one for all */
    struct saying saying;   /* one message at a time */
    uint64_t next_say_ms;
    int64_t *last_place; /* [channel]: of what it said there last */
    enum act next_act;
    struct mover mover;
    bool moves;
};

struct checker {
    const struct options *options;
    struct engine *engine;
    struct players players;
    struct ledger *ledger;
    struct places *places;
    struct connection *connections;
    struct talker *talkers;
    size_t channel_count;
    uint64_t key_prefix;
    bool talking, input_ended;
    unsigned checks_wanted, checks_done;
    uint64_t reconnections, reopened, retries, calls;
    struct buffer input;
};

/* --- connections --- */

static void on_ready(struct link_owner *owner, struct link *link)
{
    struct connection *connection = (struct connection *)owner;

    connection->ready = connection->link == link;
}

static void leave(struct connection *connection)
{
    connection->link = NULL;
    connection->ready = false;
    connection->retry_at_ms = clock_monotonic_ms() + attempt_back_off_ms(connection->failures++);
    connection->target =
        (connection->target + 1) % engine_target_count(connection->checker->engine);
    connection->checker->reconnections++;
}

static void on_going_away(struct link_owner *owner, struct link *link)
{
    struct connection *connection = (struct connection *)owner;

    if (connection->link == link)
        leave(connection);
}

static void on_lost(struct link_owner *owner, struct link *link, const char *why)
{
    on_going_away(owner, link);
}

static void tend_connection(struct connection *connection, uint64_t now_ms)
{
    if (connection->link == NULL && now_ms >= connection->retry_at_ms)
        connection->link =
            link_begin(connection->checker->engine, connection->target, &connection->owner);
}

/* --- listening --- */

static void cancel(struct following *following)
{
    if (!following->cancelled)
        link_cancel(&following->feed.stream);
    following->cancelled = true;
}

static void on_channel_end(struct following *following, struct feed_channel *channel,
                           EndReason reason)
{
    struct talker *talker = following->talker;

    if (reason == END_REASON_UNAVAILABLE)
        cancel(following);
    else if (reason == END_REASON_NOT_FOUND)
        places_end(talker->checker->places, talker->number, (size_t)(channel - talker->channels));
    else
        ledger_breach(talker->checker->ledger,
                      "player %zu, channel %" PRId64 ": ended with reason %d", talker->number,
                      channel->id, (int)reason);
}

static void on_event(struct feed *feed, struct feed_channel *channel, int64_t sequence,
                     const SubscribeResponse *event)
{
    struct following *following = (struct following *)feed;
    struct talker *talker = following->talker;
    struct ledger *ledger = talker->checker->ledger;
    size_t number;

    following->heard_at_ms = clock_monotonic_ms();
    if (channel == NULL)
        return;
    number = (size_t)(channel - talker->channels);
    talker->connection->failures = 0;
    following->failures = 0;
    if (sequence > 0 || event->event_case == SUBSCRIBE_RESPONSE_EVENT_CAUGHT_UP)
        places_hear(talker->checker->places, talker->number, number);
    if (sequence > 0)
        channel->last_sequence =
            ledger_hear(ledger, talker->number, number, channel->last_sequence, sequence, event);
    else if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_RESET)
        ledger_breach(ledger, "player %zu, channel %" PRId64 ": reset at the cursor %" PRId64,
                      talker->number, channel->id, channel->last_sequence);
    else if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_ENDED)
        on_channel_end(following, channel, event->ended->reason);
}

/* The number of a stream's first channel. */
static size_t first_channel(const struct following *following)
{
    return (size_t)(following->feed.channels - following->talker->channels);
}

static void tell_places(struct following *following,
                        void (*what)(struct places *, size_t listener, size_t channel))
{
    const struct talker *talker = following->talker;

    for (size_t i = 0; i < following->feed.channel_count; i++)
        what(talker->checker->places, talker->number, first_channel(following) + i);
}

static void on_feed_end(struct feed *feed)
{
    struct following *following = (struct following *)feed;
    struct talker *talker = following->talker;

    following->open = false;
    following->retry_at_ms = clock_monotonic_ms() + attempt_back_off_ms(following->failures++);
    talker->checker->reopened++;
    tell_places(following, places_lose);
    if (feed->typed && feed->stream.error_code == 0 && feed->stream.grpc_status == NOT_FOUND) {
        tell_places(following, places_end);
        following->retry_at_ms = UINT64_MAX; /* until it is inside again */
    } else if (!attempt_is_passing(&feed->stream))
        ledger_breach(talker->checker->ledger,
                      "player %zu: the stream ended with HTTP status %d, grpc-status %d",
                      talker->number, feed->stream.http_status, feed->stream.grpc_status);
}

/* Whatever was answered, a stream that may not have been changed is opened anew. */
static void on_changed(struct link_stream *stream)
{
    struct following *following =
        (struct following *)((char *)stream - offsetof(struct following, change));

    following->changing = false;
    following->change_failed = stream->error_code != 0 || stream->grpc_status != OK;
    buffer_clear(&stream->received);
}

static void change(struct following *following, size_t i)
{
    struct talker *talker = following->talker;

    if (following->changing || following->feed.id[0] == '\0' || !talker->connection->ready)
        return;
    following->changing = true;
    following->change.on_end = on_changed;
    places_follow(talker->checker->places, talker->number, i);
    feed_follow(&following->feed, &following->feed.channels[i], &following->change,
                &following->change_body, talker->connection->link);
}

/* What has ended for somebody who is back is followed from where it was. */
static void follow_again(struct following *following, size_t i)
{
    const struct talker *talker = following->talker;

    if (!places_must_follow_again(talker->checker->places, talker->number,
                                  first_channel(following) + i))
        return;
    if (following->open && following->feed.typed)
        cancel(following);
    else if (following->open)
        change(following, i);
    else if (following->retry_at_ms == UINT64_MAX)
        following->retry_at_ms = 0;
}

static void tend_following(struct following *following, uint64_t now_ms)
{
    struct talker *talker = following->talker;

    for (size_t i = 0; i < following->feed.channel_count; i++)
        follow_again(following, i);
    if (following->open && following->change_failed)
        cancel(following);
    if (following->open && now_ms > following->heard_at_ms + SILENCE_MS) {
        ledger_breach(talker->checker->ledger, "player %zu: a stream is silent for %d s",
                      talker->number, SILENCE_MS / 1000);
        following->heard_at_ms = now_ms;
    }
    if (following->open || following->changing || !talker->connection->ready ||
        now_ms < following->retry_at_ms)
        return;
    following->open = true;
    following->cancelled = following->change_failed = false;
    following->heard_at_ms = now_ms;
    tell_places(following, places_follow);
    feed_start(&following->feed, talker->connection->link);
}

/* --- talking --- */

static void on_acknowledged(struct saying *saying, const Message *message)
{
    struct talker *talker = saying->talker;
    struct ledger *ledger = talker->checker->ledger;
    char text[200];

    ledger_write_text(ledger, saying->number, text, sizeof(text));
    if (strcmp(message->text, text) != 0 || message->sequence <= 0 ||
        message->channel_id != talker->channels[saying->channel].id)
        ledger_breach(ledger, "player %zu: message %" PRIu64 " was answered with '%s', %" PRId64,
                      talker->number, saying->number, message->text, message->sequence);
    /* It was sent after the one before was acknowledged. */
    if (message->sequence <= talker->last_place[saying->channel])
        ledger_breach(ledger,
                      "player %zu, channel %" PRId64 ": message %" PRIu64 " has the place %" PRId64
                      ", the one before it %" PRId64,
                      talker->number, message->channel_id, saying->number, message->sequence,
                      talker->last_place[saying->channel]);
    talker->last_place[saying->channel] = message->sequence;
    ledger_acknowledge(ledger, saying->number, message->sequence);
    talker->next_act = acts_after[random() % 16];
    snprintf(talker->mover.name, sizeof(talker->mover.name), "%s", message->character_name);
    saying->state = SILENT;
}

/* The channel's message has the reaction, whether this call put it or one whose answer was lost. */
static void on_reacted(struct saying *saying, const SetReactionResponse *response)
{
    struct talker *talker = saying->talker;

    if (response->n_reactions != 1 || response->reactions[0]->count != 1)
        ledger_breach(talker->checker->ledger,
                      "player %zu: the answer to a reaction to message %" PRIu64
                      " does not have it once",
                      talker->number, saying->number);
    ledger_confirm(talker->checker->ledger, saying->number, LEDGER_REACTION);
    saying->state = SILENT;
}

static void on_edited(struct saying *saying, const EditMessageResponse *response)
{
    struct ledger *ledger = saying->talker->checker->ledger;
    char text[200];

    ledger_write_edited_text(ledger, saying->number, text, sizeof(text));
    if (response->message == NULL || strcmp(response->message->text, text) != 0)
        ledger_breach(ledger, "player %zu: the answer to an edit of message %" PRIu64 " lacks it",
                      saying->talker->number, saying->number);
    ledger_confirm(ledger, saying->number, LEDGER_EDIT);
    saying->state = SILENT;
}

static void on_deleted(struct saying *saying)
{
    ledger_confirm(saying->talker->checker->ledger, saying->number, LEDGER_DELETION);
    saying->state = SILENT;
}

static void on_refused(struct saying *saying)
{
    struct talker *talker = saying->talker;

    saying->state = SILENT;
    if (saying->act == SAY)
        ledger_refuse(talker->checker->ledger, saying->number);
    ledger_breach(talker->checker->ledger,
                  "player %zu: message %" PRIu64
                  ", or a change of it, was refused with HTTP status %d, grpc-status %d",
                  talker->number, saying->number, saying->stream.http_status,
                  saying->stream.grpc_status);
}

static const struct message_type *answer_type(enum act act)
{
    switch (act) {
    case REACT:
        return &SetReactionResponse_type;
    case EDIT:
        return &EditMessageResponse_type;
    case DELETE:
        return &DeleteMessageResponse_type;
    case SAY:
        break;
    }
    return &SendMessageResponse_type;
}

static void on_answer(struct saying *saying, const ProtobufCMessage *answer)
{
    switch (saying->act) {
    case REACT:
        on_reacted(saying, (const SetReactionResponse *)answer);
        break;
    case EDIT:
        on_edited(saying, (const EditMessageResponse *)answer);
        break;
    case DELETE:
        on_deleted(saying);
        break;
    case SAY:
        on_acknowledged(saying, ((const SendMessageResponse *)answer)->message);
        break;
    }
}

static bool is_whole(const struct saying *saying, const ProtobufCMessage *answer)
{
    return answer != NULL &&
           (saying->act != SAY || ((const SendMessageResponse *)answer)->message != NULL);
}

static void on_said(struct link_stream *stream)
{
    struct saying *saying = (struct saying *)stream;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const ProtobufCMessage *answer = NULL;

    if (stream->error_code == 0 && stream->grpc_status == OK)
        answer = grpc_take(&stream->received, arena, answer_type(saying->act));
    if (is_whole(saying, answer)) {
        on_answer(saying, answer);
    } else if (attempt_is_passing(stream)) {
        saying->state = WAITING;
        saying->retry_at_ms = clock_monotonic_ms() + attempt_back_off_ms(saying->failures++);
        saying->talker->checker->retries++;
    } else {
        on_refused(saying);
    }
}

static void write_reaction(struct saying *saying)
{
    struct talker *talker = saying->talker;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SetReactionRequest *request = SetReactionRequest_new(arena);
    char emoji[] = REACTION;

    request->channel_id = talker->channels[saying->channel].id;
    request->message_sequence = talker->last_place[saying->channel];
    request->character_id = talker->player->character_id;
    request->emoji = emoji;
    request->on = true;
    grpc_write(&saying->body, &request->base);
    ledger_ask(talker->checker->ledger, saying->number, LEDGER_REACTION);
}

static void write_edit(struct saying *saying)
{
    struct talker *talker = saying->talker;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    EditMessageRequest *request = EditMessageRequest_new(arena);
    char text[200];

    ledger_write_edited_text(talker->checker->ledger, saying->number, text, sizeof(text));
    request->channel_id = talker->channels[saying->channel].id;
    request->message_sequence = talker->last_place[saying->channel];
    request->text = text;
    grpc_write(&saying->body, &request->base);
    ledger_ask(talker->checker->ledger, saying->number, LEDGER_EDIT);
}

static void write_deletion(struct saying *saying)
{
    struct talker *talker = saying->talker;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    DeleteMessageRequest *request = DeleteMessageRequest_new(arena);

    request->channel_id = talker->channels[saying->channel].id;
    request->message_sequence = talker->last_place[saying->channel];
    grpc_write(&saying->body, &request->base);
    ledger_ask(talker->checker->ledger, saying->number, LEDGER_DELETION);
}

static void write_message(struct saying *saying)
{
    struct talker *talker = saying->talker;
    struct checker *checker = talker->checker;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SendMessageRequest *request = SendMessageRequest_new(arena);
    char text[200];

    do
        saying->channel = (size_t)random() % checker->channel_count;
    while (!places_is_in(checker->places, talker->number, saying->channel));
    saying->number = ledger_say(checker->ledger, saying->channel, talker->player->character_id);
    ledger_write_text(checker->ledger, saying->number, text, sizeof(text));
    request->channel_id = talker->channels[saying->channel].id;
    request->character_id = talker->player->character_id;
    request->text = text;
    request->idempotency_key =
        arena_printf(arena, "%" PRIx64 "-%" PRIu64, checker->key_prefix, saying->number);
    grpc_write(&saying->body, &request->base);
}

static void think_of_something(struct saying *saying, uint64_t now_ms)
{
    struct talker *talker = saying->talker;
    const struct options *options = talker->checker->options;

    talker->next_say_ms = now_ms + (uint64_t)(1000.0 * options->players / options->rate);
    saying->act = talker->next_act;
    if (!places_is_in(talker->checker->places, talker->number, saying->channel))
        saying->act = SAY; /* it has left where it spoke last */
    talker->next_act = SAY;
    buffer_clear(&saying->body);
    switch (saying->act) {
    case REACT:
        write_reaction(saying);
        break;
    case EDIT:
        write_edit(saying);
        break;
    case DELETE:
        write_deletion(saying);
        break;
    case SAY:
        write_message(saying);
        break;
    }
    saying->state = WAITING;
    saying->failures = 0;
    saying->retry_at_ms = now_ms;
}

static void tend_saying(struct saying *saying, uint64_t now_ms)
{
    static const char *const path_of[] = {
        [SAY] = SEND_PATH, [REACT] = REACT_PATH, [EDIT] = EDIT_PATH, [DELETE] = DELETE_PATH};
    struct talker *talker = saying->talker;

    if (saying->state == ASKING && now_ms > saying->asked_at_ms + ATTEMPT_OVERDUE_MS) {
        ledger_breach(talker->checker->ledger,
                      "player %zu: message %" PRIu64
                      " got no answer for %d s, its timeout is " ATTEMPT_TIMEOUT,
                      talker->number, saying->number, ATTEMPT_OVERDUE_MS / 1000);
        saying->asked_at_ms = now_ms;
        link_cancel(&saying->stream);
    }
    if (saying->state == SILENT && talker->checker->talking && now_ms >= talker->next_say_ms)
        think_of_something(saying, now_ms);
    if (saying->state != WAITING || now_ms < saying->retry_at_ms || !talker->connection->ready)
        return;
    saying->state = ASKING;
    saying->asked_at_ms = now_ms;
    saying->stream.on_end = on_said;
    talker->checker->calls++;
    attempt_start(&saying->stream, talker->connection->link, path_of[saying->act], talker->player,
                  &saying->body);
}

/* --- moving --- */

static struct link *link_of(const struct talker *talker)
{
    return talker->connection->ready ? talker->connection->link : NULL;
}

static void tend_mover(struct talker *talker, uint64_t now_ms)
{
    struct checker *checker = talker->checker;

    if (talker->moves)
        mover_tend(&talker->mover, now_ms, link_of(talker), link_of(&checker->talkers[0]),
                   checker->talking && talker->saying.state == SILENT);
}

/* --- all of it --- */

static void read_input(struct checker *checker)
{
    ssize_t length = read(STDIN_FILENO, buffer_reserve(&checker->input, 256), 256);
    char *end;

    if (length == 0)
        checker->input_ended = true;
    if (length <= 0)
        return;
    buffer_commit(&checker->input, (size_t)length);
    while (checker->input.length > 0 &&
           (end = memchr(buffer_data(&checker->input), '\n', checker->input.length)) != NULL) {
        buffer_consume(&checker->input,
                       (size_t)((uint8_t *)end - buffer_data(&checker->input)) + 1);
        checker->checks_wanted++;
    }
}

static void tick(struct checker *checker)
{
    uint64_t now_ms = clock_monotonic_ms();

    for (unsigned i = 0; i < checker->options->connections; i++)
        tend_connection(&checker->connections[i], now_ms);
    for (size_t i = 0; i < checker->options->players; i++) {
        struct talker *talker = &checker->talkers[i];
        for (size_t j = 0; j < talker->following_count; j++)
            tend_following(&talker->followings[j], now_ms);
        tend_saying(&talker->saying, now_ms);
        tend_mover(talker, now_ms);
    }
    places_tend(checker->places);
    for (unsigned i = 0; i < checker->options->connections; i++)
        if (checker->connections[i].ready)
            link_flush(checker->connections[i].link);
    engine_poll(checker->engine, TICK_MS);
}

/* Goes on until it is so, or for SETTLE_MS; returns whether it is. */
static bool run_until(struct checker *checker, bool (*is_so)(const struct checker *))
{
    uint64_t end_ms = clock_monotonic_ms() + SETTLE_MS;

    while (!is_so(checker)) {
        if (clock_monotonic_ms() > end_ms)
            return false;
        tick(checker);
    }
    return true;
}

static bool everybody_is_silent(const struct checker *checker)
{
    for (size_t i = 0; i < checker->options->players; i++)
        if (checker->talkers[i].saying.state != SILENT)
            return false;
    return true;
}

static bool everybody_is_home(const struct checker *checker)
{
    for (size_t i = 0; i < checker->options->players; i++)
        if (checker->talkers[i].moves && !mover_is_home(&checker->talkers[i].mover))
            return false;
    return true;
}

static bool everybody_listens(const struct checker *checker)
{
    for (size_t i = 0; i < checker->options->players; i++)
        for (size_t j = 0; j < checker->channel_count; j++)
            if (!checker->talkers[i].channels[j].caught_up)
                return false;
    return true;
}

/* --- history --- */

struct reading {
    struct link_stream stream; /* first */
    bool done;
};

static void on_read(struct link_stream *stream)
{
    ((struct reading *)stream)->done = true;
}

/* A page of a channel's history before a number, by the first player; ends the program if it
 * cannot be had for a minute. */
static ListMessagesResponse *read_page(struct checker *checker, struct arena *arena, size_t channel,
                                       int64_t before, int32_t size)
{
    struct talker *talker = &checker->talkers[0];
    ListMessagesRequest *request = ListMessagesRequest_new(arena);
    uint64_t end_ms = clock_monotonic_ms() + SETTLE_MS;
    struct reading reading = {.stream.on_end = on_read};
    ListMessagesResponse *response = NULL;
    struct buffer body = {0};

    request->channel_id = talker->channels[channel].id;
    request->before_sequence = before;
    request->page_size = size;
    grpc_write(&body, &request->base);
    while (response == NULL) {
        if (clock_monotonic_ms() > end_ms)
            fail("the history of channel %" PRId64 " cannot be read: grpc-status %d",
                 request->channel_id, reading.stream.grpc_status);
        tick(checker);
        if (!talker->connection->ready)
            continue;
        reading.done = false;
        attempt_start(&reading.stream, talker->connection->link, LIST_PATH, talker->player, &body);
        while (!reading.done)
            tick(checker);
        if (reading.stream.error_code == 0 && reading.stream.grpc_status == OK)
            response = (ListMessagesResponse *)grpc_take(&reading.stream.received, arena,
                                                         &ListMessagesResponse_type);
    }
    buffer_free(&body);
    buffer_free(&reading.stream.received);
    return response;
}

/* The newest number, as whoever opens the channel is told. */
static int64_t head_of(const ListMessagesResponse *page)
{
    int64_t newest = page->n_messages > 0 ? page->messages[page->n_messages - 1]->sequence : 0;

    return page->last_sequence > newest ? page->last_sequence : newest;
}

/* Reads what the channel's history has since the base into the ledger. Returns the head. */
static int64_t read_history(struct checker *checker, size_t channel)
{
    int64_t before = 0, head = -1;

    for (;;) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        const ListMessagesResponse *page =
            read_page(checker, arena, channel, before, PAGE_MESSAGES);
        if (head < 0)
            head = head_of(page);
        for (size_t i = 0; i < page->n_messages; i++)
            ledger_read(checker->ledger, channel, page->messages[i]);
        if (page->n_messages == 0 || !page->has_more ||
            page->messages[0]->sequence <= ledger_base(checker->ledger, channel))
            return head;
        before = page->messages[0]->sequence;
    }
}

/* --- checks --- */

static bool is_caught_up(const struct checker *checker, size_t channel, int64_t head)
{
    for (size_t i = 0; i < checker->options->players; i++)
        if (checker->talkers[i].channels[channel].last_sequence < head)
            return false;
    return true;
}

static void wait_for_head(struct checker *checker, size_t channel, int64_t head)
{
    uint64_t end_ms = clock_monotonic_ms() + SETTLE_MS;

    while (!is_caught_up(checker, channel, head) && clock_monotonic_ms() < end_ms)
        tick(checker);
    for (size_t i = 0; i < checker->options->players; i++) {
        const struct feed_channel *at = &checker->talkers[i].channels[channel];
        if (at->last_sequence != head)
            ledger_breach(checker->ledger,
                          "player %zu, channel %" PRId64 ": stands at %" PRId64
                          ", the channel at %" PRId64,
                          i, at->id, at->last_sequence, head);
    }
}

static void print_counts(struct checker *checker)
{
    struct ledger_counts counts;
    struct places_counts places;

    ledger_counts(checker->ledger, &counts);
    places_take_counts(checker->places, &places);
    printf("{\"check\":%u,\"said\":%" PRIu64 ",\"heard\":%" PRIu64 ",\"calls\":%" PRIu64
           ",\"retries\":%" PRIu64 ",\"reconnections\":%" PRIu64 ",\"reopened\":%" PRIu64
           ",\"longest_ms\":%" PRIu64 ",\"moves\":%" PRIu64 ",\"ends\":%" PRIu64
           ",\"longest_end_ms\":%" PRIu64 ",\"breaches\":%" PRIu64 "}\n",
           ++checker->checks_done, counts.said, counts.heard, checker->calls, checker->retries,
           checker->reconnections, checker->reopened, counts.longest_us / 1000, places.moves,
           places.ends, places.longest_us / 1000, counts.breaches);
    fflush(stdout);
    checker->calls = checker->retries = checker->reconnections = checker->reopened = 0;
}

static void check(struct checker *checker)
{
    struct ledger_counts counts;

    checker->talking = false;
    if (!run_until(checker, everybody_is_silent))
        fail("messages are not acknowledged for %d s", SETTLE_MS / 1000);
    if (!run_until(checker, everybody_is_home))
        fail("not everybody has come back after %d s", SETTLE_MS / 1000);
    /* Heads first: everybody must come there without being asked. */
    for (size_t i = 0; i < checker->channel_count; i++) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        wait_for_head(checker, i, head_of(read_page(checker, arena, i, 0, 1)));
    }
    for (size_t i = 0; i < checker->channel_count; i++)
        read_history(checker, i);
    ledger_counts(checker->ledger, &counts);
    if (counts.said == 0 && !checker->input_ended)
        fail("nobody said anything");
    print_counts(checker);
    ledger_settle(checker->ledger);
    ledger_counts(checker->ledger, &counts);
    if (counts.breaches > 0)
        fail("%" PRIu64 " breaches", counts.breaches);
    for (size_t i = 0; i < checker->options->players; i++)
        checker->talkers[i].next_act = SAY; /* the ledger knows no earlier messages */
    checker->talking = true;
}

/* --- life --- */

static bool is_typed(const struct options *options, size_t number)
{
    return options->typed || (options->mixed && number % 2 == 1);
}

static void open_following(struct checker *checker, struct talker *talker, size_t i)
{
    struct following *following = &talker->followings[i];
    bool typed = is_typed(checker->options, talker->number);

    *following = (struct following){
        .feed = {.player = talker->player,
                 .channels = talker->channels + (typed ? i : 0),
                 .channel_count = typed ? 1 : checker->channel_count,
                 .typed = typed,
                 .with_presence = checker->options->presence,
                 .with_account = checker->options->account,
                 .on_event = on_event,
                 .on_end = on_feed_end},
        .talker = talker,
        /* Not before the bases are known. */
        .retry_at_ms = UINT64_MAX,
    };
}

static void open_talker(struct checker *checker, size_t number)
{
    struct talker *talker = &checker->talkers[number];
    const struct player *player = &checker->players.items[number];
    size_t count = checker->channel_count;

    *talker = (struct talker){
        .checker = checker,
        .player = player,
        .number = number,
        .connection = &checker->connections[number % checker->options->connections],
        .channels = calloc(count, sizeof(*talker->channels)),
        .followings = calloc(count, sizeof(*talker->followings)),
        .following_count = is_typed(checker->options, number) ? count : 1,
        .last_place = calloc(count, sizeof(*talker->last_place)),
        .saying.talker = talker,
        .mover = {.ledger = checker->ledger,
                  .places = checker->places,
                  .player = player,
                  .keeper = &checker->players.items[0],
                  .number = number},
        .moves = checker->options->moves && number % MOVERS_EACH == MOVERS_EACH - 1,
    };
    if (talker->channels == NULL || talker->followings == NULL || talker->last_place == NULL)
        abort();
    if (player->channel_count != count ||
        memcmp(player->channels, checker->players.items[0].channels, count * sizeof(int64_t)) != 0)
        fail("all players must follow the same channels");
    for (size_t i = 0; i < count; i++)
        talker->channels[i].id = player->channels[i];
    for (size_t i = 0; i < talker->following_count; i++)
        open_following(checker, talker, i);
}

static void open_checker(struct checker *checker, const struct options *options)
{
    *checker = (struct checker){.options = options,
                                .engine = engine_new(options->target, options->certificate),
                                .key_prefix = (uint64_t)clock_wall_us()};
    players_read(&checker->players, options->players_path, options->players);
    checker->channel_count = checker->players.items[0].channel_count;
    if (options->moves && checker->channel_count < 2)
        fail("--moves needs two channels: who has left one talks in another");
    checker->ledger = ledger_new(checker->players.items[0].channels, checker->channel_count);
    checker->places = places_new(checker->ledger, options->players,
                                 checker->players.items[0].channels, checker->channel_count);
    checker->connections = calloc(options->connections, sizeof(*checker->connections));
    checker->talkers = calloc(options->players, sizeof(*checker->talkers));
    if (checker->connections == NULL || checker->talkers == NULL)
        abort();
    for (unsigned i = 0; i < options->connections; i++)
        checker->connections[i] = (struct connection){
            .owner = {on_ready, on_going_away, on_lost},
            .checker = checker,
            .target = i % engine_target_count(checker->engine),
        };
    for (size_t i = 0; i < options->players; i++)
        open_talker(checker, i);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
}

/* Everybody listens from the channels' present heads. */
static void begin(struct checker *checker)
{
    for (size_t i = 0; i < checker->channel_count; i++) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        int64_t head = head_of(read_page(checker, arena, i, 0, 1));
        ledger_set_base(checker->ledger, i, head);
        for (size_t j = 0; j < checker->options->players; j++)
            checker->talkers[j].channels[i].last_sequence = head;
    }
    for (size_t i = 0; i < checker->options->players; i++) {
        struct talker *talker = &checker->talkers[i];
        talker->next_say_ms = clock_monotonic_ms() + (uint64_t)random() % 1000;
        for (size_t j = 0; j < talker->following_count; j++)
            talker->followings[j].retry_at_ms = 0;
    }
    if (!run_until(checker, everybody_listens))
        fail("not everybody has caught up after %d s", SETTLE_MS / 1000);
    printf("{\"listening\":%u}\n", checker->options->players);
    fflush(stdout);
    checker->talking = true;
}

static void close_checker(struct checker *checker)
{
    engine_free(checker->engine);
    for (size_t i = 0; i < checker->options->players; i++) {
        struct talker *talker = &checker->talkers[i];
        for (size_t j = 0; j < talker->following_count; j++) {
            feed_free(&talker->followings[j].feed);
            buffer_free(&talker->followings[j].change_body);
            buffer_free(&talker->followings[j].change.received);
        }
        buffer_free(&talker->saying.body);
        buffer_free(&talker->saying.stream.received);
        mover_free(&talker->mover);
        free(talker->followings);
        free(talker->channels);
        free(talker->last_place);
    }
    free(checker->talkers);
    free(checker->connections);
    places_free(checker->places);
    ledger_free(checker->ledger);
    players_free(&checker->players);
    buffer_free(&checker->input);
}

void run_delivery(const struct options *options)
{
    struct checker checker;

    open_checker(&checker, options);
    begin(&checker);
    while (!checker.input_ended) {
        tick(&checker);
        read_input(&checker);
        while (checker.checks_done < checker.checks_wanted)
            check(&checker);
    }
    check(&checker);
    close_checker(&checker);
}
