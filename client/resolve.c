/* getaddrinfo() blocks for as long as name servers take. It runs on a thread of its own, which
 * shares nothing with the client but a reference-counted record, so that either may go first. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/transport.h"

struct client_resolution {
    atomic_int references;
    atomic_bool done;
    int fd;
    char *host, *port;
    struct addrinfo *addresses;
    int error;
};

static void unref(struct client_resolution *resolution)
{
    if (atomic_fetch_sub(&resolution->references, 1) > 1)
        return;
    if (resolution->addresses != NULL)
        freeaddrinfo(resolution->addresses);
    close(resolution->fd);
    free(resolution->host);
    free(resolution->port);
    free(resolution);
}

static void finish(struct client_resolution *resolution)
{
    uint64_t one = 1;

    atomic_store(&resolution->done, true);
    if (write(resolution->fd, &one, sizeof(one)) < 0)
        abort(); /* an eventfd takes its first number */
}

static void look_up(struct client_resolution *resolution, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags};

    resolution->error =
        getaddrinfo(resolution->host, resolution->port, &hints, &resolution->addresses);
    if (resolution->error == EAI_NONAME && (flags & AI_NUMERICHOST))
        return;
    finish(resolution);
}

static void *run(void *argument)
{
    look_up(argument, 0);
    unref(argument);
    return NULL;
}

static void start_thread(struct client_resolution *resolution)
{
    pthread_attr_t attributes;
    pthread_t thread;

    atomic_fetch_add(&resolution->references, 1);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, run, resolution) != 0) {
        resolution->error = EAI_AGAIN;
        finish(resolution);
        atomic_fetch_sub(&resolution->references, 1); /* the caller's is left */
    }
    pthread_attr_destroy(&attributes);
}

struct client_resolution *client_resolve(const char *host, const char *port)
{
    struct client_resolution *resolution = calloc(1, sizeof(*resolution));

    if (resolution == NULL || (resolution->host = strdup(host)) == NULL ||
        (resolution->port = strdup(port)) == NULL ||
        (resolution->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        abort();
    resolution->references = 1;
    look_up(resolution, AI_NUMERICHOST);
    if (!atomic_load(&resolution->done))
        start_thread(resolution);
    return resolution;
}

int client_resolution_fd(const struct client_resolution *resolution)
{
    return resolution->fd;
}

bool client_resolution_take(struct client_resolution *resolution, struct addrinfo **ret_addresses,
                            int *ret_error)
{
    if (!atomic_load(&resolution->done))
        return false;
    *ret_addresses = resolution->addresses;
    *ret_error = resolution->error;
    resolution->addresses = NULL;
    return true;
}

void client_resolution_free(struct client_resolution *resolution)
{
    if (resolution != NULL)
        unref(resolution);
}
