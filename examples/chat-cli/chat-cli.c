/* chat-cli - says a line in the Global channel and follows it: an example of a program that uses
 * the installed client library and nothing else of Waystone's tree.
 *
 *     chat-cli [-c AUTHORITIES.pem] [-n MESSAGES] TARGET LOGIN [LINE]
 *
 * The password comes from the environment variable WAYSTONE_PASSWORD, or is asked for. Each
 * function that may fail returns a status; the reason is told where it happened. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/client.h"
#include "waystone/auth/v1/auth_client.h"
#include "waystone/character/v1/character_client.h"
#include "waystone/chat/v1/chat_client.h"

#define CALL_TIMEOUT_MS 10000

struct chat {
    struct client *client;
    struct arena *arena; /* of what the program keeps */
    const char *bearer;  /* "Bearer ..."; NULL: not signed in */
    int64_t channel_id;  /* Global */
    int64_t sequence;    /* of the last message that was seen */
    int messages_left;   /* to follow; -1: without end */
};

static struct rpc_client_call *new_call(const struct chat *chat, uint32_t timeout_ms)
{
    struct rpc_client_call *call = client_call_new(chat->client, chat->arena);

    client_call_set_timeout(call, timeout_ms);
    if (chat->bearer != NULL)
        client_call_add_header(call, "authorization", chat->bearer);
    return call;
}

static enum status tell(const struct rpc_client_call *call, const char *what, enum status status)
{
    if (status != STATUS_OK)
        fprintf(stderr, "chat-cli: cannot %s: %s (%s)\n", what, client_call_message(call),
                status_name(status));
    return status;
}

/* --- signing in --- */

static enum status sign_in(struct chat *chat, const char *login, const char *password)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = new_call(chat, CALL_TIMEOUT_MS);
    SignInRequest *request = SignInRequest_new(chat->arena);
    SignInResponse *response;

    request->login = arena_strdup(chat->arena, login);
    request->password = arena_strdup(chat->arena, password);
    TRY(tell(call, "sign in", auth_client_sign_in(call, request, &response)));
    chat->bearer = arena_printf(chat->arena, "Bearer %s", response->session->access_token);
    printf("signed in as %s\n", response->session->account->user_name);
    return STATUS_OK;
}

/* --- channels --- */

static enum status list_channels(struct chat *chat)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = new_call(chat, CALL_TIMEOUT_MS);
    ListChannelsRequest *request = ListChannelsRequest_new(chat->arena);
    ListChannelsResponse *response;

    TRY(tell(call, "list the channels", chat_client_list_channels(call, request, &response)));
    for (size_t i = 0; i < response->n_channels; i++) {
        const Channel *channel = response->channels[i];
        printf("channel %s, %lld messages\n", channel->name, (long long)channel->last_sequence);
        if (channel->kind != CHANNEL_KIND_GLOBAL)
            continue;
        chat->channel_id = channel->id;
        chat->sequence = channel->last_sequence;
    }
    if (chat->channel_id == 0) {
        fprintf(stderr, "chat-cli: there is no Global channel\n");
        return STATUS_NOT_FOUND;
    }
    return STATUS_OK;
}

/* --- saying something --- */

static enum status find_character(const struct chat *chat, int64_t *ret_id)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = new_call(chat, CALL_TIMEOUT_MS);
    ListCharactersRequest *request = ListCharactersRequest_new(chat->arena);
    ListCharactersResponse *response;

    TRY(tell(call, "list the characters",
             character_client_list_characters(call, request, &response)));
    if (response->n_characters == 0) {
        fprintf(stderr, "chat-cli: the account has no character to speak as\n");
        return STATUS_FAILED_PRECONDITION;
    }
    *ret_id = response->characters[0]->id;
    return STATUS_OK;
}

/* A random key makes it safe to send the line again when an answer is lost: it is said once. */
static char *new_key(struct arena *arena)
{
    unsigned long long random[2];

    if (getrandom(random, sizeof(random), 0) != sizeof(random))
        abort();
    return arena_printf(arena, "%016llx%016llx", random[0], random[1]);
}

static enum status say(const struct chat *chat, const char *line)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = new_call(chat, CALL_TIMEOUT_MS);
    SendMessageRequest *request = SendMessageRequest_new(chat->arena);
    SendMessageResponse *response;

    TRY(find_character(chat, &request->character_id));
    request->channel_id = chat->channel_id;
    request->text = arena_strdup(chat->arena, line);
    request->idempotency_key = new_key(chat->arena);
    return tell(call, "say it", chat_client_send_message(call, request, &response));
}

/* --- following --- */

static void show(struct chat *chat, const Message *message)
{
    printf("%lld %s: %s\n", (long long)message->sequence, message->character_name, message->text);
    fflush(stdout);
    chat->sequence = message->sequence;
    if (chat->messages_left > 0)
        chat->messages_left--;
}

/* Messages live in arenas of their own: the stream may go on for days. */
static enum status receive_one(struct chat *chat, struct rpc_client_call *call)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    StreamMessagesResponse *event;

    client_call_set_message_arena(call, arena);
    TRY(chat_client_stream_messages_receive(call, &event));
    if (event->event_case == STREAM_MESSAGES_RESPONSE_EVENT_MESSAGE)
        show(chat, event->message);
    return STATUS_OK;
}

static enum status follow_once(struct chat *chat)
{
    CLEANUP(client_call_freep) struct rpc_client_call *call = new_call(chat, 0);
    StreamMessagesRequest *request = StreamMessagesRequest_new(chat->arena);
    enum status status;

    request->channel_id = chat->channel_id;
    request->has_after_sequence = 1;
    request->after_sequence = chat->sequence;
    client_call_wait_for_ready(call);
    status = chat_client_stream_messages(call, request);
    while (status == STATUS_OK && chat->messages_left != 0)
        status = receive_one(chat, call);
    if (status == STATUS_OK || status == STATUS_UNAVAILABLE || status == STATUS_OUT_OF_RANGE)
        return status;
    return tell(call, "follow the channel", status);
}

/* A server that restarts ends the stream; the next one goes on behind the last message. */
static enum status follow(struct chat *chat)
{
    enum status status = STATUS_OK;

    while (chat->messages_left != 0) {
        status = follow_once(chat);
        if (status != STATUS_UNAVAILABLE && status != STATUS_OUT_OF_RANGE)
            break;
        fprintf(stderr, "chat-cli: the stream has ended; going on after message %lld\n",
                (long long)chat->sequence);
        sleep(1);
    }
    return status;
}

/* --- the program --- */

static int usage(void)
{
    fputs("usage: chat-cli [-c AUTHORITIES.pem] [-n MESSAGES] http[s]://HOST:PORT LOGIN [LINE]\n",
          stderr);
    return 2;
}

static enum status run(struct chat *chat, const char *login, const char *line)
{
    const char *password = getenv("WAYSTONE_PASSWORD");

    if (password == NULL)
        password = getpass("Password: ");
    TRY(sign_in(chat, login, password != NULL ? password : ""));
    TRY(list_channels(chat));
    if (line != NULL)
        TRY(say(chat, line));
    return follow(chat);
}

int main(int argc, char **argv)
{
    struct client_config config = {0};
    struct chat chat = {.messages_left = -1};
    enum status status;
    char error[256];
    int option;

    while ((option = getopt(argc, argv, "c:n:")) != -1) {
        if (option == 'c')
            config.ca_file = optarg;
        else if (option == 'n')
            chat.messages_left = (int)strtol(optarg, NULL, 10);
        else
            return usage();
    }
    if (argc - optind < 2 || argc - optind > 3)
        return usage();
    if (client_new(argv[optind], &config, &chat.client, error, sizeof(error)) != STATUS_OK) {
        fprintf(stderr, "chat-cli: %s\n", error);
        return 2;
    }
    chat.arena = arena_new();
    status = run(&chat, argv[optind + 1], argv[optind + 2]);
    client_free(chat.client);
    arena_free(chat.arena);
    return status == STATUS_OK ? 0 : 1;
}
