/* Signs in, lists the channels and follows the first one until interrupted.
 *
 * usage: example URL LOGIN PASSWORD [MESSAGES]    ends after so many messages, if given */
#include <stdio.h>
#include <stdlib.h>

#include "client/client.h"
#include "waystone/auth/v1/auth_client.h"
#include "waystone/chat/v1/chat_client.h"

#define CALL_TIMEOUT_MS 10000

struct session {
    struct client *client;
    struct arena *arena; /* of what lives as long as the program */
    const char *bearer;  /* "Bearer ..." */
    int64_t channel_id;
    int messages_left; /* -1: without end */
};

static enum status tell(const struct rpc_client_call *call, enum status status)
{
    if (status != STATUS_OK)
        fprintf(stderr, "%s: %s\n", status_name(status), client_call_message(call));
    return status;
}

static enum status sign_in(struct session *session, const char *login, const char *password)
{
    CLEANUP(client_call_freep)
    struct rpc_client_call *call = client_call_new(session->client, session->arena);
    SignInRequest *request = SignInRequest_new(session->arena);
    SignInResponse *response;

    client_call_set_timeout(call, CALL_TIMEOUT_MS);
    request->login = arena_strdup(session->arena, login);
    request->password = arena_strdup(session->arena, password);
    TRY(tell(call, auth_client_sign_in(call, request, &response)));
    if (response->result_case != SIGN_IN_RESPONSE_RESULT_SESSION) {
        fprintf(stderr, "The account wants a second factor.\n");
        return STATUS_FAILED_PRECONDITION;
    }
    session->bearer = arena_printf(session->arena, "Bearer %s", response->session->access_token);
    return STATUS_OK;
}

static enum status list_channels(struct session *session)
{
    CLEANUP(client_call_freep)
    struct rpc_client_call *call = client_call_new(session->client, session->arena);
    ListChannelsRequest *request = ListChannelsRequest_new(session->arena);
    ListChannelsResponse *response;

    client_call_set_timeout(call, CALL_TIMEOUT_MS);
    client_call_add_header(call, "authorization", session->bearer);
    TRY(tell(call, chat_client_list_channels(call, request, &response)));
    for (size_t i = 0; i < response->n_channels; i++)
        printf("#%s\n", response->channels[i]->name);
    if (response->n_channels == 0)
        return STATUS_NOT_FOUND;
    session->channel_id = response->channels[0]->id;
    return STATUS_OK;
}

/* Each message lives in an arena of its own: the stream may go on for days. */
static enum status receive_one(struct session *session, struct rpc_client_call *call)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    StreamMessagesResponse *answer;

    client_call_set_message_arena(call, arena);
    TRY(tell(call, chat_client_stream_messages_receive(call, &answer)));
    if (answer->event_case == STREAM_MESSAGES_RESPONSE_EVENT_CAUGHT_UP)
        puts("-- live --");
    if (answer->event_case == STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE) {
        printf("%s: %s\n", answer->message->character_name, answer->message->text);
        session->messages_left--;
    }
    fflush(stdout);
    return STATUS_OK;
}

static enum status follow(struct session *session)
{
    CLEANUP(client_call_freep)
    struct rpc_client_call *call = client_call_new(session->client, session->arena);
    StreamMessagesRequest *request = StreamMessagesRequest_new(session->arena);

    client_call_add_header(call, "authorization", session->bearer);
    request->channel_id = session->channel_id;
    request->has_after_sequence = 1; /* from the beginning */
    TRY(tell(call, chat_client_stream_messages(call, request)));
    while (session->messages_left != 0)
        TRY(receive_one(session, call));
    return STATUS_OK;
}

static enum status run(struct session *session, const char *login, const char *password)
{
    TRY(sign_in(session, login, password));
    TRY(list_channels(session));
    return follow(session);
}

int main(int argc, char **argv)
{
    struct session session = {.messages_left = argc == 5 ? atoi(argv[4]) : -1};
    enum status status;
    char error[256];

    if (argc < 4 || argc > 5) {
        fputs("usage: example URL LOGIN PASSWORD [MESSAGES]\n", stderr);
        return 1;
    }
    if (client_new(argv[1], NULL, &session.client, error, sizeof(error)) != STATUS_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    session.arena = arena_new();
    status = run(&session, argv[2], argv[3]);
    client_free(session.client);
    arena_free(session.arena);
    return status == STATUS_OK ? 0 : 1;
}
