/* audit_chain.h - the hashes of the audit log: how a row and the chain before it become a link.
 *
 * Each link is SHA-256 over the link before it (32 zero bytes for the first), the position and
 * every column of the row but the personal ones, for which a salted hash stands: they can be erased
 * without a trace in the chain. Never changes: old links have to come out the same for ever. Pure.
 */
#ifndef WAYSTONE_HANDLERS_AUDIT_CHAIN_H
#define WAYSTONE_HANDLERS_AUDIT_CHAIN_H

#include <stdint.h>

#include "base/buffer.h"

#define AUDIT_HASH_BYTES 32

struct audit_row {
    int64_t id;
    int64_t happened_at_us;
    int64_t account_id; /* 0: nobody's */
    int64_t target_id;
    const char *action, *status, *request_id, *target_kind, *detail;
    struct bytes personal_hash;
};

void audit_chain_link(const uint8_t before[AUDIT_HASH_BYTES], int64_t position,
                      const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES]);

/* What personal_hash has to be; NULL is as "". */
void audit_chain_personal(struct bytes salt, const char *peer, const char *note,
                          uint8_t out[AUDIT_HASH_BYTES]);

/* 64 digits and a NUL. */
void audit_chain_hex(const uint8_t hash[AUDIT_HASH_BYTES], char out[2 * AUDIT_HASH_BYTES + 1]);

#endif
