/* auditor.h - the audit log: who did what with an audited method, when, from where.
 *
 * Records wait in a bounded queue per loop and are written in batches, so that no call waits
 * for them. A queue that is full (the database is away) drops the newest and logs each. */
#ifndef WAYSTONE_HANDLERS_AUDITOR_H
#define WAYSTONE_HANDLERS_AUDITOR_H

#include "handlers/app.h"
#include "server/interceptors.h"

struct auditor *auditor_interface(void);

void auditor_open(struct app *app);

/* Writes what is queued, if the database can be reached within a second; ticks the loop. */
void auditor_close(struct app *app);

#endif
