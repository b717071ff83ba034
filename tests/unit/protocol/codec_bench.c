/* codec-bench - CPU time of each encoding of a typical chat message, one JSON line each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "waystone/chat/v1/chat.h"

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check(enum status status, const char *error)
{
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "codec-bench: %s\n", error);
    exit(1);
}

static void once(const char *what, const Message *message, const struct buffer *input,
                 struct buffer *out)
{
    ProtobufCMessage *decoded;
    const char *error = "";

    if (strcmp(what, "encode") == 0) {
        buffer_clear(out);
        message_encode(&message->base, out);
    } else if (strcmp(what, "json_encode") == 0) {
        buffer_clear(out);
        check(message_encode_json(&message->base, out, &error), error);
    } else {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        if (strcmp(what, "decode") == 0)
            check(message_decode(arena, &Message_type, buffer_data(input), input->length, &decoded,
                                 &error),
                  error);
        else if (strcmp(what, "json_decode") == 0)
            check(message_decode_json(arena, &Message_type, buffer_data(input), input->length,
                                      &decoded, &error),
                  error);
    }
}

static void measure(const char *what, const Message *message, const struct buffer *input)
{
    struct buffer out = {0};
    unsigned long count = 0;
    double start = cpu_seconds(), used;

    do {
        for (int i = 0; i < 1000; i++)
            once(what, message, input, &out);
        count += 1000;
        used = cpu_seconds() - start;
    } while (used < 1);
    printf("{\"name\":\"codec_%s_us\",\"value\":%.3f,\"bytes\":%zu}\n", what,
           used * 1e6 / (double)count, out.length > 0 ? out.length : input->length);
    buffer_free(&out);
}

int main(void)
{
    static const char json[] =
        "{\"channelId\":\"1\",\"sequence\":\"48213\",\"characterId\":\"90210\","
        "\"characterName\":\"Thessaly of the Reach\",\"text\":\"Does anybody still have the map of "
        "the lower caves? We leave at dusk, with or without it.\","
        "\"sentAt\":\"2026-03-01T18:22:07.123456Z\"}";
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct buffer text = {0}, binary = {0}, nothing = {0};
    ProtobufCMessage *message;
    const char *error = "";

    buffer_append(&text, json, sizeof(json) - 1);
    check(message_decode_json(arena, &Message_type, buffer_data(&text), text.length, &message,
                              &error),
          error);
    message_encode(message, &binary);
    measure("arena_only", (Message *)message, &nothing);
    measure("encode", (Message *)message, &binary);
    measure("decode", (Message *)message, &binary);
    measure("json_encode", (Message *)message, &text);
    measure("json_decode", (Message *)message, &text);
    buffer_free(&text);
    buffer_free(&binary);
    return 0;
}
