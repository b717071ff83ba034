/* oidc.h - what an OpenID Connect provider says: discovery, keys, ID tokens.
 *
 * OpenID Connect Core 1.0 and Discovery 1.0, for the authorisation code flow. Every word comes from
 * outside: bounded, and taken only if it is what was asked for. Pure: nothing is fetched, nothing
 * suspends. What is wrong is said in `reterr`, for logs. */
#ifndef WAYSTONE_HANDLERS_OIDC_H
#define WAYSTONE_HANDLERS_OIDC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

#define OIDC_TOKEN_MAX_BYTES (16 * 1024)
#define OIDC_KEYS_MAX 32
#define OIDC_SUBJECT_MAX_BYTES 255 /* as the specification has it */
#define OIDC_LEEWAY_S 60           /* by which the provider's clock may differ from ours */
#define OIDC_AGE_MAX_S 600         /* of an ID token, which was made for us just now */

/* --- discovery --- */

struct oidc_metadata {
    const char *authorization_endpoint, *token_endpoint, *jwks_uri;
    bool secret_in_form;   /* client_secret_post; else client_secret_basic */
    bool issuer_in_answer; /* it names itself when it sends the browser back (RFC 9207) */
};

/* The document must name the issuer that it was fetched for. Addresses are as they were told. */
bool oidc_read_metadata(struct arena *arena, struct bytes json, const char *issuer,
                        struct oidc_metadata *ret, const char **reterr);

/* --- keys --- */

struct oidc_keys;

/* Those of a JWK set that sign by RS256 or ES256; what else is there is passed over. NULL if there
 * is none. */
struct oidc_keys *oidc_keys_read(struct bytes json, const char **reterr);
void oidc_keys_free(struct oidc_keys *keys); /* Accepts NULL. */

/* --- tokens --- */

/* The ID token in what the token endpoint answered; NULL if there is none. */
const char *oidc_read_answer(struct arena *arena, struct bytes json);

/* What a token endpoint says when it refuses ("invalid_grant"); "" if nothing. */
const char *oidc_read_refusal(struct arena *arena, struct bytes json);

struct oidc_expected {
    const char *issuer, *client_id;
    const char *nonce; /* that the browser was sent away with */
    int64_t now_s;     /* since 1970 */
};

/* Whom a token names. Beside `subject` all may be empty, and nothing but `subject` with the issuer
 * identifies anybody: the rest is what they like to be called. In the arena. */
struct oidc_identity {
    const char *subject;
    const char *email;
    bool email_verified; /* as the provider says */
    const char *preferred_username, *nickname, *name;
};

enum oidc_result {
    OIDC_OK,
    OIDC_UNKNOWN_KEY, /* not among these keys: the provider may have new ones */
    OIDC_REFUSED,
};

enum oidc_result oidc_verify(struct arena *arena, const struct oidc_keys *keys,
                             const struct oidc_expected *expected, const char *token,
                             struct oidc_identity *ret, const char **reterr);

#endif
