/* The C client and its generated functions, against the real engine in another process. */
#include "base/clock.h"
#include "client/client.h"
#include "echo_client.h"
#include "tests/unit/client/server_process.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct server_process server;
static struct client *client;
static struct arena *arena;

static struct client *new_client(const char *target, const struct client_config *config)
{
    struct client *made = NULL;
    char error[256] = "";

    cr_assert_eq(client_new(target, config, &made, error, sizeof(error)), STATUS_OK, "%s", error);
    return made;
}

static void connect_in_clear(void)
{
    server_start(&server, false);
    client = new_client(server.target, NULL);
    arena = arena_new();
}

static void disconnect(void)
{
    client_free(client);
    server_stop(&server);
    arena_free(arena);
}

TestSuite(client, .init = connect_in_clear, .fini = disconnect, .timeout = 60);

/* --- unary --- */

static enum status echo_text(struct rpc_client_call *call, const char *text,
                             EchoResponse **ret_response)
{
    EchoRequest *request = EchoRequest_new(arena);

    request->text = arena_strdup(arena, text);
    return echo_client_echo(call, request, ret_response);
}

static void expect_echo(const char *text)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoResponse *response = NULL;

    cr_assert_eq(echo_text(call, text, &response), STATUS_OK, "%s", client_call_message(call));
    cr_expect_str_eq(response->text, text);
}

Test(client, unary_gives_message_headers_and_trailers)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoResponse *response = NULL;

    client_call_add_header(call, "x-test", "value");
    cr_assert_eq(echo_text(call, "h\xc3\xa9llo", &response), STATUS_OK, "%s",
                 client_call_message(call));
    cr_expect_str_eq(response->text, "h\xc3\xa9llo");
    cr_expect_str_eq(client_call_header(call, "x-echo-header"), "head");
    cr_expect_str_eq(client_call_trailer(call, "x-echo-trailer"), "tail");
    cr_expect_null(client_call_header(call, "x-never-sent"));
    cr_expect_str_eq(client_call_message(call), "");
    cr_expect(client_is_connected(client));
    cr_expect_eq(client_call_attempts(call), 1);
}

/* Larger than every window on the way. */
Test(client, unary_of_three_megabytes)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoRequest *request = EchoRequest_new(arena);
    EchoResponse *response = NULL;
    size_t length = 3 * 1024 * 1024;
    uint8_t *payload = arena_alloc(arena, length);

    for (size_t i = 0; i < length; i++)
        payload[i] = (uint8_t)(i * 31 + i / 4096);
    request->payload = (ProtobufCBinaryData){length, payload};
    cr_assert_eq(echo_client_echo(call, request, &response), STATUS_OK, "%s",
                 client_call_message(call));
    cr_assert_eq(response->payload.len, length);
    cr_expect_eq(memcmp(response->payload.data, payload, length), 0);
}

Test(client, failures_carry_status_and_message)
{
    for (int code = 1; code < STATUS_COUNT; code++) {
        CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
        FailRequest *request = FailRequest_new(arena);
        FailResponse *response = NULL;

        request->code = code;
        request->message = arena_strdup(arena, "50% \xe2\x98\x83\nand more");
        cr_expect_eq((int)echo_client_fail(call, request, &response), code);
        cr_expect_str_eq(client_call_message(call), "50% \xe2\x98\x83\nand more");
        cr_expect_null(response);
    }
}

Test(client, failures_carry_details)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    FailRequest *request = FailRequest_new(arena); /* code 0 is refused */
    FailResponse *response;

    cr_expect_eq(echo_client_fail(call, request, &response), STATUS_INVALID_ARGUMENT);
    cr_assert_eq(client_call_detail_count(call), 2);
    cr_expect_str_eq(client_call_detail(call, 0)->type_name, "google.rpc.BadRequest");
    cr_expect_gt(client_call_detail(call, 0)->value.length, 4);
    cr_expect_not_null(memmem(client_call_detail(call, 0)->value.data,
                              client_call_detail(call, 0)->value.length, "code", 4));
    cr_expect_str_eq(client_call_detail(call, 1)->type_name, "buf.validate.Violations");
}

Test(client, unwritten_and_unknown_methods)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    CLEANUP(client_call_freep) struct rpc_client_call *other = client_call_new(client, arena);
    static const struct client_method nothing = {"/waystone.testing.v1.EchoService/Nothing",
                                                 &EchoResponse_type, false};
    UnwrittenResponse *response;
    ProtobufCMessage *message;

    cr_expect_eq(echo_client_unwritten(call, UnwrittenRequest_new(arena), &response),
                 STATUS_UNIMPLEMENTED);
    cr_expect_eq(client_unary(other, &nothing, &EchoRequest_new(arena)->base, &message),
                 STATUS_UNIMPLEMENTED);
}

/* --- streams --- */

static EchoManyRequest *many(int count, int interval_ms, const char *text)
{
    EchoManyRequest *request = EchoManyRequest_new(arena);

    request->text = arena_strdup(arena, text);
    request->count = count;
    request->interval_ms = interval_ms;
    return request;
}

static void expect_many(struct rpc_client_call *call, int count, const char *text)
{
    EchoManyResponse *response = NULL;

    for (int i = 0; i < count; i++) {
        cr_assert_eq(echo_client_echo_many_receive(call, &response), STATUS_OK, "%s",
                     client_call_message(call));
        cr_assert_eq(response->index, i);
        cr_assert_str_eq(response->text, text);
    }
}

Test(client, server_stream_to_its_end)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoManyResponse *response;

    cr_assert_eq(echo_client_echo_many(call, many(5000, 0, "again")), STATUS_OK);
    expect_many(call, 5000, "again");
    cr_expect_eq(echo_client_echo_many_receive(call, &response), STATUS_OUT_OF_RANGE);
    cr_expect_eq(echo_client_echo_many_receive(call, &response), STATUS_OUT_OF_RANGE,
                 "the end stays the end");
}

Test(client, server_stream_that_fails_after_messages)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoManyRequest *request = many(3, 0, "then");
    EchoManyResponse *response;

    request->end_code = STATUS_DATA_LOSS;
    cr_assert_eq(echo_client_echo_many(call, request), STATUS_OK);
    expect_many(call, 3, "then");
    cr_expect_eq(echo_client_echo_many_receive(call, &response), STATUS_DATA_LOSS);
    cr_expect_str_eq(client_call_message(call), "asked to fail");
}

/* Nobody reads the stream, whose messages are more than its window; calls beside it go on. */
Test(client, unread_stream_holds_nobody_up)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    char text[1001];
    EchoManyResponse *response;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_assert_eq(echo_client_echo_many(call, many(2000, 0, text)), STATUS_OK);
    for (int i = 0; i < 50; i++)
        expect_echo("beside it");
    expect_many(call, 2000, text);
    cr_expect_eq(echo_client_echo_many_receive(call, &response), STATUS_OUT_OF_RANGE);
}

Test(client, client_stream_larger_than_the_queue)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    CollectRequest *request = CollectRequest_new(arena);
    CollectResponse *response = NULL;
    char text[1001];

    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    request->text = text;
    cr_assert_eq(echo_client_collect(call), STATUS_OK);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(echo_client_collect_send(call, request), STATUS_OK, "%s",
                     client_call_message(call));
    cr_assert_eq(echo_client_collect_close_send(call), STATUS_OK);
    cr_assert_eq(echo_client_collect_receive(call, &response), STATUS_OK, "%s",
                 client_call_message(call));
    cr_expect_eq(response->count, 1000);
    cr_expect_eq(strlen(response->text), 1000 * 1000);
    cr_expect_eq(echo_client_collect_receive(call, &response), STATUS_OUT_OF_RANGE);
}

/* Two conversations on one connection, word by word. */
Test(client, bidirectional_streams_interleave)
{
    CLEANUP(client_call_freep) struct rpc_client_call *left = client_call_new(client, arena);
    CLEANUP(client_call_freep) struct rpc_client_call *right = client_call_new(client, arena);
    struct rpc_client_call *calls[2] = {left, right};
    ChatRequest *request = ChatRequest_new(arena);
    ChatResponse *response = NULL;

    cr_assert_eq(echo_client_chat(left), STATUS_OK);
    cr_assert_eq(echo_client_chat(right), STATUS_OK);
    for (int i = 0; i < 100; i++) {
        request->text = arena_printf(arena, "word %d", i);
        cr_assert_eq(echo_client_chat_send(calls[i % 2], request), STATUS_OK);
        cr_assert_eq(echo_client_chat_receive(calls[i % 2], &response), STATUS_OK);
        cr_expect_str_eq(response->text, request->text);
    }
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(echo_client_chat_close_send(calls[i]), STATUS_OK);
        cr_expect_eq(echo_client_chat_receive(calls[i], &response), STATUS_OUT_OF_RANGE);
    }
}

/* --- the end of time, and other ends --- */

Test(client, deadline_ends_the_call)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    SleepRequest *request = SleepRequest_new(arena);
    uint64_t start_ms = clock_monotonic_ms();
    SleepResponse *response;

    request->duration_ms = 20000;
    client_call_set_timeout(call, 150);
    cr_expect_eq(echo_client_sleep(call, request, &response), STATUS_DEADLINE_EXCEEDED);
    cr_expect_geq(clock_monotonic_ms() - start_ms, 140);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 5000);
    expect_echo("still usable");
}

Test(client, deadline_ends_a_stream)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = client_call_new(client, arena);
    EchoManyResponse *response;
    enum status status;

    client_call_set_timeout(call, 200);
    cr_assert_eq(echo_client_echo_many(call, many(1000, 50, "tick")), STATUS_OK);
    while ((status = echo_client_echo_many_receive(call, &response)) == STATUS_OK)
        ;
    cr_expect_eq(status, STATUS_DEADLINE_EXCEEDED);
}

Test(client, cancelled_and_abandoned_calls_leave_the_connection_usable)
{
    struct rpc_client_call *call = client_call_new(client, arena);
    EchoManyResponse *response;

    cr_assert_eq(echo_client_echo_many(call, many(100000, 0, "endless")), STATUS_OK);
    expect_many(call, 3, "endless");
    client_call_cancel(call);
    while (echo_client_echo_many_receive(call, &response) == STATUS_OK)
        ;
    cr_expect_eq(echo_client_echo_many_receive(call, &response), STATUS_CANCELLED);
    client_call_free(call);

    call = client_call_new(client, arena);
    cr_assert_eq(echo_client_echo_many(call, many(100000, 1, "endless")), STATUS_OK);
    client_call_free(call);
    client_call_free(client_call_new(client, arena)); /* never opened */
    expect_echo("still usable");
}

Test(client, lost_connection_ends_every_call)
{
    CLEANUP(client_call_freep) struct rpc_client_call *left = client_call_new(client, arena);
    CLEANUP(client_call_freep) struct rpc_client_call *right = client_call_new(client, arena);
    CLEANUP(client_call_freep) struct rpc_client_call *later = client_call_new(client, arena);
    EchoManyResponse *response;
    EchoResponse *echo;

    cr_assert_eq(echo_client_echo_many(left, many(1000, 1000, "tick")), STATUS_OK);
    cr_assert_eq(echo_client_echo_many(right, many(1000, 1000, "tick")), STATUS_OK);
    expect_many(left, 1, "tick");
    expect_many(right, 1, "tick");
    server_kill(&server);
    cr_expect_eq(echo_client_echo_many_receive(left, &response), STATUS_UNAVAILABLE);
    cr_expect_eq(echo_client_echo_many_receive(right, &response), STATUS_UNAVAILABLE);
    cr_expect_str_eq(client_call_message(right), "the connection was lost");
    cr_expect_not(client_is_connected(client));
    cr_expect_eq(echo_text(later, "too late", &echo), STATUS_UNAVAILABLE);
    cr_expect_gt(client_call_attempts(later), 1, "what never left may be tried again");
    cr_expect_not_null(strstr(client_call_message(later), "Connection refused"));
}

/* --- connecting --- */

static void expect_no_client(const char *target, const struct client_config *config,
                             const char *sentence)
{
    struct client *none = NULL;
    char error[256] = "";

    cr_expect_eq(client_new(target, config, &none, error, sizeof(error)), STATUS_INVALID_ARGUMENT,
                 "%s", target);
    cr_expect_null(none);
    cr_expect_not_null(strstr(error, sentence), "'%s' does not say '%s'", error, sentence);
}

static void expect_no_connection(const char *target, const struct client_config *config,
                                 const char *sentence)
{
    CLEANUP(client_freep) struct client *lonely = new_client(target, config);

    cr_expect_eq(client_connect(lonely), STATUS_UNAVAILABLE, "%s", target);
    cr_expect_not(client_is_connected(lonely));
    cr_expect_not_null(strstr(client_error(lonely), sentence), "'%s' does not say '%s'",
                       client_error(lonely), sentence);
}

Test(connecting, refuses_what_is_no_target)
{
    static const char *const targets[] = {"",
                                          "host:80",
                                          "http://host",
                                          "http://:80",
                                          "http://host:",
                                          "http://host:80/path",
                                          "http://host:http",
                                          "http://host:123456",
                                          "http://user@host:80",
                                          "http://ho st:80",
                                          "ftp://host:80"};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        expect_no_client(targets[i], NULL, "is no target");
}

Test(connecting, says_why_there_is_no_connection)
{
    expect_no_connection("http://127.0.0.1:1", NULL, "Connection refused");
    expect_no_connection("http://no-such-host.invalid:1", NULL,
                         "cannot resolve 'no-such-host.invalid'");
}

static const char *target_by_name(void)
{
    static char target[64];

    snprintf(target, sizeof(target), "https://localhost%s", strrchr(server.target, ':'));
    return target;
}

Test(connecting, tls_by_a_vouched_for_name, .timeout = 60)
{
    struct client_config config = {0};

    arena = arena_new();
    server_start(&server, true);
    config.ca_file = server.certificate;
    client = new_client(target_by_name(), &config);
    expect_echo("through TLS");
    client_free(client);
    server_stop(&server);
    arena_free(arena);
}

Test(connecting, tls_trusts_nobody_without_reason, .timeout = 60)
{
    struct client_config config = {0};

    server_start(&server, true);
    expect_no_connection(target_by_name(), &config,
                         "the server's certificate is not trusted: self-signed certificate");
    config.ca_file = server.certificate;
    expect_no_connection(server.target, &config,
                         "the server's certificate is not trusted: IP address mismatch");
    server_stop(&server);
}

/* Its name is not looked at either. */
Test(connecting, tls_trusts_anyone_when_told_to, .timeout = 60)
{
    struct client_config config = {.trust_anyone = true};

    arena = arena_new();
    server_start(&server, true);
    client = new_client(server.target, &config);
    expect_echo("in the dark");
    client_free(client);
    server_stop(&server);
    arena_free(arena);
}

Test(connecting, refuses_files_it_cannot_use)
{
    struct client_config config = {.ca_file = "/nowhere/authorities.pem"};

    expect_no_client("https://localhost:1", &config,
                     "cannot read the authorities /nowhere/authorities.pem");
    config = (struct client_config){.certificate_file = "/nowhere/certificate.pem"};
    expect_no_client("https://localhost:1", &config,
                     "cannot use the certificate /nowhere/certificate.pem");
}

/* A server that accepts and says nothing must not be waited for longer than asked. */
Test(connecting, tls_handshake_has_a_deadline, .timeout = 60)
{
    struct client_config config = {.connect_timeout_ms = 300};
    uint64_t start_ms = clock_monotonic_ms();
    char target[64];
    uint16_t port;
    int fd = server_listen_silently(&port);

    snprintf(target, sizeof(target), "https://127.0.0.1:%u", port);
    expect_no_connection(target, &config, "the TLS handshake took too long");
    cr_expect_lt(clock_monotonic_ms() - start_ms, 5000);
    close(fd);
}
