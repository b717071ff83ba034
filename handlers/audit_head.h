/* audit_head.h - the end of the audit log's chain, as a file that is kept elsewhere.
 *
 * One line, POSITION:HASH, as `waystone-admin audit verify --head` takes it. Blocks. */
#ifndef WAYSTONE_HANDLERS_AUDIT_HEAD_H
#define WAYSTONE_HANDLERS_AUDIT_HEAD_H

#include <stdbool.h>
#include <stdint.h>

/* Whoever looks finds the whole file or none. False with errno. */
bool audit_head_write(const char *path, int64_t position, const char *hash_hex);

#endif
