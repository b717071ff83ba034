/* tokens.h - access tokens: JSON Web Tokens signed with ES256, and nothing else.
 *
 * Written and checked here rather than by libjwt, whose 1.10 takes a public key as an HS256
 * secret, ignores "exp" and parses the key on every call. A token's head must be, byte for byte,
 * the one token_sign() writes for one of our keys: no other algorithm, member or order is looked
 * at. Pure: no clock, no storage; nothing suspends. */
#ifndef WAYSTONE_HANDLERS_TOKENS_H
#define WAYSTONE_HANDLERS_TOKENS_H

#include <stdint.h>

#include "base/arena.h"
#include "handlers/keys.h"

#define TOKEN_MAX_BYTES 1024

struct token_claims {
    int64_t account_id; /* "sub" */
    int64_t session_id; /* "sid" */
    int64_t role;       /* "role" */
    int64_t issued_s;   /* "iat" and "nbf"; seconds of wall time, as "exp" */
    int64_t expires_s;
};

/* The token, in the arena. `issuer` is "iss" and "aud". NULL if signing fails. */
const char *token_sign(const struct keys *keys, struct arena *arena, const char *issuer,
                       const struct token_claims *claims);

/* UNAUTHENTICATED with a reason that may be told to the client. `now_s` is wall time. */
enum status token_verify(const struct keys *keys, struct arena *arena, const char *issuer,
                         int64_t now_s, const char *token, struct token_claims *ret_claims,
                         const char **reterr) MUST_CHECK;

#endif
