/* totp.h - codes of authenticator apps: TOTP (RFC 6238) with SHA-1, six digits, 30 seconds, which
 * is what all apps can do. Pure. */
#ifndef WAYSTONE_HANDLERS_TOTP_H
#define WAYSTONE_HANDLERS_TOTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

#define TOTP_SEALED "totp_secrets.sealed" /* the purpose of its seal */
#define TOTP_SECRET_BYTES 20              /* as long as what SHA-1 makes (RFC 4226, R6) */
#define TOTP_STEP_S 30
#define TOTP_DIGITS 6
#define TOTP_PENDING_LIFE_S 3600 /* a secret waits so long for its first code */

/* The code of a step, as many digits as asked for (6 to 8), in `ret`. False if HMAC fails. */
bool totp_code(struct bytes secret, int64_t step, unsigned digits, char ret[9]);

/* The step whose code this is: now's, or one beside it since clocks differ. Only steps after
 * `last_step` count, so that a code that was seen cannot be used again. 0: none. */
int64_t totp_match(struct bytes secret, const char *code, int64_t now_s, int64_t last_step);

/* Milliseconds to wait before the next code is looked at, after so many wrong ones in a row: the
 * first few are free, then each costs twice as long, up to an hour. */
#define TOTP_FREE_FAILURES 5
int64_t totp_pause_ms(int failures);

/* After so many no code counts any more, until another factor was proved (NIST 800-63B-4, 3.2.2).
 */
#define TOTP_MAX_FAILURES 100

/* For typing: RFC 4648 base32 without padding. */
const char *totp_base32(struct arena *arena, struct bytes secret);

/* "otpauth://totp/..." for a QR code. The name is one of letters, digits, "_" and "-". */
const char *totp_uri(struct arena *arena, const char *issuer, const char *user_name,
                     struct bytes secret);

#endif
