/* options.h - the command line of the load generator. */
#ifndef WAYSTONE_TOOLS_LOADGEN_OPTIONS_H
#define WAYSTONE_TOOLS_LOADGEN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/loadgen/measure.h"

enum wire_protocol { WIRE_GRPC, WIRE_CONNECT_JSON, WIRE_CONNECT_PROTO, WIRE_GET };

/* Another process whose share is shown beside the server's. */
struct also {
    const char *name;
    pid_t pid;
};

#define ALSO_MAX 4
#define TEXT_BYTES_MAX 500

struct options {
    const char *mode;
    const char *target;      /* "127.0.0.1:8080"; of "delivery" several with commas between */
    const char *certificate; /* the server's, in TLS; NULL: cleartext */
    const char *name;        /* prefix of the figures */
    enum wire_protocol protocol;
    const char *path;         /* of WIRE_GET and of "call" */
    const char *message_path; /* of "call": a file with the request's encoding */
    size_t answer_bytes;      /* of "call": the answer's body, envelopes included */
    unsigned connections;
    unsigned streams; /* concurrent, on each connection */
    unsigned warmup_ms, duration_ms;
    pid_t pid; /* the server's; 0: do not measure it */
    struct also also[ALSO_MAX];
    unsigned also_count;
    char *authorization; /* "Bearer ..."; NULL: none */
    int64_t character_id, channel_id;
    double rate;    /* messages a second */
    unsigned burst; /* messages said at once; the rate stays */
    unsigned text_bytes;
    const char *players_path;
    unsigned players;
    unsigned slow; /* of the listeners, how many read slowly */
    unsigned idle_ms;
    bool typed;    /* ChatService.StreamMessages instead of EventService.Subscribe */
    bool mixed;    /* every second player typed (delivery) */
    bool presence; /* of the first channel is followed, too */
    bool account;  /* the account's events, too */
    bool moves;    /* some leave channels, which the first player owns, and come back (delivery) */
};

/* Ends the program with the usage when the arguments are wrong. */
void options_read(struct options *options, int count, char **arguments);
void options_free(struct options *options);

/* CPU time of the server and of the others at one moment. */
struct cpu_reading {
    uint64_t server_ns;
    uint64_t also_ns[ALSO_MAX];
};

void cpu_read(struct cpu_reading *reading, const struct options *options);

/* Prints what every one of `count` things cost since `before`: <name>_<per>_cpu_us. */
void cpu_print(const struct options *options, const struct cpu_reading *before,
               const struct cpu_reading *after, const char *figure, const char *count_name,
               uint64_t count);

/* --- modes --- */

void run_calls(const struct options *options); /* unary, read, call */
void run_idle(const struct options *options);
void run_chat(const struct options *options);
void run_floor(const struct options *options);
void run_sends(const struct options *options);
void run_delivery(const struct options *options);

#endif
