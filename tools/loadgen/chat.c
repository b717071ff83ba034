/* chat.c - one who speaks and many who listen.
 *
 * Each text carries its number and the time it was sent. Every listener must get every message
 * once and in the channel's order; delivery time is from just before the send to the moment a
 * listener has decoded it, both on this machine's monotonic clock. */
#include "base/clock.h"
#include "tools/loadgen/grpc.h"
#include "tools/loadgen/link.h"
#include "tools/loadgen/listeners.h"
#include "tools/loadgen/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEND_PATH "/waystone.chat.v1.ChatService/SendMessage"
#define SAMPLES_MAX (16 * 1024 * 1024)
#define LAST_DELIVERY_MS 30000
#define SETTLE_MS 2000
/* What a slow listener reads: 8 KB a second. */
#define SLOW_BYTES 4096
#define SLOW_INTERVAL_MS 500

struct chat {
    const struct options *options;
    struct listeners listeners;
    struct link *sender;
    uint64_t run_id; /* tells this run's messages from others' */
    uint64_t sent, answered;
    uint64_t in_channel, slow_in_channel; /* listeners */
    uint64_t delivered, delivered_slowly; /* messages of this run, over all listeners */
    int64_t *sequence_of; /* [number]: its place in the channel; 0: nobody got it yet */
    struct samples deliveries, answers;
    uint64_t next_slow_ms;
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

static char *write_text(const struct chat *chat, struct arena *arena, uint64_t number,
                        uint64_t started_us)
{
    char *text = arena_alloc(arena, TEXT_BYTES_MAX + 1);
    size_t length = (size_t)snprintf(text, TEXT_BYTES_MAX, "load %" PRIx64 " %" PRIu64 " %" PRIu64,
                                     chat->run_id, number, started_us);

    for (; length < chat->options->text_bytes; length++)
        text[length] = " more words"[length % 11];
    return text;
}

static void write_send_request(struct sending *sending, uint64_t number)
{
    const struct chat *chat = sending->chat;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SendMessageRequest *request = SendMessageRequest_new(arena);

    request->channel_id = chat->options->channel_id;
    request->character_id = chat->listeners.players.items[0].character_id;
    request->text = write_text(chat, arena, number, sending->started_us);
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
        .authorization = chat->listeners.players.items[0].authorization,
        .body = {buffer_data(&sending->body), sending->body.length},
    };
    sending->stream.on_end = on_sent;
    link_start(chat->sender, &sending->stream);
}

/* --- listening --- */

static void on_message(struct listener *listener, const Message *message)
{
    struct chat *chat = listener->all->owner;
    uint64_t run_id, number, sent_us;

    /* Somebody else may speak in the channel. */
    if (sscanf(message->text, "load %" SCNx64 " %" SCNu64 " %" SCNu64, &run_id, &number,
               &sent_us) != 3 ||
        run_id != chat->run_id)
        return;
    if (number >= chat->sent)
        fail("a listener got message number %" PRIu64 ", which was never sent", number);
    if (chat->sequence_of[number] == 0)
        chat->sequence_of[number] = message->sequence;
    /* The channel's numbers have no gaps and never repeat, which listeners.c checks; so a
     * message that keeps its place for everyone came once and in order. */
    if (chat->sequence_of[number] != message->sequence)
        fail("message %" PRIu64 " was told with two places in the channel", number);
    if (listener->slow) {
        chat->delivered_slowly++;
    } else {
        samples_add(&chat->deliveries, clock_monotonic_us() - sent_us);
        chat->delivered++;
    }
}

/* Whether a listener follows the channel that is spoken in. */
static bool hears(const struct chat *chat, const struct listener *listener)
{
    for (size_t i = 0; i < listener->feed.channel_count; i++)
        if (listener->feed.channels[i].id == chat->options->channel_id)
            return true;
    return false;
}

static void count_listeners(struct chat *chat)
{
    for (size_t i = 0; i < chat->options->connections; i++) {
        const struct listener *listener = &chat->listeners.items[i];
        if (hears(chat, listener) && listener->slow)
            chat->slow_in_channel++;
        else if (hears(chat, listener))
            chat->in_channel++;
    }
}

/* --- the run --- */

static void poll_once(struct chat *chat, int max_wait_ms)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (chat->options->slow > 0 && chat->next_slow_ms != 0 && now_ms >= chat->next_slow_ms) {
        chat->next_slow_ms = now_ms + SLOW_INTERVAL_MS;
        for (size_t i = 0; i < chat->options->connections; i++)
            if (chat->listeners.items[i].slow)
                link_read_some(chat->listeners.items[i].link, SLOW_BYTES);
    }
    engine_poll(chat->listeners.engine, max_wait_ms);
}

static void wait_ms(struct chat *chat, uint64_t duration_ms)
{
    uint64_t end_ms = clock_monotonic_ms() + duration_ms;
    uint64_t now_ms;

    while ((now_ms = clock_monotonic_ms()) < end_ms)
        poll_once(chat, (int)(end_ms - now_ms < 50 ? end_ms - now_ms : 50));
}

static void send_at_rate(struct chat *chat, uint64_t count)
{
    uint64_t interval_us = (uint64_t)(1e6 * chat->options->burst / chat->options->rate);
    uint64_t next_us = clock_monotonic_us();

    while (chat->sent < count) {
        uint64_t now_us = clock_monotonic_us();
        if (now_us >= next_us) {
            for (unsigned i = 0; i < chat->options->burst && chat->sent < count; i++)
                send_next(chat);
            link_flush(chat->sender);
            next_us += interval_us;
        } else {
            poll_once(chat, (int)((next_us - now_us + 999) / 1000));
        }
    }
}

static void wait_for_the_last(struct chat *chat, const uint64_t *delivered, uint64_t wanted)
{
    uint64_t end_ms = clock_monotonic_ms() + LAST_DELIVERY_MS;

    while (*delivered < wanted || chat->answered < chat->sent) {
        if (clock_monotonic_ms() > end_ms)
            fail("%" PRIu64 " of %" PRIu64 " deliveries and %" PRIu64 " of %" PRIu64
                 " answers have come",
                 *delivered, wanted, chat->answered, chat->sent);
        poll_once(chat, 10);
    }
    if (*delivered != wanted)
        fail("%" PRIu64 " deliveries instead of %" PRIu64, *delivered, wanted);
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

/* The memory that listeners take and, while nobody speaks, the CPU. */
static void connect_and_idle(struct chat *chat)
{
    const struct options *options = chat->options;
    uint64_t before_bytes, after_bytes, start_us;
    struct cpu_reading before, after;

    wait_ms(chat, SETTLE_MS);
    before_bytes = process_rss_bytes(options->pid);
    cpu_read(&before, options);
    listeners_open(&chat->listeners);
    cpu_read(&after, options);
    wait_ms(chat, SETTLE_MS);
    after_bytes = process_rss_bytes(options->pid);
    print_figure(options->name, "connect_time", (double)chat->listeners.connected_us / 1e6, "s",
                 "players", options->connections);
    if (options->pid == 0)
        return;
    cpu_print(options, &before, &after, "connect_cpu_us", "players", options->connections);
    print_figure(options->name, "memory",
                 ((double)after_bytes - (double)before_bytes) / 1024 / options->connections,
                 "KiB/player", "players", options->connections);
    if (options->idle_ms == 0)
        return;
    cpu_read(&before, options);
    start_us = clock_monotonic_us();
    wait_ms(chat, options->idle_ms);
    cpu_read(&after, options);
    print_figure(options->name, "idle_cpu",
                 (double)(after.server_ns - before.server_ns) / 10 /
                     (double)(clock_monotonic_us() - start_us),
                 "% of a core", "players", options->connections);
}

static void make_some_slow(struct chat *chat)
{
    for (size_t i = 0; i < chat->options->connections; i++)
        if (chat->listeners.items[i].slow)
            link_make_slow(chat->listeners.items[i].link);
    chat->next_slow_ms = clock_monotonic_ms();
}

/* What the server holds for the slow ones, who then read as fast as others and get the rest. */
static void let_the_slow_catch_up(struct chat *chat, uint64_t before_bytes)
{
    const struct options *options = chat->options;
    uint64_t wanted = chat->sent * chat->slow_in_channel;
    uint64_t after_bytes = process_rss_bytes(options->pid);

    print_figure(options->name, "backlog",
                 (double)(wanted - chat->delivered_slowly) / (double)chat->slow_in_channel,
                 "messages", "slow", options->slow);
    print_figure(options->name, "slow_memory",
                 ((double)after_bytes - (double)before_bytes) / 1024 / options->slow, "KiB/player",
                 "slow", options->slow);
    chat->next_slow_ms = 0;
    for (size_t i = 0; i < options->connections; i++)
        if (chat->listeners.items[i].slow)
            link_make_fast(chat->listeners.items[i].link);
    wait_for_the_last(chat, &chat->delivered_slowly, wanted);
}

static void talk(struct chat *chat, uint64_t count)
{
    const struct options *options = chat->options;
    uint64_t before_bytes = process_rss_bytes(options->pid);
    struct cpu_reading before, after;

    if (options->slow > 0)
        make_some_slow(chat);
    cpu_read(&before, options);
    send_at_rate(chat, count);
    wait_for_the_last(chat, &chat->delivered, chat->sent * chat->in_channel);
    cpu_read(&after, options);
    report(chat, &before, &after);
    if (options->slow > 0 && chat->slow_in_channel > 0)
        let_the_slow_catch_up(chat, before_bytes);
}

void run_chat(const struct options *options)
{
    uint64_t count = (uint64_t)(options->rate * options->duration_ms / 1000);
    struct chat chat = {.options = options,
                        .listeners = {.options = options,
                                      .engine = engine_new(options->target, options->certificate),
                                      .on_message = on_message,
                                      .owner = &chat}};

    if (options->slow >= options->connections)
        fail("not all listeners can be slow");
    players_read(&chat.listeners.players, options->players_path, options->connections);
    chat.run_id = (uint64_t)clock_wall_us() * 1000 + (uint64_t)getpid() % 1000;
    chat.sequence_of = calloc(count + 1, sizeof(*chat.sequence_of));
    if (chat.sequence_of == NULL)
        abort();
    samples_init(&chat.deliveries, SAMPLES_MAX);
    samples_init(&chat.answers, count + 1);
    chat.sender = link_open(chat.listeners.engine);
    connect_and_idle(&chat);
    count_listeners(&chat);
    if (count > 0)
        talk(&chat, count);
    engine_free(chat.listeners.engine);
    listeners_free(&chat.listeners);
    samples_free(&chat.deliveries);
    samples_free(&chat.answers);
    free(chat.sequence_of);
}
