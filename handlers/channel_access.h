/* channel_access.h - who may enter a channel, and what it may do there.
 *
 * One row of rules per kind says how accounts belong to it and which of their characters speak.
 * An account belongs to a channel by what it is (its house, its characters' races and factions:
 * `struct channel_facts`) or by a row in channel_members. Kinds that other services bring (guild,
 * party, place) get their facts and keys here, and nothing else changes.
 *
 * Whoever does not belong is told NOT_FOUND, as for a channel that does not exist. */
#ifndef WAYSTONE_HANDLERS_CHANNEL_ACCESS_H
#define WAYSTONE_HANDLERS_CHANNEL_ACCESS_H

#include <stdbool.h>

#include "handlers/app.h"
#include "server/rpc.h"
#include "waystone/chat/v1/chat.h"

/* --- rules, without a database --- */

/* What binds an account to channels beside memberships. */
struct channel_facts {
    int64_t account_id;
    uint32_t races;    /* bit n: a living character of Race n */
    uint32_t factions; /* bit n: a living character of Faction n */
};

/* A character of the caller who wants to speak. */
struct channel_speaker {
    int64_t character_id;
    const char *name;
    int race, faction;
};

/* A channel, as far as rules look at it. */
struct channel_place {
    ChannelKind kind;
    int64_t key;
    ChannelRole role;            /* of the caller; UNSPECIFIED when it is no member */
    int64_t member_character_id; /* by which it is a member; 0: none */
};

/* More keys than an account has of one kind. */
#define CHANNEL_KEYS_MAX 16

struct channel_rule {
    ChannelKind kind;
    /* Keys of the channels of this kind that the facts bind an account to; NULL: none, it takes
     * a membership. Returns how many. */
    size_t (*keys)(const struct channel_facts *facts, int64_t keys[CHANNEL_KEYS_MAX]);
    /* Whether a character of a reader speaks there; NULL: any does. */
    bool (*speaks)(const struct channel_place *place, const struct channel_speaker *speaker);
    bool has_members; /* in channel_members */
    bool has_roles;   /* owner and moderators, who manage it; others join if it is open */
};

/* The rule of a kind; NULL for a number that is no kind. */
const struct channel_rule *channel_rule_of(ChannelKind kind);

/* Whether an account may read a channel. */
bool channel_rule_reads(const struct channel_place *place, const struct channel_facts *facts);

/* --- a caller at a channel --- */

struct channel_access {
    int64_t channel_id;
    struct channel_place place;
    const struct channel_rule *rule;
    const char *name, *topic;
    int64_t key2;
    bool open;
    int32_t slow_mode_s, member_count;
    int64_t last_sequence, archived_sequence;
    bool can_read;
    bool can_speak;                 /* whether `speaker`, or without one any character, may */
    struct channel_facts facts;     /* of the caller */
    struct channel_speaker speaker; /* character_id 0: none was asked for */
};

/* The caller at a channel it can read. NOT_FOUND (said with rpc_fail) when there is none, when it
 * is closed, when the caller does not belong to it or is banned from it. Suspends. */
enum status channel_access_get(struct rpc_call *call, struct arena *arena, int64_t channel_id,
                               struct channel_access *ret) MUST_CHECK;

/* The same with one of the caller's characters, which must be able to speak there: NOT_FOUND when
 * it is not the caller's, FAILED_PRECONDITION when it does not speak there. Suspends. */
enum status channel_access_speak(struct rpc_call *call, struct arena *arena, int64_t channel_id,
                                 int64_t character_id, struct channel_access *ret) MUST_CHECK;

/* The channel whoever calls; `can_read` tells whether the account may enter, bans aside. Nothing is
 * said to a caller. NOT_FOUND if there is no such channel or it is closed. Suspends. */
enum status channel_access_find(struct db *db, struct arena *arena, int64_t channel_id,
                                int64_t account_id, struct channel_access *ret) MUST_CHECK;

/* All channels the account may read, into the arena. Suspends. */
enum status channel_access_list(struct db *db, struct arena *arena, int64_t account_id,
                                int64_t **ret_ids, size_t *ret_count) MUST_CHECK;

#endif
