/* calls.c - unary calls at full speed, or files, for comparison with a plain HTTP/2 server.
 *
 * The first answer is decoded and looked at; every later one must be byte for byte the same.
 * After a warm-up the measured time starts and ends while all streams are busy, so that
 * neither ramp belongs to it. */
#include "base/clock.h"
#include "tools/loadgen/grpc.h"
#include "tools/loadgen/link.h"
#include "tools/loadgen/options.h"
#include "waystone/character/v1/character.h"
#include "waystone/meta/v1/meta.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_PATH "/waystone.meta.v1.MetaService/GetVersion"
#define CHARACTER_PATH "/waystone.character.v1.CharacterService/GetCharacter"
#define SAMPLES_MAX (8 * 1024 * 1024)

struct run {
    const struct options *options;
    struct link_request request;
    struct buffer body;     /* of the request */
    struct buffer expected; /* body of every answer; empty until the first */
    bool measuring, stopping;
    size_t in_flight;
    uint64_t answered; /* while measuring */
    struct samples latencies;
};

struct call {
    struct link_stream stream; /* first */
    struct run *run;
    uint64_t started_us;
};

/* --- what is asked --- */

static bool is_read(const struct options *options)
{
    return strcmp(options->mode, "read") == 0;
}

static bool is_any_call(const struct options *options)
{
    return strcmp(options->mode, "call") == 0;
}

/* The file's bytes as the request's message. */
static void read_message(struct run *run)
{
    static const uint8_t flags = 0;
    FILE *file = fopen(run->options->message_path ? run->options->message_path : "", "rb");
    struct buffer message = {0};
    uint8_t length[4];
    size_t size;

    if (file == NULL)
        fail("the file of --message cannot be read");
    while ((size = fread(buffer_reserve(&message, 65536), 1, 65536, file)) > 0)
        buffer_commit(&message, size);
    fclose(file);
    if (run->options->protocol == WIRE_GRPC) {
        for (int i = 0; i < 4; i++)
            length[i] = (uint8_t)(message.length >> (24 - 8 * i));
        buffer_append(&run->body, &flags, 1);
        buffer_append(&run->body, length, sizeof(length));
    }
    if (message.length > 0)
        buffer_append(&run->body, buffer_data(&message), message.length);
    buffer_free(&message);
}

static void write_message(struct run *run, const ProtobufCMessage *message)
{
    const char *error;

    if (run->options->protocol == WIRE_GRPC)
        grpc_write(&run->body, message);
    else if (run->options->protocol == WIRE_CONNECT_PROTO)
        message_encode(message, &run->body);
    else if (message_encode_json(message, &run->body, &error) != STATUS_OK)
        fail("the request has no JSON form: %s", error);
}

static void prepare_request(struct run *run)
{
    static const char *const content_types[] = {GRPC_CONTENT_TYPE, "application/json",
                                                "application/proto", NULL};
    const struct options *options = run->options;
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    run->request.method = options->protocol == WIRE_GET ? "GET" : "POST";
    run->request.content_type = content_types[options->protocol];
    run->request.authorization = options->authorization;
    if (options->protocol == WIRE_GET) {
        run->request.path = options->path;
        return;
    }
    if (is_any_call(options)) {
        run->request.path = options->path;
        read_message(run);
    } else if (is_read(options)) {
        GetCharacterRequest *request = GetCharacterRequest_new(arena);
        request->id = options->character_id;
        run->request.path = CHARACTER_PATH;
        write_message(run, &request->base);
    } else {
        run->request.path = VERSION_PATH;
        write_message(run, &GetVersionRequest_new(arena)->base);
    }
    run->request.body = (struct bytes){buffer_data(&run->body), run->body.length};
}

/* --- what is answered --- */

static ProtobufCMessage *decode_answer(struct run *run, struct arena *arena,
                                       const struct message_type *type)
{
    struct bytes bytes = {buffer_data(&run->expected), run->expected.length};
    ProtobufCMessage *message = NULL;
    const char *error = "it is not whole";
    enum status status = STATUS_INTERNAL;
    struct buffer copy = {0};

    if (run->options->protocol == WIRE_CONNECT_JSON) {
        status = message_decode_json(arena, type, bytes.data, bytes.length, &message, &error);
    } else if (run->options->protocol == WIRE_CONNECT_PROTO) {
        status = message_decode(arena, type, bytes.data, bytes.length, &message, &error);
    } else {
        buffer_append(&copy, bytes.data, bytes.length);
        message = grpc_take(&copy, arena, type);
        status = message != NULL && copy.length == 0 ? STATUS_OK : STATUS_INTERNAL;
        buffer_free(&copy);
    }
    if (status != STATUS_OK)
        fail("the first answer is malformed: %s", error);
    return message;
}

static void check_first_answer(struct run *run)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    if (run->options->protocol == WIRE_GET)
        return;
    if (is_any_call(run->options)) {
        if (run->expected.length != run->options->answer_bytes)
            fail("the answer has %zu bytes", run->expected.length);
        return;
    }
    if (is_read(run->options)) {
        const GetCharacterResponse *response =
            (GetCharacterResponse *)decode_answer(run, arena, &GetCharacterResponse_type);
        if (response->character == NULL || response->character->id != run->options->character_id)
            fail("GetCharacter answers with another character");
    } else {
        const GetVersionResponse *response =
            (GetVersionResponse *)decode_answer(run, arena, &GetVersionResponse_type);
        if (response->version[0] == '\0')
            fail("GetVersion answers without a version");
    }
}

static void check_answer(struct run *run, const struct link_stream *stream)
{
    const struct buffer *received = &stream->received;

    if (stream->error_code != 0 || stream->http_status != 200)
        fail("a call ended with HTTP status %d, HTTP/2 error %u: %.*s", stream->http_status,
             stream->error_code, (int)(received->length < 300 ? received->length : 300),
             (const char *)buffer_data(received));
    if (run->options->protocol == WIRE_GRPC && stream->grpc_status != 0)
        fail("a call ended with grpc-status %d", stream->grpc_status);
    if (run->expected.length == 0) {
        buffer_append(&run->expected, buffer_data(received), received->length);
        check_first_answer(run);
    }
    if (received->length != run->expected.length ||
        memcmp(buffer_data(received), buffer_data(&run->expected), received->length) != 0)
        fail("an answer differs from the first");
}

static void on_end(struct link_stream *stream)
{
    struct call *call = (struct call *)stream;
    struct run *run = call->run;
    uint64_t now_us = clock_monotonic_us();

    check_answer(run, stream);
    run->in_flight--;
    if (run->measuring) {
        run->answered++;
        samples_add(&run->latencies, now_us - call->started_us);
    }
    if (run->stopping)
        return;
    run->in_flight++;
    call->started_us = now_us;
    link_start(stream->link, stream);
}

/* --- the run --- */

static void poll_for_ms(struct engine *engine, uint64_t duration_ms)
{
    uint64_t end_ms = clock_monotonic_ms() + duration_ms;
    uint64_t now_ms;

    while ((now_ms = clock_monotonic_ms()) < end_ms)
        engine_poll(engine, (int)(end_ms - now_ms));
}

static struct call *start_calls(struct run *run, struct engine *engine)
{
    const struct options *options = run->options;
    size_t count = (size_t)options->connections * options->streams;
    struct call *calls = calloc(count, sizeof(*calls));

    if (calls == NULL)
        abort();
    for (size_t i = 0; i < count; i += options->streams) {
        struct link *link = link_open(engine);
        for (size_t j = i; j < i + options->streams; j++) {
            calls[j].run = run;
            calls[j].stream.request = run->request;
            calls[j].stream.on_end = on_end;
            calls[j].started_us = clock_monotonic_us();
            link_start(link, &calls[j].stream);
            run->in_flight++;
        }
        link_flush(link);
    }
    return calls;
}

static void report(struct run *run, const struct cpu_reading *before,
                   const struct cpu_reading *after, uint64_t elapsed_us)
{
    const char *name = run->options->name;

    cpu_print(run->options, before, after, "cpu_us", "calls", run->answered);
    print_figure(name, "rate", (double)run->answered * 1e6 / (double)elapsed_us, "calls/s", "calls",
                 run->answered);
    print_figure(name, "p50", samples_percentile_us(&run->latencies, 50), "us", "calls",
                 run->answered);
    print_figure(name, "p99", samples_percentile_us(&run->latencies, 99), "us", "calls",
                 run->answered);
}

void run_calls(const struct options *options)
{
    struct run run = {.options = options};
    struct engine *engine = engine_new(options->target, options->certificate);
    struct cpu_reading before, after;
    uint64_t start_us, elapsed_us;
    struct call *calls;

    samples_init(&run.latencies, SAMPLES_MAX);
    prepare_request(&run);
    calls = start_calls(&run, engine);
    poll_for_ms(engine, options->warmup_ms);
    cpu_read(&before, options);
    start_us = clock_monotonic_us();
    run.measuring = true;
    poll_for_ms(engine, options->duration_ms);
    run.measuring = false;
    elapsed_us = clock_monotonic_us() - start_us;
    cpu_read(&after, options);
    run.stopping = true;
    while (run.in_flight > 0)
        engine_poll(engine, 1000);
    if (run.answered == 0)
        fail("no call was answered in the measured time");
    report(&run, &before, &after, elapsed_us);
    for (size_t i = 0; i < (size_t)options->connections * options->streams; i++)
        buffer_free(&calls[i].stream.received);
    free(calls);
    engine_free(engine);
    buffer_free(&run.body);
    buffer_free(&run.expected);
    samples_free(&run.latencies);
}
