#include "tools/loadgen/options.h"

#include "tools/loadgen/link.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "loadgen MODE --target HOST:PORT [options]\n"
    "\n"
    "unary     small calls that need no database\n"
    "call      any call with one request: --path, --message FILE, --answer-bytes\n"
    "read      authenticated reads of one character: --token, --character\n"
    "idle      memory of connections that do nothing\n"
    "chat      players who listen on their own connections; the first speaks in --channel\n"
    "floor     a bare send() to each of --connections, --rate times a second: needs no server\n"
    "sends     players who say one message after the other, on --connections\n"
    "delivery  players who talk and listen on --connections to one or more --target, separated by\n"
    "          commas, until the end of input; a line of input is a check of what all have heard\n"
    "\n"
    "--protocol grpc|connect-json|connect-proto|get   (unary, read; get: any file, --path)\n"
    "--message FILE    its encoding, without envelope   --answer-bytes N   size of the answer's "
    "body\n"
    "--connections N   --streams N (at once, on each)   --seconds N   --warmup-seconds N\n"
    "--certificate F   the server's: TLS\n"
    "--players FILE    lines of: CHARACTER TOKEN CHANNEL,...   --player-count N   of them "
    "(delivery,\n"
    "                  sends); chat takes one for each connection\n"
    "--rate N          messages a second (chat, delivery)   --burst N   at once (chat)\n"
    "--text-bytes N    length of a message (chat)   --slow N   listeners who read slowly (chat)\n"
    "--idle-seconds N  measure the server while nobody speaks (chat)\n"
    "--typed           StreamMessages instead of Subscribe   --mixed   every second player "
    "(delivery)\n"
    "--presence        follow who is there, too   --account   and what concerns the account\n"
    "--moves           some leave channels, open ones of the first player, and come back "
    "(delivery)\n"
    "--pid PID         the server, whose CPU and memory are measured\n"
    "--also NAME=PID   another process and its children, shown beside it\n"
    "--name NAME       what the figures are called\n"
    "\n"
    "Every answer is checked; a wrong one ends the run with status 1.\n";

static void refuse(const char *format, const char *value) __attribute__((noreturn));

static void refuse(const char *format, const char *value)
{
    fprintf(stderr, "loadgen: '%s' %s\n\n%s", value, format, usage);
    exit(2);
}

static double number(const char *text, double minimum, double maximum)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || value < minimum || value > maximum)
        refuse("is no number that makes sense here", text);
    return value;
}

static enum wire_protocol protocol_named(const char *name)
{
    static const char *const names[] = {"grpc", "connect-json", "connect-proto", "get"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0)
            return (enum wire_protocol)i;
    refuse("is no protocol", name);
}

static void add_also(struct options *options, char *text)
{
    char *equals = strchr(text, '=');

    if (equals == NULL || options->also_count == ALSO_MAX)
        refuse("must be NAME=PID, at most four times", text);
    *equals = '\0';
    options->also[options->also_count++] =
        (struct also){text, (pid_t)number(equals + 1, 1, 1 << 30)};
}

static void set_authorization(struct options *options, const char *token)
{
    free(options->authorization);
    if (asprintf(&options->authorization, "Bearer %s", token) < 0)
        abort();
}

enum option_id {
    OPTION_TARGET = 1000,
    OPTION_NAME,
    OPTION_PROTOCOL,
    OPTION_PATH,
    OPTION_MESSAGE,
    OPTION_ANSWER_BYTES,
    OPTION_CONNECTIONS,
    OPTION_STREAMS,
    OPTION_SECONDS,
    OPTION_WARMUP,
    OPTION_PID,
    OPTION_ALSO,
    OPTION_TOKEN,
    OPTION_CHARACTER,
    OPTION_CHANNEL,
    OPTION_RATE,
    OPTION_CERTIFICATE,
    OPTION_PLAYERS,
    OPTION_PLAYER_COUNT,
    OPTION_BURST,
    OPTION_TEXT_BYTES,
    OPTION_SLOW,
    OPTION_IDLE,
    OPTION_TYPED,
    OPTION_MIXED,
    OPTION_PRESENCE,
    OPTION_ACCOUNT,
    OPTION_MOVES,
};

static const struct option names[] = {
    {"target", required_argument, NULL, OPTION_TARGET},
    {"name", required_argument, NULL, OPTION_NAME},
    {"protocol", required_argument, NULL, OPTION_PROTOCOL},
    {"path", required_argument, NULL, OPTION_PATH},
    {"message", required_argument, NULL, OPTION_MESSAGE},
    {"answer-bytes", required_argument, NULL, OPTION_ANSWER_BYTES},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"streams", required_argument, NULL, OPTION_STREAMS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"warmup-seconds", required_argument, NULL, OPTION_WARMUP},
    {"pid", required_argument, NULL, OPTION_PID},
    {"also", required_argument, NULL, OPTION_ALSO},
    {"token", required_argument, NULL, OPTION_TOKEN},
    {"character", required_argument, NULL, OPTION_CHARACTER},
    {"channel", required_argument, NULL, OPTION_CHANNEL},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"certificate", required_argument, NULL, OPTION_CERTIFICATE},
    {"players", required_argument, NULL, OPTION_PLAYERS},
    {"player-count", required_argument, NULL, OPTION_PLAYER_COUNT},
    {"burst", required_argument, NULL, OPTION_BURST},
    {"text-bytes", required_argument, NULL, OPTION_TEXT_BYTES},
    {"slow", required_argument, NULL, OPTION_SLOW},
    {"idle-seconds", required_argument, NULL, OPTION_IDLE},
    {"typed", no_argument, NULL, OPTION_TYPED},
    {"mixed", no_argument, NULL, OPTION_MIXED},
    {"presence", no_argument, NULL, OPTION_PRESENCE},
    {"account", no_argument, NULL, OPTION_ACCOUNT},
    {"moves", no_argument, NULL, OPTION_MOVES},
    {NULL, 0, NULL, 0},
};

static void set_text(struct options *options, enum option_id id, char *value)
{
    switch (id) {
    case OPTION_TARGET:
        options->target = value;
        break;
    case OPTION_NAME:
        options->name = value;
        break;
    case OPTION_PATH:
        options->path = value;
        break;
    case OPTION_MESSAGE:
        options->message_path = value;
        break;
    case OPTION_PROTOCOL:
        options->protocol = protocol_named(value);
        break;
    case OPTION_ALSO:
        add_also(options, value);
        break;
    case OPTION_TOKEN:
        set_authorization(options, value);
        break;
    case OPTION_CERTIFICATE:
        options->certificate = value;
        break;
    case OPTION_PLAYERS:
        options->players_path = value;
        break;
    case OPTION_TYPED:
        options->typed = true;
        break;
    case OPTION_MIXED:
        options->mixed = true;
        break;
    case OPTION_PRESENCE:
        options->presence = true;
        break;
    case OPTION_ACCOUNT:
        options->account = true;
        break;
    case OPTION_MOVES:
        options->moves = true;
        break;
    default:
        break;
    }
}

static void set_number(struct options *options, enum option_id id, const char *value)
{
    switch (id) {
    case OPTION_CONNECTIONS:
        options->connections = (unsigned)number(value, 1, 60000);
        break;
    case OPTION_STREAMS:
        options->streams = (unsigned)number(value, 1, 1000);
        break;
    case OPTION_SECONDS:
        options->duration_ms = (unsigned)(1000 * number(value, 0, 86400));
        break;
    case OPTION_WARMUP:
        options->warmup_ms = (unsigned)(1000 * number(value, 0, 86400));
        break;
    case OPTION_PID:
        options->pid = (pid_t)number(value, 1, 1 << 30);
        break;
    case OPTION_ANSWER_BYTES:
        options->answer_bytes = (size_t)number(value, 0, 1e9);
        break;
    case OPTION_CHARACTER:
        options->character_id = (int64_t)number(value, 1, 1e15);
        break;
    case OPTION_CHANNEL:
        options->channel_id = (int64_t)number(value, 1, 1e15);
        break;
    case OPTION_RATE:
        options->rate = number(value, 0.01, 1e6);
        break;
    case OPTION_PLAYER_COUNT:
        options->players = (unsigned)number(value, 1, 60000);
        break;
    case OPTION_BURST:
        options->burst = (unsigned)number(value, 1, 1000);
        break;
    case OPTION_TEXT_BYTES:
        options->text_bytes = (unsigned)number(value, 1, TEXT_BYTES_MAX);
        break;
    case OPTION_SLOW:
        options->slow = (unsigned)number(value, 0, 60000);
        break;
    case OPTION_IDLE:
        options->idle_ms = (unsigned)(1000 * number(value, 0, 86400));
        break;
    default:
        break;
    }
}

void options_read(struct options *options, int count, char **arguments)
{
    int id;

    *options = (struct options){.target = "127.0.0.1:8080",
                                .connections = 1,
                                .streams = 1,
                                .warmup_ms = 1000,
                                .duration_ms = 5000,
                                .path = "/",
                                .channel_id = 1,
                                .rate = 10,
                                .burst = 1,
                                .players = 1};
    while ((id = getopt_long(count, arguments, "", names, NULL)) != -1) {
        if (id == '?') {
            fputs(usage, stderr);
            exit(2);
        }
        set_text(options, (enum option_id)id, optarg);
        set_number(options, (enum option_id)id, optarg);
    }
    if (optind + 1 != count)
        refuse("must be followed by one mode", arguments[0]);
    options->mode = arguments[optind];
    if (options->name == NULL)
        options->name = options->mode;
}

void options_free(struct options *options)
{
    free(options->authorization);
}

/* --- CPU of the processes named on the command line --- */

void cpu_read(struct cpu_reading *reading, const struct options *options)
{
    *reading = (struct cpu_reading){0};
    if (options->pid != 0)
        reading->server_ns = process_cpu_ns(options->pid);
    for (unsigned i = 0; i < options->also_count; i++)
        reading->also_ns[i] = family_cpu_ns(options->also[i].pid);
}

static void print_share(const struct options *options, uint64_t before_ns, uint64_t after_ns,
                        const char *figure, const char *count_name, uint64_t count)
{
    if (after_ns < before_ns || after_ns == 0)
        fail("a measured process ended during the run");
    print_figure(options->name, figure, (double)(after_ns - before_ns) / 1000 / (double)count, "us",
                 count_name, count);
}

void cpu_print(const struct options *options, const struct cpu_reading *before,
               const struct cpu_reading *after, const char *figure, const char *count_name,
               uint64_t count)
{
    char name[100];

    if (count == 0)
        return;
    if (options->pid != 0)
        print_share(options, before->server_ns, after->server_ns, figure, count_name, count);
    for (unsigned i = 0; i < options->also_count; i++) {
        snprintf(name, sizeof(name), "%s_%s", options->also[i].name, figure);
        print_share(options, before->also_ns[i], after->also_ns[i], name, count_name, count);
    }
}
