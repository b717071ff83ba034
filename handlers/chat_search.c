/* ChatService: search. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/queries/chat.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"
#include "handlers/sanctions.h"

#define DEFAULT_PAGE 20

/* A place in the order of answers: before this message. */
struct place {
    int64_t sent_at_us, channel_id, sequence;
};

static const struct place newest = {INT64_MAX / 2, INT64_MAX, INT64_MAX};

static char *place_to_token(struct arena *arena, const Message *last, int64_t sent_at_us)
{
    return arena_printf(arena, "%" PRIx64 ".%" PRIx64 ".%" PRIx64, (uint64_t)sent_at_us,
                        (uint64_t)last->channel_id, (uint64_t)last->sequence);
}

/* Up to 15 hexadecimal digits and what ends them. */
static bool take_number(const char **text, char end, int64_t *ret)
{
    size_t digits = strspn(*text, "0123456789abcdef");

    if (digits == 0 || digits > 15 || (*text)[digits] != end)
        return false;
    *ret = (int64_t)strtoull(*text, NULL, 16);
    *text += digits + (end != '\0');
    return true;
}

static enum status place_of(struct rpc_call *call, const char *token, struct place *ret)
{
    const char *rest = token;

    *ret = newest;
    if (token[0] == '\0')
        return STATUS_OK;
    if (!take_number(&rest, '.', &ret->sent_at_us) || !take_number(&rest, '.', &ret->channel_id) ||
        !take_number(&rest, '\0', &ret->sequence))
        return rpc_fail_field(call, "page_token", "must be the next_page_token of an answer");
    return STATUS_OK;
}

static enum status check_words(struct rpc_call *call, const char *query)
{
    struct search_words_row *row;

    TRY(search_words(call->app->db, call->arena, query, &row));
    if (row->words[0] == '\0' || strcmp(row->words, "T") == 0)
        return rpc_fail_field(call, "query", "must have a word to look for");
    return STATUS_OK;
}

/* Without those the caller is banned from. */
static enum status readable_channels(struct rpc_call *call, int64_t **ret_ids, size_t *ret_count)
{
    int64_t account_id = call->identity.account_id;
    size_t count;

    *ret_count = 0;
    TRY(channel_access_list(call->app->db, call->arena, account_id, ret_ids, &count));
    for (size_t i = 0; i < count; i++) {
        struct sanction_state state;
        TRY(sanction_state(call->app, account_id, (*ret_ids)[i], &state));
        if (state.ban_id == 0)
            (*ret_ids)[(*ret_count)++] = (*ret_ids)[i];
    }
    return STATUS_OK;
}

static enum status channels_to_search(struct rpc_call *call, const SearchMessagesRequest *req,
                                      int64_t **ret_ids, size_t *ret_count)
{
    struct channel_access access;

    if (req->channel_id == 0)
        return readable_channels(call, ret_ids, ret_count);
    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    *ret_ids = arena_memdup(call->arena, &req->channel_id, sizeof(req->channel_id));
    *ret_count = 1;
    return STATUS_OK;
}

static enum status search(struct rpc_call *call, const SearchMessagesRequest *req,
                          const struct place *before, SearchMessagesResponse *res)
{
    size_t page = req->page_size > 0 ? (size_t)req->page_size : DEFAULT_PAGE;
    struct messages_search_row *rows;
    size_t channel_count, hidden_count, count;
    int64_t *channel_ids, *hidden;

    TRY(channels_to_search(call, req, &channel_ids, &channel_count));
    TRY(blocks_list(call->app->db, call->arena, call->identity.account_id, &hidden, &hidden_count));
    TRY(messages_search(call->app->db, call->arena, channel_ids, channel_count, req->query, hidden,
                        hidden_count, before->sent_at_us, before->channel_id, before->sequence,
                        (int64_t)page + 1, &rows, &count));
    res->messages = arena_alloc_array(call->arena, count, sizeof(*res->messages));
    for (size_t i = 0; i < count && i < page; i++)
        res->messages[res->n_messages++] = chat_message(call->arena, MESSAGE_FIELDS(&rows[i]));
    if (count > page)
        res->next_page_token =
            place_to_token(call->arena, res->messages[page - 1], rows[page - 1].sent_at);
    return chat_add_reactions(call->app->db, call->arena, call->identity.account_id, res->messages,
                              res->n_messages);
}

enum status chat_search_messages(struct rpc_call *call, const SearchMessagesRequest *req,
                                 SearchMessagesResponse *res)
{
    struct place before;

    TRY(place_of(call, req->page_token, &before));
    TRY(check_words(call, req->query));
    return search(call, req, &before, res);
}
