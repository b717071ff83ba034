#include "handlers/channel_access.h"

#include "db/queries/channels.h"
#include "handlers/sanctions.h"

/* --- rules --- */

static size_t everyone(const struct channel_facts *facts, int64_t keys[CHANNEL_KEYS_MAX])
{
    keys[0] = 0;
    return 1;
}

static size_t own_house(const struct channel_facts *facts, int64_t keys[CHANNEL_KEYS_MAX])
{
    keys[0] = facts->account_id;
    return 1;
}

static size_t bits_to_keys(uint32_t bits, int64_t keys[CHANNEL_KEYS_MAX])
{
    size_t count = 0;

    for (int64_t bit = 0; bit < 32 && count < CHANNEL_KEYS_MAX; bit++)
        if (bits >> bit & 1)
            keys[count++] = bit;
    return count;
}

static size_t factions_served(const struct channel_facts *facts, int64_t keys[CHANNEL_KEYS_MAX])
{
    return bits_to_keys(facts->factions, keys);
}

static size_t races_born_to(const struct channel_facts *facts, int64_t keys[CHANNEL_KEYS_MAX])
{
    return bits_to_keys(facts->races, keys);
}

static bool serves_faction(const struct channel_place *place, const struct channel_speaker *speaker)
{
    return speaker->faction == place->key;
}

static bool is_of_race(const struct channel_place *place, const struct channel_speaker *speaker)
{
    return speaker->race == place->key;
}

static bool is_member(const struct channel_place *place, const struct channel_speaker *speaker)
{
    return speaker->character_id == place->member_character_id;
}

static const struct channel_rule rules[] = {
    {.kind = CHANNEL_KIND_GLOBAL, .keys = everyone},
    {.kind = CHANNEL_KIND_LOCAL},
    {.kind = CHANNEL_KIND_GUILD, .has_members = true},
    {.kind = CHANNEL_KIND_PARTY, .has_members = true},
    {.kind = CHANNEL_KIND_FAMILY, .keys = own_house},
    {.kind = CHANNEL_KIND_FACTION, .keys = factions_served, .speaks = serves_faction},
    {.kind = CHANNEL_KIND_RACE, .keys = races_born_to, .speaks = is_of_race},
    {.kind = CHANNEL_KIND_WHISPER, .speaks = is_member, .has_members = true},
    {.kind = CHANNEL_KIND_CUSTOM, .has_members = true, .has_roles = true},
};

const struct channel_rule *channel_rule_of(ChannelKind kind)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].kind == kind)
            return &rules[i];
    return NULL;
}

bool channel_rule_reads(const struct channel_place *place, const struct channel_facts *facts)
{
    const struct channel_rule *rule = channel_rule_of(place->kind);
    int64_t keys[CHANNEL_KEYS_MAX];
    size_t count = rule != NULL && rule->keys != NULL ? rule->keys(facts, keys) : 0;

    for (size_t i = 0; i < count; i++)
        if (keys[i] == place->key)
            return true;
    return rule != NULL && rule->has_members && place->role != CHANNEL_ROLE_UNSPECIFIED;
}

/* --- a caller at a channel --- */

static bool may_speak(const struct channel_access *access)
{
    if (!access->can_read)
        return false;
    if (access->speaker.character_id == 0)
        return access->facts.races != 0; /* somebody lives there to speak */
    return access->rule->speaks == NULL || access->rule->speaks(&access->place, &access->speaker);
}

static void fill(const struct channels_access_row *row, int64_t channel_id, int64_t account_id,
                 int64_t character_id, struct channel_access *ret)
{
    *ret = (struct channel_access){
        .channel_id = channel_id,
        .place = {(ChannelKind)row->kind, row->key, (ChannelRole)row->role,
                  row->member_character_id},
        .rule = channel_rule_of((ChannelKind)row->kind),
        .name = row->name,
        .topic = row->topic,
        .key2 = row->key2,
        .open = row->open,
        .slow_mode_s = row->slow_mode_s,
        .member_count = row->member_count,
        .last_sequence = row->last_sequence,
        .archived_sequence = row->archived_sequence,
        .facts = {account_id, (uint32_t)row->races, (uint32_t)row->factions},
    };
    if (row->speaker_name != NULL)
        ret->speaker = (struct channel_speaker){character_id, row->speaker_name, row->speaker_race,
                                                row->speaker_faction};
    ret->can_read = channel_rule_reads(&ret->place, &ret->facts);
    ret->can_speak = may_speak(ret);
}

static enum status find(struct db *db, struct arena *arena, int64_t channel_id, int64_t account_id,
                        int64_t character_id, struct channel_access *ret)
{
    struct channels_access_row *row;

    TRY(channels_access(db, arena, channel_id, account_id, character_id, &row));
    fill(row, channel_id, account_id, character_id, ret);
    return STATUS_OK;
}

enum status channel_access_find(struct db *db, struct arena *arena, int64_t channel_id,
                                int64_t account_id, struct channel_access *ret)
{
    return find(db, arena, channel_id, account_id, 0, ret);
}

static enum status get(struct rpc_call *call, struct arena *arena, int64_t channel_id,
                       int64_t character_id, struct channel_access *ret)
{
    enum status s =
        find(call->app->db, arena, channel_id, call->identity.account_id, character_id, ret);

    if (s == STATUS_OK && !ret->can_read)
        s = STATUS_NOT_FOUND;
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no channel %lld", (long long)channel_id);
    TRY(s);
    return sanction_check_reading(call, channel_id);
}

enum status channel_access_get(struct rpc_call *call, struct arena *arena, int64_t channel_id,
                               struct channel_access *ret)
{
    return get(call, arena, channel_id, 0, ret);
}

enum status channel_access_speak(struct rpc_call *call, struct arena *arena, int64_t channel_id,
                                 int64_t character_id, struct channel_access *ret)
{
    TRY(get(call, arena, channel_id, character_id, ret));
    if (ret->speaker.character_id == 0)
        return rpc_fail(call, STATUS_NOT_FOUND, "you have no character %lld",
                        (long long)character_id);
    if (!ret->can_speak)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "%s does not speak in this channel",
                        ret->speaker.name);
    return STATUS_OK;
}

/* --- all channels of an account --- */

struct bound_keys {
    int64_t kinds[CHANNEL_KEYS_MAX * 9], keys[CHANNEL_KEYS_MAX * 9];
    size_t count;
};

static void bind(const struct channel_facts *facts, struct bound_keys *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        size_t count = rules[i].keys ? rules[i].keys(facts, ret->keys + ret->count) : 0;
        for (size_t j = 0; j < count; j++)
            ret->kinds[ret->count++] = rules[i].kind;
    }
}

enum status channel_access_list(struct db *db, struct arena *arena, int64_t account_id,
                                int64_t **ret_ids, size_t *ret_count)
{
    struct channels_facts_row *facts;
    struct channels_of_account_row *rows;
    struct bound_keys bound;
    size_t count;

    TRY(channels_facts(db, arena, account_id, &facts));
    bind(&(struct channel_facts){account_id, (uint32_t)facts->races, (uint32_t)facts->factions},
         &bound);
    TRY(channels_of_account(db, arena, account_id, bound.kinds, bound.count, bound.keys,
                            bound.count, &rows, &count));
    *ret_ids = arena_alloc_array(arena, count, sizeof(**ret_ids));
    for (size_t i = 0; i < count; i++)
        (*ret_ids)[i] = rows[i].id;
    *ret_count = count;
    return STATUS_OK;
}
