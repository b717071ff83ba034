#include "handlers/blocks.h"

#include "db/queries/social.h"

enum status blocks_list(struct db *db, struct arena *arena, int64_t account_id,
                        int64_t **ret_account_ids, size_t *ret_count)
{
    struct social_blocked_accounts_row *rows;
    size_t count;
    int64_t *ids;

    TRY(social_blocked_accounts(db, arena, account_id, &rows, &count));
    ids = arena_alloc_array(arena, count, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].account_id;
    *ret_account_ids = ids;
    *ret_count = count;
    return STATUS_OK;
}

enum status blocks_list_both(struct db *db, struct arena *arena, int64_t account_id,
                             int64_t **ret_account_ids, size_t *ret_count)
{
    struct social_unseen_accounts_row *rows;
    size_t count;
    int64_t *ids;

    TRY(social_unseen_accounts(db, arena, account_id, BLOCKED_BY_MAX, &rows, &count));
    ids = arena_alloc_array(arena, count, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].id;
    *ret_account_ids = ids;
    *ret_count = count;
    return STATUS_OK;
}

enum status blocks_between(struct db *db, struct arena *arena, int64_t a, int64_t b,
                           bool *ret_blocked)
{
    struct social_blocked_between_row *row;

    TRY(social_blocked_between(db, arena, a, b, &row));
    *ret_blocked = row->blocked;
    return STATUS_OK;
}
