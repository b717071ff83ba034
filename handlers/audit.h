/* audit.h - the audit log: who did what, to what, when, from where.
 *
 * There are two ways into its table:
 *   - audit_add(), in the transaction of an act: both are there or neither;
 *   - the auditor, for calls of methods with `audit: true` in the schema that ended without one
 *     (a refused sign-in). Its records wait in a bounded queue per loop and are written in batches,
 *     so that no call waits for them; a queue that is full (the database is away) drops the
 *     newest and logs each.
 *
 * The database refuses to change or delete what is there. A job seals committed rows into a chain
 * of hashes (audit_chain.h), whose head is logged: `waystone-admin audit verify` finds what was
 * changed, removed or put elsewhere all the same. */
#ifndef WAYSTONE_HANDLERS_AUDIT_H
#define WAYSTONE_HANDLERS_AUDIT_H

#include "handlers/app.h"
#include "server/interceptors.h"

struct audit_act {
    const char *action;      /* "sanction.put" */
    const char *target_kind; /* "account"; NULL: none */
    int64_t target_id;
    const char *detail; /* what exactly. Nothing personal: it stays for ever. NULL: nothing */
    const char *note;   /* free text, such as a reason; can be erased. NULL: nothing */
};

/* Writes an act of the caller's within a transaction. `call` NULL: of the server's own. The auditor
 * does not write the call again if it succeeds. Suspends. */
enum status audit_add(struct db *tx, struct rpc_call *call, const struct audit_act *act) MUST_CHECK;

struct auditor *audit_interface(void);

/* The job that seals; before the server starts. */
void audit_register(void);

void audit_open(struct app *app);

/* Writes what is queued, if the database can be reached within a second; ticks the loop. */
void audit_close(struct app *app);

#endif
