/* Messages with their reactions. */
#include <string.h>

#include "db/queries/chat.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"

static bool is_of(const Message *message, const struct reactions_list_row *row)
{
    return message->channel_id == row->channel_id && message->sequence == row->sequence;
}

static void take_reactions(struct arena *arena, Message *message,
                           const struct reactions_list_row *rows, size_t count)
{
    size_t mine = 0;

    for (size_t i = 0; i < count; i++)
        mine += is_of(message, &rows[i]);
    if (mine == 0)
        return;
    message->reactions = arena_alloc_array(arena, mine, sizeof(*message->reactions));
    for (size_t i = 0; i < count; i++) {
        Reaction *reaction;
        if (!is_of(message, &rows[i]))
            continue;
        reaction = Reaction_new(arena);
        reaction->emoji = rows[i].emoji;
        reaction->count = (int32_t)rows[i].count;
        reaction->mine = rows[i].mine;
        message->reactions[message->n_reactions++] = reaction;
    }
}

enum status chat_add_reactions(struct rpc_call *call, const int64_t *hidden, size_t hidden_count,
                               Message **messages, size_t count)
{
    struct arena *arena = call->arena;
    int64_t *channel_ids = arena_alloc_array(arena, count, sizeof(*channel_ids));
    int64_t *sequences = arena_alloc_array(arena, count, sizeof(*sequences));
    struct reactions_list_row *rows;
    size_t row_count;

    if (count == 0)
        return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        channel_ids[i] = messages[i]->channel_id;
        sequences[i] = messages[i]->sequence;
    }
    TRY(reactions_list(call->app->db, arena, call->identity.account_id, channel_ids, count,
                       sequences, count, hidden, hidden_count, &rows, &row_count));
    for (size_t i = 0; i < count; i++)
        take_reactions(arena, messages[i], rows, row_count);
    return STATUS_OK;
}

enum status chat_get_message(struct rpc_call *call, int64_t channel_id, int64_t sequence,
                             Message **ret)
{
    struct messages_get_row *row;
    int64_t *hidden;
    size_t hidden_count;

    TRY(blocks_list(call->app->db, call->arena, call->identity.account_id, &hidden, &hidden_count));
    TRY(messages_get(call->app->db, call->arena, call->identity.account_id, channel_id, sequence,
                     &row));
    *ret = chat_message(call->arena, MESSAGE_FIELDS(row));
    return chat_add_reactions(call, hidden, hidden_count, ret, 1);
}
