/* sends.c - players who say one message after the other: how many a second are acknowledged. */
#include "base/clock.h"
#include "tools/loadgen/grpc.h"
#include "tools/loadgen/link.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/players.h"
#include "waystone/chat/v1/chat.h"

#include <inttypes.h>
#include <stdlib.h>

#define SEND_PATH "/waystone.chat.v1.ChatService/SendMessage"
#define SAMPLES_MAX (8 * 1024 * 1024)

struct sends {
    const struct options *options;
    struct engine *engine;
    struct players players;
    uint64_t run_id, said, acknowledged; /* the last while measuring */
    size_t in_flight;
    bool measuring, stopping;
    struct samples latencies;
};

struct sender {
    struct link_stream stream; /* first */
    struct sends *sends;
    const struct player *player;
    struct buffer body;
    size_t next_channel;
    uint64_t started_us;
};

static void say(struct sender *sender, struct link *link)
{
    struct sends *sends = sender->sends;
    const struct player *player = sender->player;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    SendMessageRequest *request = SendMessageRequest_new(arena);

    request->channel_id = player->channels[sender->next_channel++ % player->channel_count];
    request->character_id = player->character_id;
    request->text =
        arena_printf(arena, "Message %" PRIu64 " of those that are counted.", sends->said++);
    request->idempotency_key =
        arena_printf(arena, "%" PRIx64 "-%" PRIu64, sends->run_id, sends->said);
    buffer_clear(&sender->body);
    grpc_write(&sender->body, &request->base);
    sender->stream.request = (struct link_request){
        .method = "POST",
        .path = SEND_PATH,
        .content_type = GRPC_CONTENT_TYPE,
        .authorization = player->authorization,
        .body = {buffer_data(&sender->body), sender->body.length},
    };
    sender->started_us = clock_monotonic_us();
    sends->in_flight++;
    link_start(link, &sender->stream);
}

static void on_end(struct link_stream *stream)
{
    struct sender *sender = (struct sender *)stream;
    struct sends *sends = sender->sends;
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const SendMessageResponse *response;

    if (stream->error_code != 0 || stream->http_status != 200 || stream->grpc_status != 0)
        fail("SendMessage ended with HTTP status %d, grpc-status %d, HTTP/2 error %u",
             stream->http_status, stream->grpc_status, stream->error_code);
    response =
        (const SendMessageResponse *)grpc_take(&stream->received, arena, &SendMessageResponse_type);
    if (response == NULL || response->message == NULL || response->message->sequence <= 0)
        fail("SendMessage answers without a message");
    sends->in_flight--;
    if (sends->measuring) {
        sends->acknowledged++;
        samples_add(&sends->latencies, clock_monotonic_us() - sender->started_us);
    }
    if (!sends->stopping)
        say(sender, stream->link);
}

static void poll_for_ms(struct engine *engine, uint64_t duration_ms)
{
    uint64_t end_ms = clock_monotonic_ms() + duration_ms;
    uint64_t now_ms;

    while ((now_ms = clock_monotonic_ms()) < end_ms)
        engine_poll(engine, (int)(end_ms - now_ms));
}

static struct sender *start_senders(struct sends *sends)
{
    const struct options *options = sends->options;
    struct sender *senders = calloc(options->players, sizeof(*senders));
    struct link **links = calloc(options->connections, sizeof(struct link *));

    if (senders == NULL || links == NULL)
        abort();
    for (unsigned i = 0; i < options->connections; i++)
        links[i] = link_open(sends->engine);
    for (unsigned i = 0; i < options->players; i++) {
        senders[i] = (struct sender){.stream.on_end = on_end,
                                     .sends = sends,
                                     .player = &sends->players.items[i],
                                     .next_channel = i};
        say(&senders[i], links[i % options->connections]);
    }
    for (unsigned i = 0; i < options->connections; i++)
        link_flush(links[i]);
    free(links);
    return senders;
}

void run_sends(const struct options *options)
{
    struct sends sends = {.options = options,
                          .engine = engine_new(options->target, options->certificate),
                          .run_id = (uint64_t)clock_wall_us()};
    struct cpu_reading before, after;
    uint64_t start_us, elapsed_us;
    struct sender *senders;

    players_read(&sends.players, options->players_path, options->players);
    samples_init(&sends.latencies, SAMPLES_MAX);
    senders = start_senders(&sends);
    poll_for_ms(sends.engine, options->warmup_ms);
    cpu_read(&before, options);
    start_us = clock_monotonic_us();
    sends.measuring = true;
    poll_for_ms(sends.engine, options->duration_ms);
    sends.measuring = false;
    elapsed_us = clock_monotonic_us() - start_us;
    cpu_read(&after, options);
    sends.stopping = true;
    while (sends.in_flight > 0)
        engine_poll(sends.engine, 1000);
    if (sends.acknowledged == 0)
        fail("no message was acknowledged in the measured time");
    cpu_print(options, &before, &after, "cpu_us", "messages", sends.acknowledged);
    print_figure(options->name, "rate", (double)sends.acknowledged * 1e6 / (double)elapsed_us,
                 "messages/s", "messages", sends.acknowledged);
    print_figure(options->name, "p50", samples_percentile_us(&sends.latencies, 50) / 1000, "ms",
                 "messages", sends.acknowledged);
    print_figure(options->name, "p99", samples_percentile_us(&sends.latencies, 99) / 1000, "ms",
                 "messages", sends.acknowledged);
    print_figure(options->name, "said", (double)sends.said, "messages", "players",
                 options->players);
    engine_free(sends.engine);
    for (unsigned i = 0; i < options->players; i++) {
        buffer_free(&senders[i].body);
        buffer_free(&senders[i].stream.received);
    }
    free(senders);
    players_free(&sends.players);
    samples_free(&sends.latencies);
}
