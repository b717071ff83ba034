/* fake_exchange.h - a request of gRPC-Web without a socket. */
#ifndef WAYSTONE_TESTS_UNIT_SERVER_FAKE_EXCHANGE_H
#define WAYSTONE_TESTS_UNIT_SERVER_FAKE_EXCHANGE_H

#include "server/call.h"

/* A POST to `path`, freed with its call. */
struct exchange *fake_exchange_new(struct loop *loop, const char *path);

/* The whole request: one empty message. */
void fake_exchange_send(struct exchange *exchange);

/* The body that was written since an answer was started last; to be freed. */
struct buffer *fake_exchange_answer(void);

/* Sends it, runs a tick, and returns the status in the answer's trailers; fails the test when
 * there is none. */
int fake_exchange_call(struct rpc_server *server, struct loop *loop, const char *path);

#endif
