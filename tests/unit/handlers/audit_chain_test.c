/* The hashes of the audit log against values computed elsewhere (Python's hashlib): they must never
 * change, since old chains have to verify for ever. */
#include <criterion/criterion.h>
#include <string.h>

#include "handlers/audit_chain.h"

static const uint8_t salt[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void expect_hash(const uint8_t hash[AUDIT_HASH_BYTES], const char *expected)
{
    char hex[2 * AUDIT_HASH_BYTES + 1];

    audit_chain_hex(hash, hex);
    cr_expect_str_eq(hex, expected);
}

Test(audit_chain, personal_columns)
{
    uint8_t hash[AUDIT_HASH_BYTES], other[AUDIT_HASH_BYTES];

    audit_chain_personal((struct bytes){salt, sizeof(salt)}, "127.0.0.1", NULL, hash);
    expect_hash(hash, "95f3f2e331e9b3a00c722598c7fa6a051292af0ac943ffb4ea174100f1a1fa4f");
    audit_chain_personal((struct bytes){salt, sizeof(salt)}, NULL, "Grüße", hash);
    expect_hash(hash, "1ed61bcb2f261c7ff5e7f1fe7b2af91ddc764e4e6125576e9d2c0227dc2f9fb6");
    /* A text is either the one or the other. */
    audit_chain_personal((struct bytes){salt, sizeof(salt)}, "Grüße", NULL, other);
    cr_expect_neq(memcmp(hash, other, sizeof(hash)), 0);
}

Test(audit_chain, links)
{
    uint8_t first_personal[AUDIT_HASH_BYTES], second_personal[AUDIT_HASH_BYTES];
    uint8_t hash[AUDIT_HASH_BYTES] = {0};
    struct audit_row first = {
        .id = 17,
        .happened_at_us = 1700000000123456,
        .account_id = 42,
        .action = "/waystone.auth.v1.AuthService/SignIn",
        .status = "OK",
        .request_id = "r1",
        .target_kind = "",
        .detail = "",
        .personal_hash = {first_personal, sizeof(first_personal)},
    };
    struct audit_row second = {
        .id = 18,
        .happened_at_us = -1,
        .target_id = -7,
        .action = "sanction.put",
        .status = "OK",
        .request_id = "",
        .target_kind = "account",
        .detail = "1 day",
        .personal_hash = {second_personal, sizeof(second_personal)},
    };

    audit_chain_personal((struct bytes){salt, sizeof(salt)}, "127.0.0.1", NULL, first_personal);
    audit_chain_personal((struct bytes){salt, sizeof(salt)}, NULL, "Grüße", second_personal);
    audit_chain_link(hash, 1, &first, hash);
    expect_hash(hash, "6587f2faa917e959016dcee03d8c9186c3d4488fcd544fc8e98e3706f516f2bb");
    audit_chain_link(hash, 2, &second, hash);
    expect_hash(hash, "ee7e993c86ada672ca7b4848db19ad55197567cda372b554f1a25f4ce2f30c3c");
}

/* What moves from one column to its neighbour is another row. */
Test(audit_chain, columns_do_not_run_together)
{
    uint8_t hash[AUDIT_HASH_BYTES], other[AUDIT_HASH_BYTES];
    uint8_t before[AUDIT_HASH_BYTES] = {0};
    struct audit_row row = {.action = "ab",
                            .status = "c",
                            .request_id = "",
                            .target_kind = "",
                            .detail = "",
                            .personal_hash = {NULL, 0}};

    audit_chain_link(before, 1, &row, hash);
    row.action = "a";
    row.status = "bc";
    audit_chain_link(before, 1, &row, other);
    cr_expect_neq(memcmp(hash, other, sizeof(hash)), 0);
}
