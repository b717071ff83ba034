#include "handlers/key_pairs.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/queries/signing_keys.h"

#define SECOND_US 1000000LL
/* Clocks differ: the first key has signed for a while, and retired ones verify a while longer. */
#define MARGIN_S 60

int64_t key_pair_seal_id(const char *kid)
{
    return (int64_t)strtoull(kid, NULL, 16);
}

void key_pair_id(const unsigned char point[KEY_POINT_BYTES], char ret[KEY_ID_LENGTH + 1])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    SHA256(point, KEY_POINT_BYTES, digest);
    for (int i = 0; i < KEY_ID_LENGTH / 2; i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
}

/* --- making one --- */

static bool read_point(EVP_PKEY *pair, unsigned char out[KEY_POINT_BYTES])
{
    unsigned char encoded[KEY_POINT_BYTES + 1]; /* 0x04 in front: not compressed */
    size_t length;
    bool ok = EVP_PKEY_get_octet_string_param(pair, OSSL_PKEY_PARAM_PUB_KEY, encoded,
                                              sizeof(encoded), &length) == 1 &&
              length == sizeof(encoded);

    if (ok)
        memcpy(out, encoded + 1, KEY_POINT_BYTES);
    return ok;
}

static bool seal_private(EVP_PKEY *pair, struct arena *arena, const struct secrets *secrets,
                         const char *kid, struct bytes *ret)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pair);
    unsigned char *der = NULL;
    int length = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    bool ok = length > 0 && secrets_seal(secrets, arena, KEY_PURPOSE, key_pair_seal_id(kid),
                                         (struct bytes){der, (size_t)length}, ret);

    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_clear_free(der, length > 0 ? (size_t)length : 0);
    return ok;
}

static enum status insert(struct db *tx, struct arena *arena, const struct secrets *secrets,
                          int64_t signs_from_us, const char **ret_kid)
{
    char *kid = arena_alloc(arena, KEY_ID_LENGTH + 1);
    unsigned char point[KEY_POINT_BYTES];
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    struct bytes sealed;
    bool ok = pair != NULL && read_point(pair, point);

    if (ok) {
        key_pair_id(point, kid);
        ok = seal_private(pair, arena, secrets, kid, &sealed);
    }
    EVP_PKEY_free(pair);
    ERR_clear_error();
    if (!ok)
        return STATUS_INTERNAL;
    *ret_kid = kid;
    return signing_keys_insert(tx, kid, (struct bytes){point, sizeof(point)}, sealed,
                               signs_from_us);
}

static int64_t end_of_tokens(const struct key_schedule *schedule, int64_t signs_until_us)
{
    return signs_until_us + (schedule->token_s + MARGIN_S) * SECOND_US;
}

static enum status follow(struct db *tx, struct arena *arena, const struct secrets *secrets,
                          const struct key_schedule *schedule, int64_t signs_from_us,
                          const char **ret_kid)
{
    TRY(signing_keys_retire_newest(tx, end_of_tokens(schedule, signs_from_us)));
    return insert(tx, arena, secrets, signs_from_us, ret_kid);
}

/* --- when --- */

static enum status hold(struct db *tx, struct arena *arena)
{
    struct signing_keys_hold_row *row;

    return signing_keys_hold(tx, arena, &row);
}

enum status key_pairs_ensure(struct db *tx, struct arena *arena, const struct secrets *secrets)
{
    struct signing_keys_newest_row *newest;
    const char *kid;
    enum status s;

    TRY(hold(tx, arena));
    s = signing_keys_newest(tx, arena, &newest);
    if (s != STATUS_NOT_FOUND)
        return s;
    return insert(tx, arena, secrets, clock_wall_us() - MARGIN_S * SECOND_US, &kid);
}

enum status key_pairs_follow(struct db *tx, struct arena *arena, const struct secrets *secrets,
                             const struct key_schedule *schedule)
{
    struct signing_keys_newest_row *newest;
    int64_t due_us, soonest_us;
    const char *kid;

    TRY(hold(tx, arena));
    TRY(signing_keys_delete_retired(tx));
    TRY(signing_keys_newest(tx, arena, &newest));
    due_us = newest->signs_from + schedule->life_s * SECOND_US;
    soonest_us = newest->now + schedule->publish_s * SECOND_US;
    if (due_us > soonest_us)
        return STATUS_OK;
    return follow(tx, arena, secrets, schedule, soonest_us, &kid);
}

enum status key_pairs_rotate(struct db *tx, struct arena *arena, const struct secrets *secrets,
                             const struct key_schedule *schedule, int64_t in_s,
                             const char **ret_kid)
{
    struct signing_keys_newest_row *newest;
    int64_t signs_from_us;

    TRY(hold(tx, arena));
    TRY(signing_keys_newest(tx, arena, &newest));
    signs_from_us = newest->now + in_s * SECOND_US;
    if (newest->signs_from <= newest->now)
        return follow(tx, arena, secrets, schedule, signs_from_us, ret_kid);
    *ret_kid = newest->kid;
    if (newest->signs_from <= signs_from_us)
        return STATUS_OK;
    return signing_keys_advance(tx, signs_from_us, end_of_tokens(schedule, signs_from_us));
}
