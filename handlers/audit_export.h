/* audit_export.h - heads of the audit log's chain as files, for a place outside.
 *
 * Whoever owns the database can make the chain anew, or cut its end off; what was taken away from
 * here before tells of it. A job writes a file for each new head, on the instance that runs it. */
#ifndef WAYSTONE_HANDLERS_AUDIT_EXPORT_H
#define WAYSTONE_HANDLERS_AUDIT_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Before the server starts. `directory` is made if it is not there and outlives the server; empty:
 * no export. FAILED_PRECONDITION with a sentence if nothing can be written there. */
enum status audit_export_register(const char *directory, uint32_t every_s, char *reterr,
                                  size_t reterr_size) MUST_CHECK;

#endif
