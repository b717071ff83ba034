/* validate-bench - CPU time of validating typical messages, one JSON line each. */
#include <stdio.h>
#include <time.h>

#include "rules.h"
#include "waystone/auth/v1/auth.h"
#include "waystone/chat/v1/chat.h"

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const char *name, const ProtobufCMessage *message)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct violations violations = {.arena = arena};
    unsigned long count = 0;
    double start = cpu_seconds(), used;

    do {
        for (int i = 0; i < 10000; i++)
            message_validate(message, &violations);
        count += 10000;
        used = cpu_seconds() - start;
    } while (used < 1);
    printf("{\"name\":\"validate_%s_us\",\"value\":%.4f,\"violations\":%zu}\n", name,
           used * 1e6 / (double)count, violations.count);
}

int main(void)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    RegisterRequest *account = RegisterRequest_new(arena);
    SendMessageRequest *message = SendMessageRequest_new(arena);
    Names *names = Names_new(arena);

    account->user_name = "Thessaly-of-the_Reach";
    account->email = "thessaly@mail.example.org";
    account->password = "a long enough password";
    measure("register", &account->base);
    message->channel_id = 1;
    message->character_id = 90210;
    message->text = "Does anybody still have the map of the lower caves? We leave at dusk, with or "
                    "without it.";
    measure("send_message", &message->base);
    names->email = "thessaly@mail.example.org";
    names->uri_ref = "https://example.org/guilds/17?tab=members#top";
    names->protobuf_fqn = "waystone.chat.v1.Message";
    names->protobuf_dot_fqn = ".waystone.chat.v1.Message";
    names->header_name = names->loose_name = "x-request-id";
    names->header_value = names->loose_value = "660c72bff3b7d8a3";
    measure("eight_forms", &names->base);
    return 0;
}
