/* echo_caller TARGET [name=value ...] - calls EchoService with the C client and tells, one JSON
 * object a call, how each one ended. For tests that bring the server.
 *
 *   loop=1            on an event loop, all calls at once; otherwise blocking, one after another
 *   method=echo       echo, get, many, collect, chat, sleep
 *   calls=1           how many
 *   text= count= ms=  what the method is asked for
 *   steps=1           a line on standard input is awaited before each call
 *   tell=1            "sleep" tells when the server has the call
 *   headers=1         the answer's headers are awaited before its first message
 *   header=name:text  a request header; bytes=name:text for one that ends in -bin
 *   timeout= idempotent=1 ready=1                         of each call
 *   attempts= backoff= keepalive= keepalive_timeout= max= connect=   of the client
 *   ca= certificate= key= */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"
#include "client/client.h"
#include "echo_client.h"

static int option_count;
static char **options;
static struct client *client;
static struct loop *loop;
static int unfinished;

static const char *option_text(const char *name, const char *standard)
{
    size_t length = strlen(name);

    for (int i = 0; i < option_count; i++)
        if (strncmp(options[i], name, length) == 0 && options[i][length] == '=')
            return options[i] + length + 1;
    return standard;
}

static int option(const char *name, int standard)
{
    const char *text = option_text(name, NULL);

    return text != NULL ? atoi(text) : standard;
}

/* --- telling --- */

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text < 0x20)
            printf("\\u%04x", *text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_metadata(const char *name, const struct client_metadata *metadata)
{
    printf(",\"%s\":{", name);
    for (size_t i = 0; i < metadata->count; i++) {
        printf(i > 0 ? "," : "");
        print_string(metadata->items[i].name);
        putchar(':');
        print_string(metadata->items[i].value);
    }
    putchar('}');
}

static void report(const struct rpc_client_call *call, struct arena *arena, enum status status,
                   int received, const char *last, uint64_t begun_ms)
{
    struct bytes bytes = {0};
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf("{\"status\":\"%s\",\"attempts\":%u,\"received\":%d,\"elapsed_ms\":%llu,"
           "\"peak_mb\":%ld,\"message\":",
           status_name(status), client_call_attempts(call), received,
           (unsigned long long)(clock_monotonic_ms() - begun_ms), usage.ru_maxrss / 1024);
    print_string(client_call_message(call));
    printf(",\"last\":");
    print_string(last);
    printf(",\"details\":[");
    for (size_t i = 0; i < client_call_detail_count(call); i++) {
        printf(i > 0 ? "," : "");
        print_string(client_call_detail(call, i)->type_name);
    }
    putchar(']');
    if (client_metadata_find_bytes(client_call_trailers(call), arena, "x-echo-bin", &bytes)) {
        printf(",\"bytes\":\"");
        for (size_t i = 0; i < bytes.length; i++)
            printf("%02x", bytes.data[i]);
        putchar('"');
    }
    print_metadata("headers", client_call_headers(call));
    print_metadata("trailers", client_call_trailers(call));
    puts("}");
    fflush(stdout);
}

/* --- calling --- */

struct work {
    struct rpc_client_call *call;
    struct arena *arena;
    int received;
    const char *last;
};

static enum status do_echo(struct work *work)
{
    EchoRequest *request = EchoRequest_new(work->arena);
    EchoResponse *response;

    request->text = arena_strdup(work->arena, option_text("text", "hello"));
    TRY(echo_client_echo(work->call, request, &response));
    work->last = response->text;
    work->received = 1;
    return STATUS_OK;
}

static enum status do_get(struct work *work)
{
    EchoGetRequest *request = EchoGetRequest_new(work->arena);
    EchoGetResponse *response;

    request->text = arena_strdup(work->arena, option_text("text", "hello"));
    TRY(echo_client_echo_get(work->call, request, &response));
    work->last = response->text;
    work->received = 1;
    return STATUS_OK;
}

/* Frames arrive in order: once a later call is answered, the server has the earlier one. */
static void tell_when_it_is_begun(struct work *work)
{
    CLEANUP(client_call_freep) struct rpc_client_call *later = client_call_new(client, work->arena);
    EchoGetResponse *response;

    client_call_set_timeout(later, 20000);
    if (echo_client_echo_get(later, EchoGetRequest_new(work->arena), &response) != STATUS_OK)
        return;
    puts("{\"begun\":true}");
    fflush(stdout);
}

static enum status do_sleep(struct work *work)
{
    static const struct client_method method = {.path = "/waystone.testing.v1.EchoService/Sleep",
                                                .response = &SleepResponse_type};
    SleepRequest *request = SleepRequest_new(work->arena);
    ProtobufCMessage *response;
    enum status status;

    request->duration_ms = option("ms", 0);
    TRY(client_start(work->call, &method, &request->base));
    if (option("tell", 0))
        tell_when_it_is_begun(work);
    TRY(client_receive(work->call, &response));
    work->received = 1;
    status = client_receive(work->call, &response);
    return status == STATUS_OUT_OF_RANGE ? STATUS_OK : status;
}

static enum status do_many(struct work *work)
{
    EchoManyRequest *request = EchoManyRequest_new(work->arena);
    EchoManyResponse *response;
    enum status status;

    request->text = arena_strdup(work->arena, option_text("text", "hello"));
    request->count = option("count", 3);
    request->interval_ms = option("ms", 0);
    TRY(echo_client_echo_many(work->call, request));
    if (option("headers", 0))
        TRY(client_receive_headers(work->call));
    while ((status = echo_client_echo_many_receive(work->call, &response)) == STATUS_OK) {
        work->received++;
        work->last = response->text;
        if (option("ms", 0) > 0) { /* the test follows what comes */
            printf("{\"index\":%d}\n", response->index);
            fflush(stdout);
        }
    }
    return status == STATUS_OUT_OF_RANGE ? STATUS_OK : status;
}

static enum status do_collect(struct work *work)
{
    CollectRequest *request = CollectRequest_new(work->arena);
    CollectResponse *response;

    request->text = arena_strdup(work->arena, option_text("text", "hello"));
    TRY(echo_client_collect(work->call));
    for (int i = 0; i < option("count", 3); i++)
        TRY(echo_client_collect_send(work->call, request));
    TRY(echo_client_collect_close_send(work->call));
    TRY(echo_client_collect_receive(work->call, &response));
    work->last = response->text;
    work->received = response->count;
    return STATUS_OK;
}

static enum status do_chat(struct work *work)
{
    ChatRequest *request = ChatRequest_new(work->arena);
    ChatResponse *response;

    request->text = arena_strdup(work->arena, option_text("text", "hello"));
    TRY(echo_client_chat(work->call));
    for (int i = 0; i < option("count", 3); i++) {
        TRY(echo_client_chat_send(work->call, request));
        TRY(echo_client_chat_receive(work->call, &response));
        work->received++;
        work->last = response->text;
    }
    TRY(echo_client_chat_close_send(work->call));
    return echo_client_chat_receive(work->call, &response) == STATUS_OUT_OF_RANGE ? STATUS_OK
                                                                                  : STATUS_INTERNAL;
}

static enum status run_method(struct work *work)
{
    static const struct {
        const char *name;
        enum status (*run)(struct work *work);
    } methods[] = {{"echo", do_echo},       {"get", do_get},   {"many", do_many},
                   {"collect", do_collect}, {"chat", do_chat}, {"sleep", do_sleep}};
    const char *name = option_text("method", "echo");

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].run(work);
    fprintf(stderr, "echo_caller: there is no method '%s'\n", name);
    exit(2);
}

static void add_headers(struct work *work)
{
    for (int i = 0; i < option_count; i++) {
        bool bytes = strncmp(options[i], "bytes=", 6) == 0;
        char *name, *value;
        if (!bytes && strncmp(options[i], "header=", 7) != 0)
            continue;
        name = arena_strdup(work->arena, options[i] + (bytes ? 6 : 7));
        value = name + strcspn(name, ":");
        if (*value != '\0')
            *value++ = '\0';
        if (bytes)
            client_call_add_header_bytes(work->call, name,
                                         (struct bytes){(const uint8_t *)value, strlen(value)});
        else
            client_call_add_header(work->call, name, value);
    }
}

static void call_once(void)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    struct work work = {call, arena, 0, ""};
    uint64_t begun_ms = clock_monotonic_ms();
    enum status status;

    client_call_set_timeout(call, (uint32_t)option("timeout", 0));
    if (option("idempotent", 0))
        client_call_set_idempotent(call);
    if (option("ready", 0))
        client_call_wait_for_ready(call);
    add_headers(&work);
    status = run_method(&work);
    report(call, arena, status, work.received, work.last, begun_ms);
}

/* --- steps --- */

/* On the loop other coroutines, and the client, go on meanwhile. */
static void await_line(void)
{
    char character = '\0';

    if (!option("steps", 0))
        return;
    while (character != '\n') {
        ssize_t length = read(STDIN_FILENO, &character, 1);
        if (length == 0)
            exit(3);
        if (length < 0 && (loop == NULL || coro_sleep(5) != STATUS_OK))
            exit(3);
    }
}

static void run_calls(void *argument)
{
    int count = argument != NULL ? 1 : option("calls", 1);

    for (int i = 0; i < count; i++) {
        await_line();
        call_once();
    }
    unfinished--;
}

static void run_on_loop(void)
{
    bool at_once = !option("steps", 0);
    int coroutines = at_once ? option("calls", 1) : 1;

    unfinished = coroutines;
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < coroutines; i++)
        coro_start(loop, run_calls, at_once ? &unfinished : NULL);
    while (unfinished > 0)
        loop_tick(loop, 1000);
}

int main(int argc, char **argv)
{
    struct client_config config = {0};
    char error[256];

    if (argc < 2)
        return 2;
    options = argv + 2;
    option_count = argc - 2;
    if (option("loop", 0))
        loop = config.loop = loop_new(0);
    config.connect_timeout_ms = (uint32_t)option("connect", 0);
    config.keepalive_ms = (uint32_t)option("keepalive", 0);
    config.keepalive_timeout_ms = (uint32_t)option("keepalive_timeout", 0);
    config.max_message_bytes = (size_t)option("max", 0);
    config.retry.max_attempts = (uint32_t)option("attempts", 0);
    config.retry.first_backoff_ms = (uint32_t)option("backoff", 0);
    config.ca_file = option_text("ca", NULL);
    config.certificate_file = option_text("certificate", NULL);
    config.key_file = option_text("key", NULL);
    if (client_new(argv[1], &config, &client, error, sizeof(error)) != STATUS_OK) {
        fprintf(stderr, "echo_caller: %s\n", error);
        return 2;
    }
    if (loop != NULL)
        run_on_loop();
    else
        run_calls(NULL);
    client_free(client);
    loop_free(loop);
    return 0;
}
