/* ChatService: search.
 *
 * Answers are ordered by time, over all channels. Each channel is searched from its newest message
 * backwards, some places of PLACE_MESSAGES numbers at a time, those channels first that go on with
 * the newest message; an answer is certain once no channel goes on with a newer one. So a search
 * costs what it answers, and no more than LOOKS looks at MATCHES_MAX messages each, whatever there
 * is to find; when that was not enough, the page is short and its token goes on from there. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/queries/chat.h"
#include "handlers/blocks.h"
#include "handlers/chat_parts.h"
#include "handlers/sanctions.h"

#define DEFAULT_PAGE 20
#define PAGE_MAX 50

#define PLACE_SHIFT 11                    /* as in the index messages_words */
#define PLACE_MESSAGES (1 << PLACE_SHIFT) /* numbers of a channel */
#define PLACES_MAX 64                     /* looked at together */
#define MATCHES_MAX PLACE_MESSAGES        /* fetched by one look: those of one place always fit */
#define LOOKS 16                          /* of one call */
#define SPAN_GROWTH 4

/* A place in the order of answers: before this message. */
struct place {
    int64_t sent_at_us, channel_id, sequence;
};

static const struct place newest = {INT64_MAX / 2, INT64_MAX, INT64_MAX};

/* Where the search of a channel goes on. */
struct front {
    struct place next; /* its newest message that was not looked at */
    int64_t below;     /* numbers that were not */
    int64_t span;      /* places to be looked at together */
    bool known;        /* `next` is that of `below` */
    bool over;         /* there is none */
};

struct search {
    struct rpc_call *call;
    const char *query;
    struct place before;
    size_t wanted; /* answers */
    int64_t *hidden;
    size_t hidden_count;
    struct front *fronts;
    size_t front_count;
    int64_t places_max;
    struct place hits[(LOOKS + 1) * (PAGE_MAX + 1)]; /* some more than are certain */
    size_t hit_count;
};

static char *place_to_token(struct arena *arena, const struct place *place)
{
    return arena_printf(arena, "%" PRIx64 ".%" PRIx64 ".%" PRIx64, (uint64_t)place->sent_at_us,
                        (uint64_t)place->channel_id, (uint64_t)place->sequence);
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

/* --- where channels go on --- */

/* Newest first. */
static int compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;

    if (left->sent_at_us != right->sent_at_us)
        return left->sent_at_us < right->sent_at_us ? 1 : -1;
    if (left->channel_id != right->channel_id)
        return left->channel_id < right->channel_id ? 1 : -1;
    return (left->sequence < right->sequence) - (left->sequence > right->sequence);
}

/* Those that are over come last. */
static int compare_fronts(const void *a, const void *b)
{
    const struct front *left = a, *right = b;

    if (left->over != right->over)
        return left->over ? 1 : -1;
    return compare_places(&left->next, &right->next);
}

static int compare_channels(const void *a, const void *b)
{
    const struct front *left = a, *right = b;

    return (left->next.channel_id > right->next.channel_id) -
           (left->next.channel_id < right->next.channel_id);
}

/* Of fronts in the order of their channels. */
static struct front *find_front(struct search *search, int64_t channel_id)
{
    struct front key = {.next.channel_id = channel_id};
    struct front *front =
        bsearch(&key, search->fronts, search->front_count, sizeof(key), compare_channels);

    assert(front != NULL);
    return front;
}

/* Finds the next message of those that have been looked at; orders fronts by it. */
static enum status know_fronts(struct search *search)
{
    struct arena *arena = search->call->arena;
    int64_t *ids = arena_alloc_array(arena, search->front_count, sizeof(*ids));
    int64_t *below = arena_alloc_array(arena, search->front_count, sizeof(*below));
    struct search_next_row *rows;
    size_t count = 0, row_count;

    qsort(search->fronts, search->front_count, sizeof(*search->fronts), compare_channels);
    for (size_t i = 0; i < search->front_count; i++) {
        struct front *front = &search->fronts[i];
        if (front->known)
            continue;
        front->known = front->over = true;
        ids[count] = front->next.channel_id;
        below[count++] = front->below;
    }
    TRY(search_next(search->call->app->db, arena, ids, count, below, count, &rows, &row_count));
    for (size_t i = 0; i < row_count; i++) {
        struct front *front = find_front(search, rows[i].channel_id);
        front->over = false;
        front->next.sent_at_us = rows[i].sent_at;
        front->next.sequence = rows[i].sequence;
    }
    qsort(search->fronts, search->front_count, sizeof(*search->fronts), compare_fronts);
    return STATUS_OK;
}

/* Channels begin with their newest messages, or with those before the page. */
static enum status begin(struct search *search, const int64_t *channel_ids, size_t count)
{
    struct arena *arena = search->call->arena;
    const struct place *before = &search->before;
    struct search_start_row *rows;
    size_t row_count;

    search->fronts = arena_alloc_array(arena, count, sizeof(*search->fronts));
    search->front_count = count;
    search->places_max = PLACES_MAX;
    for (size_t i = 0; i < count; i++)
        search->fronts[i] =
            (struct front){.next.channel_id = channel_ids[i], .below = INT64_MAX, .span = 1};
    qsort(search->fronts, count, sizeof(*search->fronts), compare_channels);
    if (before->sequence == newest.sequence)
        return STATUS_OK;
    TRY(search_start(search->call->app->db, arena, channel_ids, count, before->sent_at_us,
                     before->channel_id, before->sequence, &rows, &row_count));
    for (size_t i = 0; i < row_count; i++)
        find_front(search, rows[i].channel_id)->below = rows[i].below;
    return STATUS_OK;
}

/* --- looking --- */

static int64_t place_of_next(const struct front *front)
{
    return front->next.sequence >> PLACE_SHIFT;
}

/* How far a front goes with so many places left. */
static int64_t span_of(const struct front *front, int64_t left)
{
    int64_t span = front->span < left ? front->span : left;

    return span <= place_of_next(front) ? span : place_of_next(front) + 1;
}

/* "'@17.2' | '@17.1'": of the first fronts, as many as are looked at together. */
static const char *write_places(struct search *search, size_t *ret_fronts)
{
    struct buffer text = {0};
    int64_t left = search->places_max;
    size_t i = 0;
    const char *copy;

    for (; i < search->front_count && !search->fronts[i].over && left > 0; i++) {
        const struct front *front = &search->fronts[i];
        int64_t span = span_of(front, left);
        for (int64_t k = 0; k < span; k++)
            buffer_printf(&text, "%s'@%lld.%lld'", text.length > 0 ? " | " : "",
                          (long long)front->next.channel_id, (long long)(place_of_next(front) - k));
        left -= span;
    }
    copy = arena_memdup(search->call->arena, buffer_data(&text), text.length + 1);
    ((char *)copy)[text.length] = '\0';
    buffer_free(&text);
    *ret_fronts = i;
    return copy;
}

static void move_fronts(struct search *search, size_t count)
{
    int64_t left = search->places_max;

    for (size_t i = 0; i < count; i++) {
        struct front *front = &search->fronts[i];
        int64_t span = span_of(front, left);
        left -= span;
        front->below = (place_of_next(front) - span + 1) << PLACE_SHIFT;
        front->known = false;
        front->span *= SPAN_GROWTH;
    }
}

/* One look. When more was there than is looked at, the next one takes fewer places. */
static enum status look(struct search *search)
{
    const struct place *before = &search->before;
    struct search_places_row *rows;
    size_t fronts, count;
    const char *places = write_places(search, &fronts);

    TRY(search_places(search->call->app->db, search->call->arena, places, search->query,
                      search->hidden, search->hidden_count, before->sent_at_us, before->channel_id,
                      before->sequence, MATCHES_MAX + 1, (int64_t)search->wanted, &rows, &count));
    assert(count > 0);
    if (rows[0].matches > MATCHES_MAX && search->places_max > 1) {
        search->places_max =
            search->places_max > SPAN_GROWTH ? search->places_max / SPAN_GROWTH : 1;
        return STATUS_OK;
    }
    for (size_t i = 0; i < count && rows[i].sequence > 0; i++)
        search->hits[search->hit_count++] =
            (struct place){rows[i].sent_at, rows[i].channel_id, rows[i].sequence};
    qsort(search->hits, search->hit_count, sizeof(*search->hits), compare_places);
    move_fronts(search, fronts);
    return STATUS_OK;
}

static bool is_over(const struct search *search)
{
    return search->front_count == 0 || search->fronts[0].over;
}

/* Hits that nothing newer can come before. */
static size_t count_certain(const struct search *search)
{
    size_t count = 0;

    if (is_over(search))
        return search->hit_count;
    while (count < search->hit_count &&
           compare_places(&search->hits[count], &search->fronts[0].next) < 0)
        count++;
    return count;
}

static enum status find_hits(struct search *search, size_t *ret_certain)
{
    TRY(know_fronts(search));
    for (int looks = 0; looks < LOOKS && !is_over(search); looks++) {
        TRY(look(search));
        TRY(know_fronts(search));
        if (count_certain(search) >= search->wanted)
            break;
    }
    *ret_certain = count_certain(search);
    return STATUS_OK;
}

/* --- the answer --- */

static enum status add_messages(struct search *search, size_t count, SearchMessagesResponse *res)
{
    struct rpc_call *call = search->call;
    int64_t *ids = arena_alloc_array(call->arena, count, sizeof(*ids));
    int64_t *sequences = arena_alloc_array(call->arena, count, sizeof(*sequences));
    struct search_found_row *rows;
    size_t row_count;

    for (size_t i = 0; i < count; i++) {
        ids[i] = search->hits[i].channel_id;
        sequences[i] = search->hits[i].sequence;
    }
    TRY(search_found(call->app->db, call->arena, ids, count, sequences, count, search->hidden,
                     search->hidden_count, &rows, &row_count));
    res->messages = arena_alloc_array(call->arena, row_count, sizeof(*res->messages));
    for (size_t i = 0; i < row_count; i++)
        res->messages[res->n_messages++] = chat_message(call->arena, MESSAGE_FIELDS(&rows[i]));
    return chat_add_reactions(call, search->hidden, search->hidden_count, res->messages,
                              res->n_messages);
}

/* After the last answer, or, when there is room for more, where the search goes on. */
static char *next_token(struct search *search, size_t page, size_t certain)
{
    struct place next;

    if (certain > page)
        return place_to_token(search->call->arena, &search->hits[page - 1]);
    if (is_over(search))
        return NULL;
    next = search->fronts[0].next;
    next.sequence++;
    return place_to_token(search->call->arena, &next);
}

static enum status search(struct rpc_call *call, const SearchMessagesRequest *req,
                          const struct place *before, SearchMessagesResponse *res)
{
    size_t page = req->page_size > 0 ? (size_t)req->page_size : DEFAULT_PAGE;
    struct search *search = arena_alloc(call->arena, sizeof(*search));
    size_t channel_count, certain;
    int64_t *channel_ids;
    char *token;

    *search =
        (struct search){.call = call, .query = req->query, .before = *before, .wanted = page + 1};
    TRY(channels_to_search(call, req, &channel_ids, &channel_count));
    TRY(blocks_list(call->app->db, call->arena, call->identity.account_id, &search->hidden,
                    &search->hidden_count));
    TRY(begin(search, channel_ids, channel_count));
    TRY(find_hits(search, &certain));
    token = next_token(search, page, certain);
    if (token != NULL)
        res->next_page_token = token;
    return add_messages(search, certain < page ? certain : page, res);
}

enum status chat_search_messages(struct rpc_call *call, const SearchMessagesRequest *req,
                                 SearchMessagesResponse *res)
{
    struct place before;

    TRY(place_of(call, req->page_token, &before));
    TRY(check_words(call, req->query));
    return search(call, req, &before, res);
}
