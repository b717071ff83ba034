/* leases.h - what only one of all instances may do at a time, and how it proves that it may.
 *
 * A lease is a row in PostgreSQL with a holder, an end and a token that grows with every holder.
 * Whoever writes under a lease holds it in the transaction of the write (lease_hold()): a holder
 * that slept through the end of its time finds that and writes nothing. Clocks are PostgreSQL's. */
#ifndef WAYSTONE_HANDLERS_LEASES_H
#define WAYSTONE_HANDLERS_LEASES_H

#include "db/db.h"

#define LEASE_HOLDER_BYTES 33

struct lease {
    const char *name;
    char holder[LEASE_HOLDER_BYTES]; /* names this holder among all */
    uint32_t ttl_ms;
    int64_t token; /* 0: never held */
};

/* A random name in hex. */
void lease_name_holder(char out[LEASE_HOLDER_BYTES]);

/* Takes the lease, or keeps it for another `ttl_ms`. ABORTED while another holds it. Suspends. */
enum status lease_take(struct db *db, struct arena *arena, struct lease *lease) MUST_CHECK;

/* In a transaction: keeps the lease until the commit and for `ttl_ms` longer. ABORTED once another
 * has had it. Suspends. */
enum status lease_hold(struct db *tx, struct arena *arena, struct lease *lease) MUST_CHECK;

/* Lets others take it at once; no effect when it is lost. Suspends. */
enum status lease_release(struct db *db, struct lease *lease);

#endif
