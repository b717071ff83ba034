/* The test vectors of Web Authentication level 3, section 16, and what is made of them by changing
 * one thing. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/webauthn.h"
#include "server/protocol/base64.h"

TestSuite(webauthn, .timeout = 30);

enum field {
    CREATE_CHALLENGE,
    CREATE_CLIENT_DATA,
    ATTESTATION,
    GET_CHALLENGE,
    AUTHENTICATOR_DATA,
    GET_CLIENT_DATA,
    SIGNATURE,
    FIELD_COUNT,
};

static const char *const field_names[] = {
    "create_challenge",   "create_client_data", "attestation", "get_challenge",
    "authenticator_data", "get_client_data",    "signature",
};

struct vector {
    struct arena *arena;
    struct bytes fields[FIELD_COUNT];
};

/* --- the file --- */

static struct bytes from_hex(struct arena *arena, const char *text)
{
    size_t length = strspn(text, "0123456789abcdef") / 2;
    uint8_t *bytes = arena_alloc(arena, length);

    for (size_t i = 0; i < length; i++) {
        const char digits[3] = {text[2 * i], text[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return (struct bytes){bytes, length};
}

static void read_field(struct vector *vector, const char *line)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        size_t length = strlen(field_names[i]);
        if (strncmp(line, field_names[i], length) == 0 && line[length] == ' ')
            vector->fields[i] = from_hex(vector->arena, line + length + 1);
    }
}

static void vector_clear(struct vector *vector)
{
    arena_free(vector->arena);
}

static struct vector load(const char *name)
{
    struct vector vector = {.arena = arena_new()};
    FILE *file = fopen(VECTORS_FILE, "r");
    bool within = false;
    char *line = NULL;
    size_t size = 0;

    cr_assert_not_null(file);
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "name ", 5) == 0)
            within = strcmp(line + 5, name) == 0;
        else if (within)
            read_field(&vector, line);
    }
    free(line);
    fclose(file);
    for (int i = 0; i < FIELD_COUNT; i++)
        cr_assert(vector.fields[i].length > 0, "%s lacks %s", name, field_names[i]);
    return vector;
}

/* --- ceremonies --- */

static struct webauthn_request request_of(struct vector *vector, enum field challenge)
{
    struct bytes bytes = vector->fields[challenge];
    size_t length = base64_encoded_length(bytes.length, false);
    char *text = arena_alloc(vector->arena, length + 1);

    base64_encode_to(text, bytes.data, bytes.length, BASE64_URL, false);
    return (struct webauthn_request){.relying_party_id = "example.org",
                                     .origins = "https://other.example https://example.org",
                                     .challenge = text};
}

static bool registers(struct vector *vector, const struct webauthn_request *request,
                      struct webauthn_credential *ret, const char **reterr)
{
    *reterr = "";
    return webauthn_register(vector->arena, request, vector->fields[CREATE_CLIENT_DATA],
                             vector->fields[ATTESTATION], ret, reterr);
}

static bool asserts(struct vector *vector, const struct webauthn_request *request,
                    const struct cose_key *key, const char **reterr)
{
    struct webauthn_assertion assertion = {
        .client_data = vector->fields[GET_CLIENT_DATA],
        .authenticator_data = vector->fields[AUTHENTICATOR_DATA],
        .signature = vector->fields[SIGNATURE],
    };
    struct webauthn_proof proof;

    *reterr = "";
    return webauthn_assert(vector->arena, request, key, &assertion, &proof, reterr);
}

static struct webauthn_credential registered(struct vector *vector)
{
    struct webauthn_request request = request_of(vector, CREATE_CHALLENGE);
    struct webauthn_credential credential;
    const char *error;

    cr_assert(registers(vector, &request, &credential, &error), "%s", error);
    return credential;
}

static void expect_both(const char *name, enum cose_algorithm algorithm)
{
    CLEANUP(vector_clear) struct vector vector = load(name);
    struct webauthn_credential credential = registered(&vector);
    struct webauthn_request request = request_of(&vector, GET_CHALLENGE);
    const char *error;

    cr_expect_eq(credential.key.algorithm, algorithm, "%s", name);
    cr_expect(asserts(&vector, &request, &credential.key, &error), "%s: %s", name, error);
}

static void expect_no_registration(const char *name, const char *expected)
{
    CLEANUP(vector_clear) struct vector vector = load(name);
    struct webauthn_request request = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_credential credential;
    const char *error;

    cr_expect_not(registers(&vector, &request, &credential, &error), "%s", name);
    cr_expect_not_null(strstr(error, expected), "%s: %s", name, error);
}

static uint8_t *writable(struct vector *vector, enum field field)
{
    struct bytes *bytes = &vector->fields[field];

    bytes->data = arena_memdup(vector->arena, bytes->data, bytes->length);
    return (uint8_t *)bytes->data;
}

static uint8_t *find(uint8_t *data, size_t length, const char *text)
{
    uint8_t *at = memmem(data, length, text, strlen(text));

    cr_assert_not_null(at, "there is no %s", text);
    return at;
}

/* --- what is accepted --- */

Test(webauthn, accepts_es256_of_every_attestation_format)
{
    expect_both("none-es256", COSE_ES256);
    expect_both("none-es256-long-credential-id", COSE_ES256);
    expect_both("packed-self-es256", COSE_ES256);
    expect_both("packed-es256", COSE_ES256);
    expect_both("tpm-es256", COSE_ES256);
    expect_both("android-key-es256", COSE_ES256);
    expect_both("apple-es256", COSE_ES256);
    expect_both("fido-u2f-es256", COSE_ES256);
}

Test(webauthn, accepts_rs256_and_eddsa)
{
    expect_both("packed-rs256", COSE_RS256);
    expect_both("packed-eddsa", COSE_EDDSA);
}

Test(webauthn, reads_what_the_authenticator_says)
{
    CLEANUP(vector_clear) struct vector synced = load("none-es256");
    CLEANUP(vector_clear) struct vector bound = load("packed-eddsa");
    CLEANUP(vector_clear) struct vector longest = load("none-es256-long-credential-id");
    struct webauthn_credential credential = registered(&synced);

    cr_expect_eq(credential.id.length, 32);
    cr_expect_eq(memcmp(credential.id.data, "\xf9\x1f\x39\x1d", 4), 0);
    cr_expect_eq(credential.sign_count, 0);
    cr_expect(credential.backup_eligible);
    cr_expect(credential.synced);
    credential = registered(&bound);
    cr_expect_not(credential.backup_eligible);
    cr_expect_not(credential.synced);
    cr_expect_eq(registered(&longest).id.length, WEBAUTHN_CREDENTIAL_ID_MAX_BYTES);
}

/* --- what is refused --- */

Test(webauthn, refuses_other_algorithms)
{
    expect_no_registration("packed-es384", "is not one of");
    expect_no_registration("packed-es512", "is not one of");
    expect_no_registration("packed-ed448", "is not one of");
}

Test(webauthn, refuses_frames_of_other_sites)
{
    expect_no_registration("none-es256-crossOrigin", "frame");
    expect_no_registration("none-es256-topOrigin", "frame");
}

/* Vectors whose user was not verified. */
Test(webauthn, refuses_an_unverified_user_where_one_is_wanted)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_request get = request_of(&vector, GET_CHALLENGE);
    struct webauthn_credential credential = registered(&vector), none;
    const char *error;

    create.verified_user = get.verified_user = true;
    cr_expect_not(registers(&vector, &create, &none, &error));
    cr_expect_str_eq(error, "the authenticator did not verify who used it");
    cr_expect_not(asserts(&vector, &get, &credential.key, &error));
    cr_expect_str_eq(error, "the authenticator did not verify who used it");
}

Test(webauthn, refuses_what_answers_something_else)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    struct webauthn_credential credential = registered(&vector), none;
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_request get = request_of(&vector, GET_CHALLENGE), other;
    const char *error;

    cr_expect_not(asserts(&vector, &create, &credential.key, &error));
    cr_expect_str_eq(error, "the client data answers another challenge");
    cr_expect_not(registers(&vector, &get, &none, &error));
    cr_expect_str_eq(error, "the client data answers another challenge");
    other = get;
    other.origins = "https://example.org.evil.example https://example.or";
    cr_expect_not(asserts(&vector, &other, &credential.key, &error));
    cr_expect_str_eq(error, "the client data is of another origin");
    other = get;
    other.relying_party_id = "example.com";
    cr_expect_not(asserts(&vector, &other, &credential.key, &error));
    cr_expect_str_eq(error, "the passkey is another site's");
}

Test(webauthn, refuses_the_other_ceremony)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    struct webauthn_credential credential = registered(&vector), none;
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_request get = request_of(&vector, GET_CHALLENGE);
    struct bytes made = vector.fields[CREATE_CLIENT_DATA];
    const char *error;

    vector.fields[CREATE_CLIENT_DATA] = vector.fields[GET_CLIENT_DATA];
    vector.fields[GET_CLIENT_DATA] = made;
    cr_expect_not(registers(&vector, &get, &none, &error));
    cr_expect_str_eq(error, "the client data is of another type");
    cr_expect_not(asserts(&vector, &create, &credential.key, &error));
    cr_expect_str_eq(error, "the client data is of another type");
}

/* Each byte that is signed, and each of the signature, changed on its own. */
Test(webauthn, refuses_any_change)
{
    static const enum field changed[] = {AUTHENTICATOR_DATA, GET_CLIENT_DATA, SIGNATURE};
    static const char *const names[] = {"none-es256", "packed-eddsa", "packed-rs256"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        CLEANUP(vector_clear) struct vector vector = load(names[n]);
        struct webauthn_credential credential = registered(&vector);
        struct webauthn_request get = request_of(&vector, GET_CHALLENGE);
        const char *error;

        for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
            uint8_t *bytes = writable(&vector, changed[i]);
            for (size_t k = 0; k < vector.fields[changed[i]].length; k++) {
                bytes[k] ^= 1;
                cr_expect_not(asserts(&vector, &get, &credential.key, &error), "%s: %s, byte %zu",
                              names[n], field_names[changed[i]], k);
                bytes[k] ^= 1;
            }
        }
        cr_expect(asserts(&vector, &get, &credential.key, &error), "%s", error);
    }
}

/* A prefix of anything, down to nothing. */
Test(webauthn, refuses_what_is_cut)
{
    CLEANUP(vector_clear) struct vector vector = load("packed-es256");
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_request get = request_of(&vector, GET_CHALLENGE);
    struct webauthn_credential credential = registered(&vector), none;
    const char *error;

    for (size_t field = 0; field < FIELD_COUNT; field++) {
        size_t whole = vector.fields[field].length;
        if (field == CREATE_CHALLENGE || field == GET_CHALLENGE)
            continue;
        /* NOLINTNEXTLINE(bugprone-infinite-loop): the length is the vector's own */
        for (vector.fields[field].length = 0; vector.fields[field].length < whole;
             vector.fields[field].length++)
            cr_expect_not(field <= ATTESTATION ? registers(&vector, &create, &none, &error)
                                               : asserts(&vector, &get, &credential.key, &error),
                          "%s cut to %zu", field_names[field], vector.fields[field].length);
    }
}

Test(webauthn, refuses_another_key)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    CLEANUP(vector_clear) struct vector other = load("packed-self-es256");
    struct webauthn_request get = request_of(&vector, GET_CHALLENGE);
    struct webauthn_credential credential = registered(&other);
    const char *error;

    cr_expect_not(asserts(&vector, &get, &credential.key, &error));
    cr_expect_str_eq(error, "the signature is wrong");
    credential.key.der.length--;
    cr_expect_not(asserts(&vector, &get, &credential.key, &error));
}

static void expect_changed(const char *at, size_t offset, uint8_t value, const char *expected)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_credential none;
    uint8_t *bytes = writable(&vector, ATTESTATION);
    const char *error;

    find(bytes, vector.fields[ATTESTATION].length, at)[offset] = value;
    cr_expect_not(registers(&vector, &create, &none, &error), "%s + %zu", at, offset);
    cr_expect_not_null(strstr(error, expected), "%s + %zu: %s", at, offset, error);
}

/* Within the attestation: the head is 32 bytes of hash, flags, counter; then 16 bytes of model, the
 * length of the id, the id (32 bytes) and the key: a5 01 02 03 26 20 01 21 58 20 x 22 58 20 y. */
Test(webauthn, refuses_malformed_attestations)
{
    enum { DATA = 8 + 2, FLAGS = DATA + 32, ID_LENGTH = DATA + 37 + 16, KEY = ID_LENGTH + 2 + 32 };

    expect_changed("authData", FLAGS, 0x58, "nobody was present");
    expect_changed("authData", FLAGS, 0x51, "contradict");
    expect_changed("authData", FLAGS, 0x19, "holds no passkey");
    expect_changed("authData", FLAGS, 0xd9, "something behind");
    expect_changed("authData", ID_LENGTH, 0xff, "id is malformed");
    expect_changed("authData", ID_LENGTH + 1, 0x00, "id is malformed");
    expect_changed("authData", KEY, 0xa4, "is not one of");
    expect_changed("authData", KEY + 2, 0x03, "is not one of");  /* an RSA key */
    expect_changed("authData", KEY + 4, 0x27, "is not one of");  /* EdDSA on P-256 */
    expect_changed("authData", KEY + 6, 0x06, "is not one of");  /* ES256 on Ed25519 */
    expect_changed("authData", KEY + 3, 0x01, "is not one of");  /* one label twice */
    expect_changed("authData", KEY + 10, 0x00, "is not one of"); /* no point of the curve */
    expect_changed("fmt", 4, 'x', "malformed");                  /* "xone" with nothing stated */
    expect_changed("attStmt", 7, 0xa1, "malformed");
    expect_changed("authData", 0, 'x', "malformed");
}

static bool accepts_client_data(const char *json, size_t length)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    struct webauthn_credential none;
    const char *error;

    vector.fields[CREATE_CLIENT_DATA] = (struct bytes){(const uint8_t *)json, length};
    return registers(&vector, &create, &none, &error);
}
#define ACCEPTS(json) accepts_client_data(json, sizeof(json) - 1)

Test(webauthn, takes_json_that_is_right)
{
    CLEANUP(vector_clear) struct vector vector = load("none-es256");
    struct webauthn_request create = request_of(&vector, CREATE_CHALLENGE);
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *json = arena_printf(arena,
                                    "{\"type\":\"webauthn.create\",\"challenge\":\"%s\","
                                    "\"origin\":\"https://example.org\"}",
                                    create.challenge);

    cr_expect(accepts_client_data(json, strlen(json)));
    cr_expect_not(accepts_client_data(json, strlen(json) - 1));
}

Test(webauthn, refuses_json_that_is_not)
{
    char deep[2048];

    cr_expect_not(ACCEPTS(""));
    cr_expect_not(ACCEPTS("[]"));
    cr_expect_not(ACCEPTS("null"));
    cr_expect_not(ACCEPTS("{}"));
    cr_expect_not(ACCEPTS("{\"type\":1}"));
    cr_expect_not(ACCEPTS("{\"type\":\"webauthn.create\"}"));
    cr_expect_not(ACCEPTS("{\"type\":\"webauthn.create\",\"challenge\":\"\",\"origin\":\"\"}"));
    cr_expect_not(ACCEPTS("{\"type\":\"webauthn.create\",\0}"));
    memset(deep, '[', sizeof(deep) / 2);
    memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
    cr_expect_not(accepts_client_data(deep, sizeof(deep)));
}

Test(webauthn, counters_go_on_or_are_not_kept)
{
    cr_expect(webauthn_count_is_next(0, 0));
    cr_expect(webauthn_count_is_next(0, 1));
    cr_expect(webauthn_count_is_next(7, 8));
    cr_expect(webauthn_count_is_next(INT32_MAX, UINT32_MAX));
    cr_expect_not(webauthn_count_is_next(7, 7));
    cr_expect_not(webauthn_count_is_next(7, 6));
    cr_expect_not(webauthn_count_is_next(7, 0));
}
