/* recovery_codes.h - ten codes on paper, each good once in place of another second factor.
 *
 * 120 random bits each, so that a plain hash keeps them (NIST 800-63B-4, 3.1.2.2). */
#ifndef WAYSTONE_HANDLERS_RECOVERY_CODES_H
#define WAYSTONE_HANDLERS_RECOVERY_CODES_H

#include <openssl/sha.h>

#include "handlers/app.h"
#include "server/rpc.h"

#define RECOVERY_CODES 10

/* Makes ten codes in place of those before, within a transaction; as they are shown, in the call's
 * arena. Suspends. */
enum status recovery_codes_replace(struct rpc_call *call, struct db *tx, int64_t account_id,
                                   char ***ret_codes) MUST_CHECK;

/* Uses a code up; false if it is none of the account's, or was used. Suspends. */
enum status recovery_code_take(struct db *tx, int64_t account_id, const char *code,
                               bool *ret_was_good) MUST_CHECK;

/* 15 bytes as they are shown: "ABCD-EFGH-JKMN-PQRS-TVWX-YZ23", without letters that look like
 * digits. In the arena. Pure. */
#define RECOVERY_CODE_BYTES 15
char *recovery_code_text(struct arena *arena, const uint8_t bytes[RECOVERY_CODE_BYTES]);

/* Of what was typed: neither case, spaces nor "-" matter, "O" is zero, "I" and "L" are one. False
 * if it cannot be a code. Pure. */
bool recovery_code_hash(const char *code, unsigned char ret[SHA256_DIGEST_LENGTH]);

#endif
