#include "handlers/leases.h"

#include <sodium.h>

#include "db/queries/platform.h"

void lease_name_holder(char out[LEASE_HOLDER_BYTES])
{
    unsigned char name[(LEASE_HOLDER_BYTES - 1) / 2];

    randombytes_buf(name, sizeof(name));
    sodium_bin2hex(out, LEASE_HOLDER_BYTES, name, sizeof(name));
}

enum status lease_take(struct db *db, struct arena *arena, struct lease *lease)
{
    struct leases_take_row *row;
    enum status s = leases_take(db, arena, lease->name, lease->holder, lease->ttl_ms, &row);

    if (s == STATUS_NOT_FOUND)
        return STATUS_ABORTED;
    TRY(s);
    lease->token = row->token;
    return STATUS_OK;
}

enum status lease_hold(struct db *tx, struct arena *arena, struct lease *lease)
{
    struct leases_hold_row *row;
    enum status s = leases_hold(tx, arena, lease->name, lease->token, lease->ttl_ms, &row);

    return s == STATUS_NOT_FOUND ? STATUS_ABORTED : s;
}

enum status lease_release(struct db *db, struct lease *lease)
{
    return leases_release(db, lease->name, lease->token);
}
