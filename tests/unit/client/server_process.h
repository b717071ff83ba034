/* server_process.h - an echo-server of the test's own, in another process. */
#ifndef WAYSTONE_TESTS_UNIT_CLIENT_SERVER_PROCESS_H
#define WAYSTONE_TESTS_UNIT_CLIENT_SERVER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct server_process {
    pid_t pid; /* 0: not running */
    char target[64];
    char directory[64]; /* with TLS: holds certificate.pem and key.pem */
    char certificate[128];
};

/* Starts the program named by ECHO_SERVER and waits until it takes connections. With `tls`, it
 * has a certificate for "localhost", not for its address, that only `certificate` vouches for.
 * Fails the test if it does not start. */
void server_start(struct server_process *server, bool tls);

/* As if the machine had lost power. */
void server_kill(struct server_process *server);

/* SIGTERM; fails the test unless the server ends well, which a sanitizer's report prevents. */
void server_stop(struct server_process *server);

/* A listening socket nobody accepts from. */
int server_listen_silently(uint16_t *ret_port);

#endif
