/* floor.c - what the kernel alone takes for a delivery: a process that does nothing but send() a
 * small message to each of its connections, read by this one. */
#include "base/clock.h"
#include "tools/loadgen/link.h"
#include "tools/loadgen/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_BYTES 120 /* about a short chat message in its frames */
#define EVENTS 256

static int listen_somewhere(struct sockaddr_in *ret_address)
{
    socklen_t length = sizeof(*ret_address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, length) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)ret_address, &length) != 0)
        fail("cannot listen: %s", strerror(errno));
    return fd;
}

/* The other process, as long as this one lives. Never returns. */
static void send_until_told(const struct options *options, const int *sockets)
{
    char message[MESSAGE_BYTES] = {0};
    useconds_t interval_us = (useconds_t)(1e6 / options->rate);
    pid_t parent = getppid();

    while (getppid() == parent) {
        for (unsigned i = 0; i < options->connections; i++)
            if (send(sockets[i], message, sizeof(message), MSG_NOSIGNAL) < 0)
                _exit(0);
        usleep(interval_us);
    }
    _exit(0);
}

static uint64_t read_for_ms(int epoll, uint64_t duration_ms)
{
    uint64_t end_ms = clock_monotonic_ms() + duration_ms, now_ms, read_bytes = 0;
    struct epoll_event events[EVENTS];
    char bytes[4096];

    while ((now_ms = clock_monotonic_ms()) < end_ms) {
        int count = epoll_wait(epoll, events, EVENTS, (int)(end_ms - now_ms));
        for (int i = 0; i < count; i++) {
            ssize_t length = recv(events[i].data.fd, bytes, sizeof(bytes), 0);
            read_bytes += length > 0 ? (uint64_t)length : 0;
        }
    }
    return read_bytes / MESSAGE_BYTES;
}

/* Connects this process to itself: ends of one side in `ours`, of the other in `theirs`. */
static void connect_all(const struct options *options, int epoll, int *ours, int *theirs)
{
    struct sockaddr_in address;
    int listener = listen_somewhere(&address);

    for (unsigned i = 0; i < options->connections; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        ours[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (ours[i] < 0 || connect(ours[i], (struct sockaddr *)&address, sizeof(address)) != 0 ||
            (theirs[i] = accept(listener, NULL, NULL)) < 0)
            fail("connection %u: %s", i, strerror(errno));
        event.data.fd = ours[i];
        epoll_ctl(epoll, EPOLL_CTL_ADD, ours[i], &event);
    }
    close(listener);
}

void run_floor(const struct options *options)
{
    int *ours = calloc(options->connections, sizeof(int));
    int *theirs = calloc(options->connections, sizeof(int));
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct options measured = *options;
    struct cpu_reading before, after;
    uint64_t delivered;

    if (ours == NULL || theirs == NULL || epoll < 0)
        abort();
    connect_all(options, epoll, ours, theirs);
    measured.pid = fork();
    if (measured.pid < 0)
        fail("fork: %s", strerror(errno));
    if (measured.pid == 0)
        send_until_told(options, theirs);
    read_for_ms(epoll, options->warmup_ms);
    cpu_read(&before, &measured);
    delivered = read_for_ms(epoll, options->duration_ms);
    cpu_read(&after, &measured);
    cpu_print(&measured, &before, &after, "delivery_cpu_us", "deliveries", delivered);
    kill(measured.pid, SIGKILL);
    waitpid(measured.pid, NULL, 0);
    for (unsigned i = 0; i < options->connections; i++) {
        close(ours[i]);
        close(theirs[i]);
    }
    close(epoll);
    free(ours);
    free(theirs);
}
