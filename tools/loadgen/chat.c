/* chat.c - one who speaks and many who listen.
 *
 * Each text carries its number and the time it was sent. Every listener must get every message
 * once and in the channel's order; delivery time is from just before the send to the moment a
 * listener has decoded it, both on this machine's monotonic clock. */
#include "base/clock.h"
#include "tools/loadgen/grpc.h"
#include "tools/loadgen/link.h"
#include "tools/loadgen/listener.h"
#include "tools/loadgen/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND_PATH "/waystone.chat.v1.ChatService/SendMessage"
#define SAMPLES_MAX (16 * 1024 * 1024)
#define LAST_DELIVERY_MS 10000

struct chat {
    const struct options *options;
    struct engine *engine;
    struct link *sender;
    uint64_t run_id; /* tells this run's messages from others' */
    uint64_t sent, answered;
    uint64_t delivered;   /* messages of this run, over all listeners */
    int64_t *sequence_of; /* [number]: its place in the channel; 0: nobody got it yet */
    struct samples deliveries, answers;
};

/* --- sending --- */

struct sending {
    struct link_stream stream; /* first */
    struct chat *chat;
    struct buffer body;
    uint64_t started_us;
};

static void on_sent(struct link_stream *stream)
{
    struct sending *sending = (struct sending *)stream;
    struct chat *chat = sending->chat;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const SendMessageResponse *response;

    if (stream->error_code != 0 || stream->http_status != 200 || stream->grpc_status != 0)
        fail("SendMessage ended with HTTP status %d, grpc-status %d, HTTP/2 error %u",
             stream->http_status, stream->grpc_status, stream->error_code);
    response =
        (const SendMessageResponse *)grpc_take(&stream->received, arena, &SendMessageResponse_type);
    if (response == NULL || response->message == NULL || response->message->sequence <= 0)
        fail("SendMessage answers without a message");
    samples_add(&chat->answers, clock_monotonic_us() - sending->started_us);
    chat->answered++;
    buffer_free(&stream->received);
    buffer_free(&sending->body);
    free(sending);
}

static void write_send_request(struct sending *sending, uint64_t number)
{
    const struct chat *chat = sending->chat;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SendMessageRequest *request = SendMessageRequest_new(arena);

    request->channel_id = chat->options->channel_id;
    request->character_id = chat->options->character_id;
    request->text = arena_printf(arena, "load %" PRIx64 " %" PRIu64 " %" PRIu64, chat->run_id,
                                 number, sending->started_us);
    request->idempotency_key = arena_printf(arena, "%" PRIx64 "-%" PRIu64, chat->run_id, number);
    grpc_write(&sending->body, &request->base);
}

static void send_next(struct chat *chat)
{
    struct sending *sending = calloc(1, sizeof(*sending));

    if (sending == NULL)
        abort();
    sending->chat = chat;
    sending->started_us = clock_monotonic_us();
    write_send_request(sending, chat->sent++);
    sending->stream.request = (struct link_request){
        .method = "POST",
        .path = SEND_PATH,
        .content_type = GRPC_CONTENT_TYPE,
        .authorization = chat->options->authorization,
        .body = {buffer_data(&sending->body), sending->body.length},
    };
    sending->stream.on_end = on_sent;
    link_start(chat->sender, &sending->stream);
    link_flush(chat->sender);
}

/* --- listening --- */

static void on_message(struct listener *listener, const Message *message)
{
    struct chat *chat = listener->owner;
    uint64_t run_id, number, sent_us;

    /* Somebody else may speak in the channel. */
    if (sscanf(message->text, "load %" SCNx64 " %" SCNu64 " %" SCNu64, &run_id, &number,
               &sent_us) != 3 ||
        run_id != chat->run_id)
        return;
    samples_add(&chat->deliveries, clock_monotonic_us() - sent_us);
    if (number >= chat->sent)
        fail("a listener got message number %" PRIu64 ", which was never sent", number);
    if (chat->sequence_of[number] == 0)
        chat->sequence_of[number] = message->sequence;
    /* The channel's numbers have no gaps and never repeat, which listener.c checks; so a
     * message that keeps its place for everyone came once and in order. */
    if (chat->sequence_of[number] != message->sequence)
        fail("message %" PRIu64 " was told with two places in the channel", number);
    chat->delivered++;
}

/* --- the run --- */

static void send_at_rate(struct chat *chat, uint64_t count)
{
    uint64_t interval_us = (uint64_t)(1e6 / chat->options->rate);
    uint64_t next_us = clock_monotonic_us();

    while (chat->sent < count) {
        uint64_t now_us = clock_monotonic_us();
        if (now_us >= next_us) {
            send_next(chat);
            next_us += interval_us;
        } else {
            engine_poll(chat->engine, (int)((next_us - now_us + 999) / 1000));
        }
    }
}

static void wait_for_the_last(struct chat *chat)
{
    uint64_t wanted = chat->sent * chat->options->connections;
    uint64_t end_ms = clock_monotonic_ms() + LAST_DELIVERY_MS;

    while (chat->delivered < wanted || chat->answered < chat->sent) {
        if (clock_monotonic_ms() > end_ms)
            fail("%" PRIu64 " of %" PRIu64 " deliveries and %" PRIu64 " of %" PRIu64
                 " answers have come",
                 chat->delivered, wanted, chat->answered, chat->sent);
        engine_poll(chat->engine, 10);
    }
    if (chat->delivered != wanted)
        fail("%" PRIu64 " deliveries instead of %" PRIu64, chat->delivered, wanted);
}

static void report(struct chat *chat, const struct cpu_reading *before,
                   const struct cpu_reading *after)
{
    const struct options *options = chat->options;

    cpu_print(options, before, after, "delivery_cpu_us", "deliveries", chat->delivered);
    print_figure(options->name, "delivery_p50", samples_percentile_us(&chat->deliveries, 50) / 1000,
                 "ms", "deliveries", chat->delivered);
    print_figure(options->name, "delivery_p99", samples_percentile_us(&chat->deliveries, 99) / 1000,
                 "ms", "deliveries", chat->delivered);
    print_figure(options->name, "send_p50", samples_percentile_us(&chat->answers, 50) / 1000, "ms",
                 "messages", chat->sent);
    print_figure(options->name, "send_p99", samples_percentile_us(&chat->answers, 99) / 1000, "ms",
                 "messages", chat->sent);
}

void run_chat(const struct options *options)
{
    uint64_t count = (uint64_t)(options->rate * options->duration_ms / 1000);
    struct chat chat = {.options = options, .engine = engine_new(options->target)};
    struct cpu_reading before, after;
    struct listener *listeners;

    if (options->authorization == NULL || options->character_id == 0)
        fail("chat needs --token and --character");
    chat.run_id = (uint64_t)clock_wall_us() * 1000 + (uint64_t)getpid() % 1000;
    chat.sequence_of = calloc(count + 1, sizeof(*chat.sequence_of));
    if (chat.sequence_of == NULL)
        abort();
    samples_init(&chat.deliveries, SAMPLES_MAX);
    samples_init(&chat.answers, count + 1);
    listeners = listeners_open(chat.engine, options, on_message, &chat);
    chat.sender = link_open(chat.engine);
    cpu_read(&before, options);
    send_at_rate(&chat, count);
    wait_for_the_last(&chat);
    cpu_read(&after, options);
    report(&chat, &before, &after);
    listeners_free(listeners, options);
    engine_free(chat.engine);
    samples_free(&chat.deliveries);
    samples_free(&chat.answers);
    free(chat.sequence_of);
}
