#include "tests/unit/client/server_process.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 20000

static int loopback_socket(uint16_t port, struct sockaddr_in *address)
{
    *address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int bound_socket(uint16_t *ret_port)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int fd = loopback_socket(0, &address);

    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    uint16_t port;

    close(bound_socket(&port));
    return port;
}

int server_listen_silently(uint16_t *ret_port)
{
    int fd = bound_socket(ret_port);

    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static bool takes_connections(uint16_t port)
{
    struct sockaddr_in address;
    int fd = loopback_socket(port, &address);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return connected;
}

static void make_certificate(struct server_process *server)
{
    char command[600];

    snprintf(server->directory, sizeof(server->directory), "/tmp/waystone-client-XXXXXX");
    cr_assert_not_null(mkdtemp(server->directory));
    snprintf(server->certificate, sizeof(server->certificate), "%s/certificate.pem",
             server->directory);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=localhost -addext subjectAltName=DNS:localhost "
             "-keyout %s/key.pem -out %s 2>/dev/null",
             server->directory, server->certificate);
    cr_assert_eq(system(command), 0, "openssl cannot make a certificate");
}

static void run(const struct server_process *server, const char *program, uint16_t port)
{
    char number[8], key[128];

    snprintf(number, sizeof(number), "%u", port);
    snprintf(key, sizeof(key), "%s/key.pem", server->directory);
    if (server->certificate[0] != '\0')
        execl(program, program, number, server->certificate, key, (char *)NULL);
    else
        execl(program, program, number, (char *)NULL);
    _Exit(127);
}

void server_start(struct server_process *server, bool tls)
{
    const char *program = getenv("ECHO_SERVER");
    uint16_t port = free_port();
    int waited_ms = 0;

    *server = (struct server_process){0};
    cr_assert_not_null(program, "ECHO_SERVER must name the program");
    if (tls)
        make_certificate(server);
    server->pid = fork();
    if (server->pid == 0)
        run(server, program, port);
    snprintf(server->target, sizeof(server->target), "%s://127.0.0.1:%u", tls ? "https" : "http",
             port);
    for (; !takes_connections(port) && waited_ms < START_MS; waited_ms += 10) {
        cr_assert_eq(waitpid(server->pid, NULL, WNOHANG), 0, "the echo-server did not start");
        usleep(10000);
    }
    cr_assert_lt(waited_ms, START_MS);
}

static void remove_certificate(const struct server_process *server)
{
    char key[128];

    if (server->directory[0] == '\0')
        return;
    snprintf(key, sizeof(key), "%s/key.pem", server->directory);
    unlink(key);
    unlink(server->certificate);
    rmdir(server->directory);
}

static int end(struct server_process *server, int signal_number)
{
    int status = 0;

    if (server->pid == 0)
        return 0;
    kill(server->pid, signal_number);
    waitpid(server->pid, &status, 0);
    server->pid = 0;
    remove_certificate(server);
    return status;
}

void server_kill(struct server_process *server)
{
    (void)end(server, SIGKILL);
}

void server_stop(struct server_process *server)
{
    int status = end(server, SIGTERM);

    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0,
              "the echo-server ended with status %d, signal %d",
              WIFEXITED(status) ? WEXITSTATUS(status) : 0,
              WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}
