/* codecbench - CPU time of each encoding of a message, one JSON line each.
 *
 * usage: codecbench NAME TYPE FILE
 * FILE has a message of the type (its full name) as JSON; NAME begins the figures' names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "waystone/chat/v1/chat.h"

#define MEASURED_S 1.0
#define BATCH 100

struct bench {
    const char *name;
    const struct message_type *type;
    const ProtobufCMessage *message;
    struct buffer text, binary;
};

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
    fprintf(stderr, "codecbench: %s\n", error);
    exit(1);
}

/* --- what is measured; each leaves its output in `out` --- */

static void encode(const struct bench *bench, struct buffer *out)
{
    buffer_clear(out);
    message_encode(bench->message, out);
}

static void decode(const struct bench *bench, struct buffer *out)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    ProtobufCMessage *message;
    const char *error = "";

    check(message_decode(arena, bench->type, buffer_data(&bench->binary), bench->binary.length,
                         &message, &error),
          error);
}

static void json_encode(const struct bench *bench, struct buffer *out)
{
    const char *error = "";

    buffer_clear(out);
    check(message_encode_json(bench->message, out, &error), error);
}

static void json_decode(const struct bench *bench, struct buffer *out)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    ProtobufCMessage *message;
    const char *error = "";

    check(message_decode_json(arena, bench->type, buffer_data(&bench->text), bench->text.length,
                              &message, &error),
          error);
}

static void measure(const struct bench *bench, const char *what,
                    void (*once)(const struct bench *bench, struct buffer *out))
{
    struct buffer out = {0};
    unsigned long count = 0;
    double start, used;

    for (int i = 0; i < BATCH; i++)
        once(bench, &out);
    start = cpu_seconds();
    do {
        for (int i = 0; i < BATCH; i++)
            once(bench, &out);
        count += BATCH;
        used = cpu_seconds() - start;
    } while (used < MEASURED_S);
    printf("{\"figure\":\"%s_%s_us\",\"value\":%.3f,\"unit\":\"us\"}\n", bench->name, what,
           used * 1e6 / (double)count);
    buffer_free(&out);
}

static void read_file(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "r");
    size_t got;

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    do {
        got = fread(buffer_reserve(out, 4096), 1, 4096, file);
        buffer_commit(out, got);
    } while (got > 0);
    fclose(file);
}

int main(int argc, char **argv)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct bench bench = {0};
    ProtobufCMessage *message;
    const char *error = "";

    if (argc != 4) {
        fprintf(stderr, "usage: codecbench NAME TYPE FILE\n");
        return 2;
    }
    waystone_chat_v1_chat_register_types();
    bench.name = argv[1];
    bench.type = message_registry_find(argv[2], strlen(argv[2]));
    if (bench.type == NULL) {
        fprintf(stderr, "codecbench: there is no type %s\n", argv[2]);
        return 1;
    }
    read_file(argv[3], &bench.text);
    check(message_decode_json(arena, bench.type, buffer_data(&bench.text), bench.text.length,
                              &message, &error),
          error);
    bench.message = message;
    message_encode(message, &bench.binary);
    measure(&bench, "encode", encode);
    measure(&bench, "decode", decode);
    measure(&bench, "json_encode", json_encode);
    measure(&bench, "json_decode", json_decode);
    buffer_free(&bench.text);
    buffer_free(&bench.binary);
    return 0;
}
