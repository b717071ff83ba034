/* Any bytes as what a passkey answers: the first byte tells how many of the rest are client data,
 * times eight; none of it may be taken for an answer that was never given. */
#include <stdlib.h>

#include "handlers/webauthn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct webauthn_request request = {
    .relying_party_id = "example.org",
    .origins = "https://example.org",
    .challenge = "AMMPt4UxxGTStncdq414",
};

static const uint8_t good_client_data[] =
    "{\"type\":\"webauthn.create\",\"challenge\":\"AMMPt4UxxGTStncdq414\","
    "\"origin\":\"https://example.org\"}";

/* With client data that is right, so that the rest is reached. */
static void try_attestation(struct arena *arena, struct bytes attestation)
{
    struct webauthn_credential credential;
    const char *error = NULL;

    if (webauthn_register(arena, &request,
                          (struct bytes){good_client_data, sizeof(good_client_data) - 1},
                          attestation, &credential, &error)) {
        if (credential.id.length == 0 || credential.id.length > WEBAUTHN_CREDENTIAL_ID_MAX_BYTES ||
            credential.key.der.length == 0)
            abort();
    } else if (error == NULL)
        abort();
}

static void try_assertion(struct arena *arena, struct bytes client_data, struct bytes rest)
{
    static const uint8_t der[] = "no key";
    struct cose_key key = {COSE_ES256, {der, sizeof(der)}};
    struct webauthn_assertion assertion = {client_data, rest, rest};
    struct webauthn_proof proof;
    const char *error = NULL;

    if (webauthn_assert(arena, &request, &key, &assertion, &proof, &error) || error == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    size_t length;

    if (size == 0)
        return 0;
    length = (size_t)data[0] * 8;
    if (length > size - 1)
        length = size - 1;
    try_attestation(arena, (struct bytes){data + 1, size - 1});
    try_assertion(arena, (struct bytes){data + 1, length},
                  (struct bytes){data + 1 + length, size - 1 - length});
    return 0;
}
