/* webauthn.h - what a passkey answers (Web Authentication level 3): registration, assertion.
 *
 * Pure: nothing is kept, nothing suspends. What is said about the device (attestation) is read and
 * not judged, since every authenticator is welcome; only its form has to hold. */
#ifndef WAYSTONE_HANDLERS_WEBAUTHN_H
#define WAYSTONE_HANDLERS_WEBAUTHN_H

#include "base/arena.h"
#include "handlers/cose.h"

#define WEBAUTHN_CREDENTIAL_ID_MAX_BYTES 1023

/* What an answer has to fit. */
struct webauthn_request {
    const char *relying_party_id; /* a domain: "play.example.org" */
    const char *origins;          /* of our pages, separated by spaces */
    const char *challenge;        /* base64url without padding, as it stands in the client data */
    bool verified_user;           /* by the authenticator: finger, face, PIN */
};

/* A new passkey; its bytes lie in the answer or in the arena. */
struct webauthn_credential {
    struct bytes id;
    struct cose_key key;
    uint32_t sign_count;
    bool backup_eligible, synced;
};

/* False, with what is wrong in `reterr`, if the answer does not hold. */
bool webauthn_register(struct arena *arena, const struct webauthn_request *request,
                       struct bytes client_data, struct bytes attestation,
                       struct webauthn_credential *ret, const char **reterr);

struct webauthn_assertion {
    struct bytes client_data, authenticator_data, signature;
};

/* What the authenticator says beside the proof. Whether the counter has moved on is the caller's to
 * check, against the row that it holds. */
struct webauthn_proof {
    uint32_t sign_count;
    bool backup_eligible, synced;
};

bool webauthn_assert(struct arena *arena, const struct webauthn_request *request,
                     const struct cose_key *key, const struct webauthn_assertion *assertion,
                     struct webauthn_proof *ret, const char **reterr);

/* Whether a counter says that the key was not copied: it grows, unless its authenticator does not
 * count. */
bool webauthn_count_is_next(int64_t stored, uint32_t told);

#endif
