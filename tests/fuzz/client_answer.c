/* Any bytes as the answer of a server, to the C client's session: no input makes it crash, hang or
 * hand out a message after the call's end. The first byte chooses whether the rest are frames, or
 * the data of an answer that is otherwise well-formed. */
#include <stdlib.h>
#include <string.h>

#include "client/internal.h"
#include "waystone/chat/v1/chat.h"

#define STREAM 1
#define HEADER_BYTES 9

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct client_method method = {"/fuzz.v1.FuzzService/Fuzz",
                                            &StreamMessagesResponse_type, true};

/* --- a driver that never waits: what is there is all there will be --- */

static enum status give_up(struct client *client, struct client_waiter **waiters, uint64_t until_us)
{
    return STATUS_CANCELLED;
}

static void wake(struct client *client, struct client_waiter **waiters)
{
}

static void ignore(struct client_connection *connection)
{
}

static bool attend(struct client_connection *connection)
{
    return true;
}

static void remind(struct client *client, uint64_t at_us)
{
}

static const struct client_driver driver = {
    .wait = give_up,
    .wake = wake,
    .flush = ignore,
    .attend = attend,
    .remind = remind,
    .forget = ignore,
};

/* --- frames --- */

static void receive_frame(struct client_connection *connection, uint8_t type, uint8_t flags,
                          int32_t stream, const void *payload, size_t length)
{
    uint8_t header[HEADER_BYTES] = {
        (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type, flags, 0, 0, 0,
        (uint8_t)stream};

    (void)client_session_receive(connection, header, sizeof(header));
    (void)client_session_receive(connection, payload, length);
}

/* ":status: 200", "content-type: application/grpc", "grpc-encoding: gzip" */
static const char head[] = "\x88\x5f\x10"
                           "application/grpc"
                           "\x00\x0d"
                           "grpc-encoding"
                           "\x04"
                           "gzip";
static const char tail[] = "\x00\x0b"
                           "grpc-status"
                           "\x01"
                           "0";

static void receive_answer(struct client_connection *connection, const uint8_t *data, size_t size)
{
    receive_frame(connection, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, STREAM, head,
                  sizeof(head) - 1);
    for (size_t at = 0; at < size; at += 1000)
        receive_frame(connection, NGHTTP2_DATA, 0, STREAM, data + at,
                      size - at < 1000 ? size - at : 1000);
    receive_frame(connection, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
                  STREAM, tail, sizeof(tail) - 1);
}

/* --- a call without a socket --- */

static void send_all(struct client_connection *connection)
{
    const uint8_t *bytes;

    while (nghttp2_session_mem_send(connection->session, &bytes) > 0)
        ;
}

static void check_call(struct rpc_client_call *call)
{
    ProtobufCMessage *message;
    enum status first, second;

    while ((first = client_receive(call, &message)) == STATUS_OK)
        if (message->descriptor != &StreamMessagesResponse_type.descriptor)
            abort();
    second = client_receive(call, &message);
    if (second != first || call->state != CALL_ENDED || call->connection != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t settings[1];
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct client *client;
    struct client_connection connection = {.state = CONNECTION_UP};
    struct rpc_client_call *call;
    StreamMessagesRequest *request = StreamMessagesRequest_new(arena);
    char error[256];

    if (size == 0)
        return 0;
    if (client_new("http://localhost:1", NULL, &client, error, sizeof(error)) != STATUS_OK)
        abort();
    client->driver = &driver;
    client->config.retry.max_attempts = 1;
    connection.client = client;
    client_session_open(&connection);
    call = client_call_new(client, arena);
    call->method = &method;
    call->single = call->send_closed = true;
    message_encode(&request->base, &call->outgoing);
    client_session_submit(&connection, call);
    send_all(&connection);
    receive_frame(&connection, NGHTTP2_SETTINGS, 0, 0, settings, 0);
    if (data[0] & 1)
        receive_answer(&connection, data + 1, size - 1);
    else
        (void)client_session_receive(&connection, data + 1, size - 1);
    send_all(&connection);
    check_call(call);
    client_call_free(call);
    nghttp2_session_del(connection.session);
    client_free(client);
    return 0;
}
