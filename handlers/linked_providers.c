#include "handlers/linked_providers.h"

#include "db/queries/providers.h"
#include "handlers/convert.h"
#include "handlers/provider_list.h"

static LinkedProvider *to_api(struct arena *arena, const struct provider *provider,
                              const struct account_providers_of_row *row)
{
    LinkedProvider *linked = LinkedProvider_new(arena);

    linked->provider_id = (char *)provider->id;
    linked->name = (char *)provider->name;
    linked->label = row->label;
    linked->created_at = timestamp_from_us(arena, row->created_at);
    return linked;
}

enum status linked_providers_of(struct rpc_call *call, struct db *db, int64_t account_id,
                                LinkedProvider ***ret, size_t *ret_count)
{
    struct account_providers_of_row *rows;
    size_t count;

    TRY(account_providers_of(db, call->arena, account_id, &rows, &count));
    *ret = arena_alloc_array(call->arena, count, sizeof(**ret));
    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct provider *provider =
            provider_find_issuer(call->app->providers, rows[i].issuer);
        if (provider != NULL)
            (*ret)[(*ret_count)++] = to_api(call->arena, provider, &rows[i]);
    }
    return STATUS_OK;
}

enum status account_can_be_opened(struct rpc_call *call, struct db *tx, int64_t account_id,
                                  bool *ret)
{
    struct account_means_row *means;
    LinkedProvider **linked;
    size_t count;

    TRY(account_means(tx, call->arena, account_id, &means));
    TRY(linked_providers_of(call, tx, account_id, &linked, &count));
    *ret = means->has_password || means->passkeys > 0 || count > 0;
    return STATUS_OK;
}
