/* idempotency.h - the first answer of a call, for whoever repeats it.
 *
 * The answer is stored in the transaction of its effect: either both are there or neither.
 * Keys belong to an account and a method; a key that comes with another request is refused.
 * Calls whose answers hold secrets do not use this. */
#ifndef WAYSTONE_HANDLERS_IDEMPOTENCY_H
#define WAYSTONE_HANDLERS_IDEMPOTENCY_H

#include "handlers/app.h"
#include "server/rpc.h"

/* Fills `response` with the stored answer. NOT_FOUND if the key is new (or empty: no key);
 * FAILED_PRECONDITION with reason IDEMPOTENCY_KEY_REUSED if it was used with another request. Call
 * it in the transaction of the effect, before it: the key is held until the commit, so that a
 * repetition that comes while the first call still runs waits for it and finds its answer. What may
 * refuse a repetition (the thing is gone, a rule has changed) comes after it. Suspends. */
enum status idempotency_find(struct rpc_call *call, struct db *tx, const char *key,
                             const ProtobufCMessage *request, ProtobufCMessage *response)
    MUST_CHECK;

/* Stores an answer within the transaction; nothing with an empty key. ALREADY_EXISTS if another
 * call stored one meanwhile, which holding the key prevents. Suspends. */
enum status idempotency_store(struct rpc_call *call, struct db *tx, const char *key,
                              const ProtobufCMessage *request, const ProtobufCMessage *response)
    MUST_CHECK;

#endif
