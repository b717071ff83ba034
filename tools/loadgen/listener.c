#include "tools/loadgen/listener.h"

#include "base/clock.h"
#include "tools/loadgen/grpc.h"

#include <inttypes.h>
#include <stdlib.h>

#define STREAM_PATH "/waystone.chat.v1.ChatService/StreamMessages"
#define CATCH_UP_MS 30000

static struct buffer request_body; /* the same for all */

static void on_stream_end(struct link_stream *stream)
{
    fail("a listener's stream ended with HTTP status %d, grpc-status %d, HTTP/2 error %u",
         stream->http_status, stream->grpc_status, stream->error_code);
}

static void take_message(struct listener *listener, const Message *message)
{
    if (listener->last_sequence >= 0 && message->sequence != listener->last_sequence + 1)
        fail("a listener got message %" PRId64 " after %" PRId64, message->sequence,
             listener->last_sequence);
    listener->last_sequence = message->sequence;
    if (!listener->caught_up)
        return;
    listener->delivered++;
    if (listener->on_message != NULL)
        listener->on_message(listener, message);
}

static void take_event(struct listener *listener, const StreamMessagesResponse *response)
{
    switch (response->event_case) {
    case STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE:
        take_message(listener, response->message);
        break;
    case STREAM_MESSAGES_RESPONSE_EVENT_CAUGHT_UP:
        listener->caught_up = true;
        listener->last_sequence = response->caught_up->last_sequence;
        break;
    default:
        break;
    }
}

static void on_data(struct link_stream *stream)
{
    for (;;) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        const ProtobufCMessage *message =
            grpc_take(&stream->received, arena, &StreamMessagesResponse_type);
        if (message == NULL)
            return;
        take_event((struct listener *)stream, (const StreamMessagesResponse *)message);
    }
}

static void write_request(const struct options *options)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    StreamMessagesRequest *request = StreamMessagesRequest_new(arena);

    request->channel_id = options->channel_id;
    buffer_free(&request_body);
    grpc_write(&request_body, &request->base);
}

static void wait_until_caught_up(struct engine *engine, const struct listener *listeners,
                                 unsigned count)
{
    uint64_t end_ms = clock_monotonic_ms() + CATCH_UP_MS;

    for (unsigned i = 0; i < count; i++)
        while (!listeners[i].caught_up) {
            if (clock_monotonic_ms() > end_ms)
                fail("listener %u has not caught up after %d ms", i, CATCH_UP_MS);
            engine_poll(engine, 10);
        }
}

struct listener *listeners_open(struct engine *engine, const struct options *options,
                                void (*on_message)(struct listener *, const Message *), void *owner)
{
    struct listener *listeners = calloc(options->connections, sizeof(*listeners));

    if (listeners == NULL)
        abort();
    write_request(options);
    for (unsigned i = 0; i < options->connections; i++) {
        listeners[i] = (struct listener){
            .stream = {.request = {.method = "POST",
                                   .path = STREAM_PATH,
                                   .content_type = GRPC_CONTENT_TYPE,
                                   .authorization = options->authorization,
                                   .body = {buffer_data(&request_body), request_body.length}},
                       .on_data = on_data,
                       .on_end = on_stream_end},
            .last_sequence = -1,
            .on_message = on_message,
            .owner = owner,
        };
        link_start(link_open(engine), &listeners[i].stream);
        link_flush(listeners[i].stream.link);
    }
    wait_until_caught_up(engine, listeners, options->connections);
    return listeners;
}

void listeners_free(struct listener *listeners, const struct options *options)
{
    for (unsigned i = 0; i < options->connections; i++)
        buffer_free(&listeners[i].stream.received);
    free(listeners);
    buffer_free(&request_body);
}
