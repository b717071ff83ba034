#include "handlers/presence_board.h"

#include <stdlib.h>
#include <string.h>

/* --- a table by number --- */

struct node {
    int64_t key;
    struct node *next;
};

struct table {
    struct node **buckets;
    size_t size, count; /* size: a power of two, or 0 */
};

static void *must_calloc(size_t count, size_t size_bytes)
{
    void *memory = calloc(count, size_bytes);

    if (memory == NULL)
        abort();
    return memory;
}

static size_t slot_of(const struct table *table, int64_t key)
{
    return (size_t)((uint64_t)key * 11400714819323198485u >> 32) & (table->size - 1);
}

static void *table_find(const struct table *table, int64_t key)
{
    struct node *node = table->size > 0 ? table->buckets[slot_of(table, key)] : NULL;

    while (node != NULL && node->key != key)
        node = node->next;
    return node;
}

static void table_grow(struct table *table)
{
    struct table grown = {.size = table->size > 0 ? 2 * table->size : 4, .count = table->count};

    grown.buckets = must_calloc(grown.size, sizeof(*grown.buckets));
    for (size_t i = 0; i < table->size; i++)
        for (struct node *node = table->buckets[i], *next; node != NULL; node = next) {
            struct node **slot = &grown.buckets[slot_of(&grown, node->key)];
            next = node->next;
            node->next = *slot;
            *slot = node;
        }
    free(table->buckets);
    *table = grown;
}

static void table_add(struct table *table, struct node *node, int64_t key)
{
    struct node **slot;

    if (table->count == table->size)
        table_grow(table);
    slot = &table->buckets[slot_of(table, key)];
    node->key = key;
    node->next = *slot;
    *slot = node;
    table->count++;
}

static void table_remove(struct table *table, struct node *node)
{
    struct node **link = &table->buckets[slot_of(table, node->key)];

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    table->count--;
}

/* --- the board --- */

/* An account with streams here, or whose owner said lately how it appears. */
struct account {
    struct node node; /* by account; first */
    struct member *memberships;
    struct presence_look look; /* owns its texts */
    bool looked_up;
    uint64_t used_ms;
};

struct member {
    struct node node; /* by account, in the room; first */
    struct room *room;
    struct account *account;
    unsigned streams;
    struct member *next, *previous; /* of the account */
};

/* Of a set of accounts those with the smallest hashes, ascending: of any two sets these tell how
 * much they have in common. */
#define SAMPLE_MAX 256
#define SAMPLE_MIN 128 /* fewer are looked up anew */

struct sample {
    uint64_t hashes[SAMPLE_MAX];
    size_t count;
};

/* What another loop has in a room. */
struct part {
    uint64_t loop_id;
    uint64_t heard_ms;
    uint32_t count;
    struct sample *sample;       /* instead of looks, of large parts */
    struct presence_look *looks; /* by account; none when there are too many */
    size_t look_count;
    struct part *next;
};

/* What followers were told of somebody. */
struct told {
    int64_t character_id;
    uint64_t hash;
};

struct room {
    struct node node; /* by channel; first */
    struct table members;
    struct sample *sample; /* of the members, once there are too many to list */
    struct part *parts;
    bool watched;
    uint64_t watched_until_ms, asked_until_ms;
    size_t heard;
    bool own_changed; /* since it was published */
    bool dirty;       /* in the board's list */
    struct room *next_dirty;
    struct told *told; /* by character */
    size_t told_count;
    int32_t told_online;
    bool told_list;
};

struct presence_board {
    uint64_t loop_id;
    struct table rooms, accounts;
    struct room *dirty;
    uint64_t work;
};

static void mark(struct presence_board *board, struct room *room, bool own)
{
    room->own_changed |= own;
    if (room->dirty)
        return;
    room->dirty = true;
    room->next_dirty = board->dirty;
    board->dirty = room;
}

static struct room *find_or_add_room(struct presence_board *board, int64_t channel_id)
{
    struct room *room = table_find(&board->rooms, channel_id);

    if (room == NULL) {
        room = must_calloc(1, sizeof(*room));
        table_add(&board->rooms, &room->node, channel_id);
    }
    return room;
}

static void set_text(const char **text, const char *value)
{
    char *copy = strdup(value != NULL ? value : "");

    if (copy == NULL)
        abort();
    free((char *)*text);
    *text = copy;
}

static void set_look(struct presence_look *look, const struct presence_look *value)
{
    const char *name = look->name, *where = look->where;

    set_text(&name, value->name);
    set_text(&where, value->where);
    *look = *value;
    look->name = name;
    look->where = where;
}

static void clear_look(struct presence_look *look)
{
    free((char *)look->name);
    free((char *)look->where);
}

static struct account *find_or_add_account(struct presence_board *board, int64_t account_id,
                                           uint64_t now_ms)
{
    struct account *account = table_find(&board->accounts, account_id);

    if (account == NULL) {
        account = must_calloc(1, sizeof(*account));
        account->look.account_id = account_id;
        account->look.state = PRESENCE_STATE_ONLINE;
        table_add(&board->accounts, &account->node, account_id);
    }
    account->used_ms = now_ms;
    return account;
}

/* --- samples --- */

/* splitmix64's: a bijection, so that accounts have hashes of their own. */
static uint64_t hash_account(int64_t account_id)
{
    uint64_t hash = (uint64_t)account_id + 0x9e3779b97f4a7c15u;

    hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ hash >> 27) * 0x94d049bb133111ebu;
    return hash ^ hash >> 31;
}

/* Where the hash is, or belongs. */
static size_t sample_place(const struct sample *sample, uint64_t hash)
{
    size_t low = 0, high = sample->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sample->hashes[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void sample_put(struct sample *sample, uint64_t hash)
{
    size_t place = sample_place(sample, hash);

    if (place == SAMPLE_MAX)
        return;
    if (sample->count < SAMPLE_MAX)
        sample->count++;
    memmove(&sample->hashes[place + 1], &sample->hashes[place],
            (sample->count - place - 1) * sizeof(hash));
    sample->hashes[place] = hash;
}

/* Whether the sample has changed. */
static bool sample_take(struct sample *sample, uint64_t hash)
{
    size_t place = sample_place(sample, hash);

    if (place == sample->count || sample->hashes[place] != hash)
        return false;
    sample->count--;
    memmove(&sample->hashes[place], &sample->hashes[place + 1],
            (sample->count - place) * sizeof(hash));
    return true;
}

static bool is_listed(const struct room *room)
{
    return room->members.count <= PRESENCE_LIST_MAX;
}

/* For each node of a table; the body may free it. */
/* NOLINTBEGIN(bugprone-macro-parentheses): what it declares cannot stand in parentheses */
#define FOR_EACH(table_, type_, item_)                                                          \
    for (size_t i_##item_ = 0; i_##item_ < (table_)->size; i_##item_++)                         \
        for (struct type_ *item_ = (struct type_ *)(table_)->buckets[i_##item_], *next_##item_; \
             item_ != NULL && (next_##item_ = (struct type_ *)item_->node.next, true);          \
             item_ = next_##item_)
/* NOLINTEND(bugprone-macro-parentheses) */

/* Each look at all members is paid for by those who came or left since the last: a sample loses its
 * members as slowly as the room does. */
static void make_sample(struct presence_board *board, struct room *room)
{
    if (room->sample == NULL)
        room->sample = must_calloc(1, sizeof(*room->sample));
    room->sample->count = 0;
    FOR_EACH(&room->members, member, member)
    {
        board->work++;
        sample_put(room->sample, hash_account(member->node.key));
    }
}

static void drop_sample(struct room *room)
{
    free(room->sample);
    room->sample = NULL;
}

/* After a member came. Beyond the last of a sample that is not full, but was, may be others. */
static void sample_member(struct presence_board *board, struct room *room, int64_t account_id)
{
    const struct sample *sample = room->sample;
    uint64_t hash = hash_account(account_id);

    if (sample == NULL && !is_listed(room))
        make_sample(board, room);
    else if (sample != NULL &&
             (sample->count == SAMPLE_MAX || hash < sample->hashes[sample->count - 1]))
        sample_put(room->sample, hash);
}

/* After a member left. */
static void unsample_member(struct presence_board *board, struct room *room, int64_t account_id)
{
    if (room->sample == NULL)
        return;
    if (is_listed(room))
        drop_sample(room);
    else if (sample_take(room->sample, hash_account(account_id)) &&
             room->sample->count < SAMPLE_MIN)
        make_sample(board, room);
}

/* --- members --- */

void presence_join(struct presence_board *board, int64_t channel_id, int64_t account_id,
                   uint64_t now_ms)
{
    struct room *room = find_or_add_room(board, channel_id);
    struct member *member = table_find(&room->members, account_id);

    board->work++;
    if (member == NULL) {
        struct account *account = find_or_add_account(board, account_id, now_ms);
        member = must_calloc(1, sizeof(*member));
        member->room = room;
        member->account = account;
        member->next = account->memberships;
        if (account->memberships != NULL)
            account->memberships->previous = member;
        account->memberships = member;
        table_add(&room->members, &member->node, account_id);
        sample_member(board, room, account_id);
        mark(board, room, true);
    }
    member->streams++;
}

static void free_member(struct member *member)
{
    if (member->previous != NULL)
        member->previous->next = member->next;
    else
        member->account->memberships = member->next;
    if (member->next != NULL)
        member->next->previous = member->previous;
    table_remove(&member->room->members, &member->node);
    free(member);
}

void presence_leave(struct presence_board *board, int64_t channel_id, int64_t account_id,
                    uint64_t now_ms)
{
    struct room *room = table_find(&board->rooms, channel_id);
    struct member *member = room != NULL ? table_find(&room->members, account_id) : NULL;

    board->work++;
    if (member == NULL || --member->streams > 0)
        return;
    member->account->used_ms = now_ms;
    free_member(member);
    unsample_member(board, room, account_id);
    mark(board, room, true);
}

void presence_appear(struct presence_board *board, const struct presence_look *look,
                     uint64_t now_ms)
{
    struct account *account = find_or_add_account(board, look->account_id, now_ms);

    if (look->set_at_us < account->look.set_at_us)
        return;
    set_look(&account->look, look);
    account->looked_up = true;
    for (struct member *at = account->memberships; at != NULL; at = at->next) {
        board->work++;
        mark(board, at->room, true);
    }
}

size_t presence_unnamed(struct presence_board *board, struct arena *arena,
                        int64_t **ret_account_ids)
{
    size_t count = 0, most = 0;

    for (struct room *room = board->dirty; room != NULL; room = room->next_dirty)
        most += is_listed(room) ? room->members.count : 0;
    *ret_account_ids = arena_alloc_array(arena, most, sizeof(**ret_account_ids));
    for (struct room *room = board->dirty; room != NULL; room = room->next_dirty) {
        if (!is_listed(room))
            continue;
        FOR_EACH(&room->members, member, member)
        {
            board->work++;
            if (!member->account->looked_up)
                (*ret_account_ids)[count++] = member->account->look.account_id;
        }
    }
    return count;
}

void presence_named(struct presence_board *board, int64_t account_id, int64_t character_id,
                    const char *name)
{
    struct account *account = table_find(&board->accounts, account_id);

    if (account == NULL || account->look.set_at_us != 0)
        return;
    account->looked_up = true;
    if (character_id == 0)
        return;
    account->look.character_id = character_id;
    set_text(&account->look.name, name);
    for (struct member *at = account->memberships; at != NULL; at = at->next)
        mark(board, at->room, true);
}

void presence_unresolved(struct presence_board *board, const int64_t *account_ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct account *account = table_find(&board->accounts, account_ids[i]);
        for (struct member *at = account ? account->memberships : NULL; at; at = at->next)
            mark(board, at->room, false);
    }
}

/* --- parts: in bytes, numbers big-endian ---
 *
 * loop 8, channel 8, count 4, listed 2, then for each listed account: account 8, character 8,
 * set-at 8, state 1, name length 1, name, where length 1, where; without a list, sampled 2 and that
 * many hashes of 8, ascending. */

#define PART_HEAD_BYTES 22

static void put(struct buffer *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        buffer_append_char(out, (char)(value >> (8 * i)));
}

static void put_text(struct buffer *out, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;

    if (length > UINT8_MAX) /* the API allows less */
        length = 0;
    put(out, length, 1);
    buffer_append(out, text, length);
}

static void put_look(struct buffer *out, const struct presence_look *look)
{
    put(out, (uint64_t)look->account_id, 8);
    put(out, (uint64_t)look->character_id, 8);
    put(out, (uint64_t)look->set_at_us, 8);
    put(out, (uint64_t)look->state, 1);
    put_text(out, look->name);
    put_text(out, look->where);
}

static void put_sample(struct buffer *out, const struct sample *sample)
{
    put(out, sample->count, 2);
    for (size_t i = 0; i < sample->count; i++)
        put(out, sample->hashes[i], 8);
}

void presence_write_part(struct presence_board *board, int64_t channel_id, struct buffer *out)
{
    struct room *room = table_find(&board->rooms, channel_id);
    size_t count = room != NULL ? room->members.count : 0;

    put(out, board->loop_id, 8);
    put(out, (uint64_t)channel_id, 8);
    put(out, count, 4);
    if (room != NULL && !is_listed(room)) {
        put(out, 0, 2);
        put_sample(out, room->sample);
        return;
    }
    put(out, count, 2);
    if (room == NULL)
        return;
    FOR_EACH(&room->members, member, member)
    {
        board->work++;
        put_look(out, &member->account->look);
    }
}

struct reader {
    const uint8_t *at;
    size_t left;
    bool failed;
};

static uint64_t get(struct reader *in, size_t bytes)
{
    uint64_t value = 0;

    if (in->left < bytes) {
        in->failed = true;
        in->left = 0;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | in->at[i];
    in->at += bytes;
    in->left -= bytes;
    return value;
}

static const char *get_text(struct reader *in)
{
    size_t length = get(in, 1);
    char *text = must_calloc(1, length + 1);

    if (in->left < length) {
        in->failed = true;
        in->left = 0;
        return text;
    }
    memcpy(text, in->at, length);
    in->at += length;
    in->left -= length;
    return text;
}

static void get_look(struct reader *in, struct presence_look *look)
{
    look->account_id = (int64_t)get(in, 8);
    look->character_id = (int64_t)get(in, 8);
    look->set_at_us = (int64_t)get(in, 8);
    look->state = (int32_t)get(in, 1);
    look->name = get_text(in);
    look->where = get_text(in);
}

static void get_sample(struct reader *in, struct part *part)
{
    size_t count = get(in, 2);

    if (count == 0 || count > SAMPLE_MAX) {
        in->failed = true;
        return;
    }
    part->sample = must_calloc(1, sizeof(*part->sample));
    part->sample->count = count;
    for (size_t i = 0; i < count; i++) {
        part->sample->hashes[i] = get(in, 8);
        if (i > 0 && part->sample->hashes[i] <= part->sample->hashes[i - 1])
            in->failed = true;
    }
}

static void clear_part(struct part *part)
{
    free(part->sample);
    part->sample = NULL;
    for (size_t i = 0; i < part->look_count; i++)
        clear_look(&part->looks[i]);
    free(part->looks);
    part->looks = NULL;
    part->look_count = 0;
}

static void drop_part(struct room *room, struct part *part)
{
    struct part **link = &room->parts;

    while (*link != part)
        link = &(*link)->next;
    *link = part->next;
    clear_part(part);
    free(part);
}

static struct part *find_or_add_part(struct room *room, uint64_t loop_id)
{
    struct part *part = room->parts;

    while (part != NULL && part->loop_id != loop_id)
        part = part->next;
    if (part == NULL) {
        part = must_calloc(1, sizeof(*part));
        part->loop_id = loop_id;
        part->next = room->parts;
        room->parts = part;
    }
    return part;
}

static bool is_watched(const struct room *room, uint64_t now_ms)
{
    return room->watched || room->watched_until_ms > now_ms;
}

bool presence_hear_part(struct presence_board *board, const uint8_t *bytes, size_t length,
                        uint64_t now_ms)
{
    struct reader in = {bytes, length, false};
    uint64_t loop_id = get(&in, 8);
    struct room *room = table_find(&board->rooms, (int64_t)get(&in, 8));
    uint32_t count = (uint32_t)get(&in, 4);
    size_t listed = get(&in, 2);
    struct part *part;

    if (in.failed || listed > PRESENCE_LIST_MAX || listed > count)
        return false;
    if (loop_id == board->loop_id || room == NULL || !is_watched(room, now_ms))
        return true;
    room->heard++;
    part = find_or_add_part(room, loop_id);
    clear_part(part);
    part->heard_ms = now_ms;
    part->count = count;
    part->looks = must_calloc(listed + 1, sizeof(*part->looks));
    while (part->look_count < listed && !in.failed) {
        board->work++;
        get_look(&in, &part->looks[part->look_count++]);
    }
    if (count > listed)
        get_sample(&in, part);
    mark(board, room, false);
    if (in.failed || in.left > 0 || count == 0)
        drop_part(room, part);
    return !in.failed && in.left == 0;
}

/* --- watching --- */

void presence_watch(struct presence_board *board, int64_t channel_id, bool on)
{
    struct room *room = find_or_add_room(board, channel_id);

    room->watched = on;
    room->heard = 0;
    mark(board, room, false);
}

void presence_watch_until(struct presence_board *board, int64_t channel_id, uint64_t until_ms)
{
    struct room *room = find_or_add_room(board, channel_id);

    room->watched_until_ms = until_ms;
    room->heard = 0;
    mark(board, room, false);
}

size_t presence_heard(const struct presence_board *board, int64_t channel_id)
{
    const struct room *room = table_find(&board->rooms, channel_id);

    return room != NULL ? room->heard : 0;
}

void presence_asked(struct presence_board *board, int64_t channel_id, uint64_t now_ms)
{
    struct room *room = table_find(&board->rooms, channel_id);

    if (room == NULL || room->members.count == 0)
        return;
    room->asked_until_ms = now_ms + PRESENCE_SILENT_MS;
    mark(board, room, true);
}

static void drop_silent_parts(struct presence_board *board, struct room *room, uint64_t now_ms)
{
    for (struct part *part = room->parts, *next; part != NULL; part = next) {
        next = part->next;
        if (now_ms - part->heard_ms < PRESENCE_SILENT_MS)
            continue;
        drop_part(room, part);
        mark(board, room, false);
    }
}

static void free_room(struct presence_board *board, struct room *room)
{
    while (room->parts != NULL)
        drop_part(room, room->parts);
    table_remove(&board->rooms, &room->node);
    drop_sample(room);
    free(room->members.buckets);
    free(room->told);
    free(room);
}

static void forget_accounts(struct presence_board *board, uint64_t now_ms)
{
    FOR_EACH(&board->accounts, account, account)
    {
        if (account->memberships != NULL || now_ms - account->used_ms < PRESENCE_SILENT_MS)
            continue;
        table_remove(&board->accounts, &account->node);
        clear_look(&account->look);
        free(account);
    }
}

/* Nobody looks any more: what others have is not heard from now on. */
static void stop_watching(struct room *room, void (*gone)(void *user, int64_t channel_id),
                          void *user)
{
    if (room->watched_until_ms == 0)
        return;
    room->watched_until_ms = 0;
    gone(user, room->node.key);
}

size_t presence_refresh(struct presence_board *board, struct arena *arena, uint64_t now_ms,
                        void (*gone)(void *user, int64_t channel_id), void *user,
                        int64_t **ret_channel_ids)
{
    size_t count = 0;

    *ret_channel_ids = arena_alloc_array(arena, board->rooms.count, sizeof(**ret_channel_ids));
    FOR_EACH(&board->rooms, room, room)
    {
        board->work++;
        drop_silent_parts(board, room, now_ms);
        if (is_watched(room, now_ms)) {
            (*ret_channel_ids)[count++] = room->node.key;
            continue;
        }
        stop_watching(room, gone, user);
        if (room->members.count == 0 && !room->dirty && room->asked_until_ms <= now_ms)
            free_room(board, room);
    }
    forget_accounts(board, now_ms);
    return count;
}

/* --- what followers are told --- */

/* Everybody in a room, each account once, by character. */
struct view {
    const struct presence_look **looks;
    size_t count; /* with a character, to be listed */
    int32_t online;
    bool list;
    bool left_out; /* somebody was */
};

static size_t gather_looks(struct presence_board *board, const struct room *room,
                           const struct presence_look **looks)
{
    size_t count = 0;

    FOR_EACH(&room->members, member, member)
    looks[count++] = &member->account->look;
    for (const struct part *part = room->parts; part != NULL; part = part->next)
        for (size_t i = 0; i < part->look_count; i++)
            looks[count++] = &part->looks[i];
    board->work += count;
    return count;
}

/* By account; of one account first what was said last. */
static int compare_accounts(const void *a, const void *b)
{
    const struct presence_look *left = *(const struct presence_look *const *)a;
    const struct presence_look *right = *(const struct presence_look *const *)b;

    if (left->account_id != right->account_id)
        return left->account_id < right->account_id ? -1 : 1;
    if (left->set_at_us != right->set_at_us)
        return left->set_at_us > right->set_at_us ? -1 : 1;
    return (left->character_id < right->character_id) - (left->character_id > right->character_id);
}

static int compare_characters(const void *a, const void *b)
{
    const struct presence_look *left = *(const struct presence_look *const *)a;
    const struct presence_look *right = *(const struct presence_look *const *)b;

    return (left->character_id > right->character_id) - (left->character_id < right->character_id);
}

/* --- how many there are --- */

/* Hashes of a room's accounts, once for each loop that has them, of all that are below a bound. */
struct counting {
    uint64_t *hashes;
    size_t count;
    uint64_t bound; /* of the samples taken so far: all below, and it, are known */
    size_t total;   /* of all loops: accounts on several count for each */
    bool whole;     /* all hashes are there */
};

static void count_sample(struct counting *counting, const struct sample *sample)
{
    memcpy(counting->hashes + counting->count, sample->hashes,
           sample->count * sizeof(*sample->hashes));
    counting->count += sample->count;
    counting->whole = false;
    if (sample->hashes[sample->count - 1] < counting->bound)
        counting->bound = sample->hashes[sample->count - 1];
}

static size_t sets_of(const struct room *room)
{
    size_t sets = 1;

    for (const struct part *part = room->parts; part != NULL; part = part->next)
        sets++;
    return sets;
}

static void gather_hashes(struct presence_board *board, struct arena *arena,
                          const struct room *room, struct counting *ret)
{
    *ret = (struct counting){.bound = UINT64_MAX, .whole = true, .total = room->members.count};
    ret->hashes = arena_alloc_array(arena, sets_of(room) * SAMPLE_MAX, sizeof(*ret->hashes));
    if (room->sample != NULL)
        count_sample(ret, room->sample);
    else
        FOR_EACH(&room->members, member, member)
    ret->hashes[ret->count++] = hash_account(member->node.key);
    for (const struct part *part = room->parts; part != NULL; part = part->next) {
        ret->total += part->count;
        if (part->sample != NULL)
            count_sample(ret, part->sample);
        for (size_t i = 0; i < part->look_count; i++)
            ret->hashes[ret->count++] = hash_account(part->looks[i].account_id);
    }
    board->work += ret->count;
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* Accounts that are there, each once: from how often those below the bound occur. */
static size_t count_accounts(struct presence_board *board, const struct room *room, bool *ret_whole)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    size_t occurring = 0, accounts = 0;
    struct counting counting;

    *ret_whole = is_listed(room);
    if (room->parts == NULL)
        return room->members.count;
    gather_hashes(board, arena, room, &counting);
    *ret_whole = counting.whole;
    qsort(counting.hashes, counting.count, sizeof(*counting.hashes), compare_hashes);
    for (; occurring < counting.count && counting.hashes[occurring] <= counting.bound; occurring++)
        accounts += occurring == 0 || counting.hashes[occurring] != counting.hashes[occurring - 1];
    if (accounts == 0)
        return counting.total;
    return (counting.total * accounts + occurring / 2) / occurring;
}

/* --- views --- */

static bool is_among(const int64_t *ids, size_t count, int64_t id)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ids[middle] == id)
            return true;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Sets what a view's list has, without some accounts. */
static void list_looks(struct presence_board *board, struct arena *arena, const struct room *room,
                       struct view *view, const int64_t *without, size_t without_count)
{
    int64_t last = 0;
    size_t count;

    view->looks = arena_alloc_array(arena, sets_of(room) * PRESENCE_LIST_MAX, sizeof(*view->looks));
    count = gather_looks(board, room, view->looks);
    qsort(view->looks, count, sizeof(*view->looks), compare_accounts);
    view->online = 0;
    /* In place: what is kept never overtakes what is looked at. */
    for (size_t i = 0; i < count; i++) {
        int64_t account_id = view->looks[i]->account_id;
        if (i > 0 && account_id == last)
            continue;
        last = account_id;
        if (is_among(without, without_count, account_id)) {
            view->left_out = true;
            continue;
        }
        view->online++;
        if (view->looks[i]->character_id != 0)
            view->looks[view->count++] = view->looks[i];
    }
    qsort(view->looks, view->count, sizeof(*view->looks), compare_characters);
}

static void look_at(struct presence_board *board, struct arena *arena, const struct room *room,
                    struct view *view, const int64_t *without, size_t without_count)
{
    bool whole;

    *view = (struct view){.online = (int32_t)count_accounts(board, room, &whole)};
    view->list = whole && view->online <= PRESENCE_LIST_MAX;
    if (view->list)
        list_looks(board, arena, room, view, without, without_count);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        hash = (hash ^ (uint8_t)*text) * 1099511628211u;
    return (hash ^ 0xff) * 1099511628211u;
}

static uint64_t hash_look(const struct presence_look *look)
{
    return hash_text(hash_text(14695981039346656037u ^ (uint64_t)look->state, look->name),
                     look->where);
}

static Presence *look_to_api(struct arena *arena, const struct presence_look *look)
{
    Presence *presence = Presence_new(arena);

    presence->character_id = look->character_id;
    presence->character_name = (char *)(look->name != NULL ? look->name : "");
    presence->state = (PresenceState)look->state;
    presence->where = (char *)(look->where != NULL ? look->where : "");
    return presence;
}

static PresenceEvent *new_event(struct arena *arena, int64_t channel_id, const struct view *view)
{
    PresenceEvent *event = PresenceEvent_new(arena);

    event->channel_id = channel_id;
    event->online_count = view->online;
    event->changed = arena_alloc_array(arena, view->count, sizeof(*event->changed));
    return event;
}

static PresenceEvent *picture_of(struct arena *arena, int64_t channel_id, const struct view *view)
{
    PresenceEvent *event = new_event(arena, channel_id, view);

    event->complete = true;
    for (size_t i = 0; i < view->count; i++)
        event->changed[event->n_changed++] = look_to_api(arena, view->looks[i]);
    return event;
}

/* Both are ordered by character. */
static PresenceEvent *difference(struct arena *arena, const struct room *room,
                                 const struct view *view)
{
    PresenceEvent *event = new_event(arena, room->node.key, view);
    size_t old = 0;

    event->left_character_ids =
        arena_alloc_array(arena, room->told_count, sizeof(*event->left_character_ids));
    for (size_t i = 0; i < view->count; i++) {
        const struct presence_look *look = view->looks[i];
        while (old < room->told_count && room->told[old].character_id < look->character_id)
            event->left_character_ids[event->n_left_character_ids++] =
                room->told[old++].character_id;
        if (old < room->told_count && room->told[old].character_id == look->character_id) {
            if (room->told[old++].hash == hash_look(look))
                continue;
        }
        event->changed[event->n_changed++] = look_to_api(arena, look);
    }
    while (old < room->told_count)
        event->left_character_ids[event->n_left_character_ids++] = room->told[old++].character_id;
    return event;
}

static void remember(struct room *room, const struct view *view)
{
    free(room->told);
    room->told = view->count > 0 ? must_calloc(view->count, sizeof(*room->told)) : NULL;
    room->told_count = view->count;
    for (size_t i = 0; i < view->count; i++)
        room->told[i] = (struct told){view->looks[i]->character_id, hash_look(view->looks[i])};
    room->told_online = view->online;
    room->told_list = view->list;
}

static void tell(struct presence_board *board, struct room *room,
                 const struct presence_output *output)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct view view;
    PresenceEvent *event;

    look_at(board, arena, room, &view, NULL, 0);
    if (view.list != room->told_list)
        event = picture_of(arena, room->node.key, &view);
    else
        event = difference(arena, room, &view);
    if (event->complete || event->n_changed > 0 || event->n_left_character_ids > 0 ||
        view.online != room->told_online)
        output->tell(output->user, event);
    remember(room, &view);
}

static void publish(struct presence_board *board, struct room *room,
                    const struct presence_output *output)
{
    struct buffer part = {0};

    presence_write_part(board, room->node.key, &part);
    output->publish(output->user, room->node.key, &part);
    buffer_free(&part);
    room->own_changed = false;
}

void presence_turn(struct presence_board *board, uint64_t now_ms,
                   const struct presence_output *output)
{
    struct room *room;

    while ((room = board->dirty) != NULL) {
        board->dirty = room->next_dirty;
        room->dirty = false;
        if (room->own_changed && room->asked_until_ms > now_ms)
            publish(board, room, output);
        if (room->watched)
            tell(board, room, output);
        if (room->members.count == 0 && !is_watched(room, now_ms) &&
            room->asked_until_ms <= now_ms && room->watched_until_ms == 0)
            free_room(board, room);
    }
}

PresenceEvent *presence_picture(struct presence_board *board, struct arena *arena,
                                int64_t channel_id)
{
    struct room *room = table_find(&board->rooms, channel_id);
    struct view view = {.list = true};

    if (room != NULL)
        look_at(board, arena, room, &view, NULL, 0);
    return picture_of(arena, channel_id, &view);
}

PresenceEvent *presence_picture_without(struct presence_board *board, struct arena *arena,
                                        int64_t channel_id, const int64_t *account_ids,
                                        size_t count)
{
    struct room *room = table_find(&board->rooms, channel_id);
    struct view view;

    if (room == NULL)
        return NULL;
    look_at(board, arena, room, &view, account_ids, count);
    return view.left_out ? picture_of(arena, channel_id, &view) : NULL;
}

uint64_t presence_work(const struct presence_board *board)
{
    return board->work;
}

/* --- life --- */

struct presence_board *presence_board_new(uint64_t loop_id)
{
    struct presence_board *board = must_calloc(1, sizeof(*board));

    board->loop_id = loop_id;
    return board;
}

void presence_board_free(struct presence_board *board)
{
    if (board == NULL)
        return;
    FOR_EACH(&board->rooms, room, room)
    {
        FOR_EACH(&room->members, member, member)
        free_member(member);
        free_room(board, room);
    }
    FOR_EACH(&board->accounts, account, account)
    {
        clear_look(&account->look);
        free(account);
    }
    free(board->rooms.buckets);
    free(board->accounts.buckets);
    free(board);
}
