/* ChatService: pages of what was said. */
#include "db/queries/chat.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"

#define DEFAULT_PAGE 50

struct page {
    struct rpc_call *call;
    int64_t channel_id;
    int64_t from;    /* below this number, or above it */
    size_t size;     /* at most this many */
    int64_t *hidden; /* authors */
    size_t hidden_count;
};

/* One row more than asked for tells whether there are more. */
static enum status read_before(const struct page *page, ListMessagesResponse *res)
{
    struct messages_before_row *rows;
    size_t count;

    TRY(messages_before(page->call->app->db, page->call->arena, page->channel_id, page->from,
                        page->hidden, page->hidden_count, (int64_t)page->size + 1, &rows, &count));
    res->has_more = count > page->size;
    if (res->has_more)
        count--;
    res->messages = arena_alloc_array(page->call->arena, count, sizeof(*res->messages));
    for (size_t i = count; i-- > 0;)
        res->messages[res->n_messages++] =
            chat_message(page->call->arena, MESSAGE_FIELDS(&rows[i]));
    return STATUS_OK;
}

static enum status read_after(const struct page *page, ListMessagesResponse *res)
{
    struct messages_after_row *rows;
    size_t count;

    TRY(messages_after(page->call->app->db, page->call->arena, page->channel_id, page->from,
                       page->hidden, page->hidden_count, (int64_t)page->size + 1, &rows, &count));
    res->has_more = count > page->size;
    if (res->has_more)
        count--;
    res->messages = arena_alloc_array(page->call->arena, count, sizeof(*res->messages));
    for (size_t i = 0; i < count; i++)
        res->messages[res->n_messages++] =
            chat_message(page->call->arena, MESSAGE_FIELDS(&rows[i]));
    return STATUS_OK;
}

enum status chat_list_messages(struct rpc_call *call, const ListMessagesRequest *req,
                               ListMessagesResponse *res)
{
    struct page page = {call, .channel_id = req->channel_id,
                        .size = req->page_size > 0 ? (size_t)req->page_size : DEFAULT_PAGE};
    struct channel_access access;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(blocks_list(call->app->db, call->arena, call->identity.account_id, &page.hidden,
                    &page.hidden_count));
    /* The page ends where following begins: nothing comes twice, nothing is missed. */
    res->last_sequence = access.last_sequence;
    if (req->after_sequence > 0) {
        page.from = req->after_sequence;
        TRY(read_after(&page, res));
    } else {
        page.from = access.last_sequence + 1;
        if (req->before_sequence > 0 && req->before_sequence < page.from)
            page.from = req->before_sequence;
        TRY(read_before(&page, res));
    }
    return chat_add_reactions(call, page.hidden, page.hidden_count, res->messages, res->n_messages);
}
