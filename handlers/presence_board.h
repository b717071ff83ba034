/* presence_board.h - who is there: the state of one loop, without network or database.
 *
 * A room is a channel. Its members here are the accounts whose event streams on this loop follow
 * it; what other loops have comes as parts, each of which replaces what that loop said before. Once
 * a second presence_turn() gives for each room that changed the loop's own part, if another loop
 * asked for it lately, and the difference between what followers were told and what is now.
 *
 * Joining, leaving and changing cost the same whatever the size of a room; a turn costs at most
 * PRESENCE_LIST_MAX steps for each loop's part of a room that changed, since larger rooms are only
 * counted: each part brings a sample of its members (those of whom a hash is smallest), by which
 * accounts that are on several loops count once. Without such the count is exact. Everything
 * belongs to one thread; times are monotonic milliseconds. */
#ifndef WAYSTONE_HANDLERS_PRESENCE_BOARD_H
#define WAYSTONE_HANDLERS_PRESENCE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "waystone/presence/v1/presence.h"

#define PRESENCE_LIST_MAX 200
#define PRESENCE_REFRESH_MS 10000 /* watchers ask again */
#define PRESENCE_SILENT_MS 30000  /* a loop unheard, a room unasked, an appearance unused */

struct presence_board;

/* How an account appears. */
struct presence_look {
    int64_t account_id;
    int64_t character_id; /* 0: not known yet, or it has none */
    int64_t set_at_us;    /* wall time at which its owner said so; 0: never */
    int32_t state;        /* PresenceState */
    const char *name, *where;
};

/* What a turn brings. */
struct presence_output {
    /* The loop's own part of a room, for those who asked. */
    void (*publish)(void *user, int64_t channel_id, const struct buffer *part);
    /* The difference since the last one; the event is valid during the call. */
    void (*tell)(void *user, const PresenceEvent *event);
    void *user;
};

/* `loop_id` tells this loop from all others. */
struct presence_board *presence_board_new(uint64_t loop_id);
void presence_board_free(struct presence_board *board); /* Accepts NULL. */

/* A stream of the account follows the channel, or no longer. */
void presence_join(struct presence_board *board, int64_t channel_id, int64_t account_id,
                   uint64_t now_ms);
void presence_leave(struct presence_board *board, int64_t channel_id, int64_t account_id,
                    uint64_t now_ms);

/* An account says how it appears; kept for PRESENCE_SILENT_MS when no stream of it is here. */
void presence_appear(struct presence_board *board, const struct presence_look *look,
                     uint64_t now_ms);

/* Accounts, in listed rooms that changed, whose characters have to be looked up, perhaps twice; in
 * the arena. Then what was found (character 0: none), or that it could not be looked up. */
size_t presence_unnamed(struct presence_board *board, struct arena *arena,
                        int64_t **ret_account_ids);
void presence_named(struct presence_board *board, int64_t account_id, int64_t character_id,
                    const char *name);
void presence_unresolved(struct presence_board *board, const int64_t *account_ids, size_t count);

/* Somebody here wants to know who is in the room: as long as `on`, or until a time. */
void presence_watch(struct presence_board *board, int64_t channel_id, bool on);
void presence_watch_until(struct presence_board *board, int64_t channel_id, uint64_t until_ms);
/* Rooms that are watched, in the arena; and those that are no longer are forgotten: `gone` is
 * called for each. Drops loops that were silent. Every PRESENCE_REFRESH_MS. */
size_t presence_refresh(struct presence_board *board, struct arena *arena, uint64_t now_ms,
                        void (*gone)(void *user, int64_t channel_id), void *user,
                        int64_t **ret_channel_ids);

/* Another loop asks for a room: what is here goes out with the next turns for PRESENCE_SILENT_MS.
 */
void presence_asked(struct presence_board *board, int64_t channel_id, uint64_t now_ms);
/* Appends the loop's own part of a room, empty if there is none. */
void presence_write_part(struct presence_board *board, int64_t channel_id, struct buffer *out);
/* A part of another loop; false when it is malformed. */
bool presence_hear_part(struct presence_board *board, const uint8_t *bytes, size_t length,
                        uint64_t now_ms);
/* Parts heard of a watched room since presence_watch_until() or presence_watch(). */
size_t presence_heard(const struct presence_board *board, int64_t channel_id);

void presence_turn(struct presence_board *board, uint64_t now_ms,
                   const struct presence_output *output);

/* Everybody who is in the room as far as is known here, in the arena: a complete event. */
PresenceEvent *presence_picture(struct presence_board *board, struct arena *arena,
                                int64_t channel_id);

/* The same without some accounts, given ascending; NULL when none of them would be listed. */
PresenceEvent *presence_picture_without(struct presence_board *board, struct arena *arena,
                                        int64_t channel_id, const int64_t *account_ids,
                                        size_t count);

/* Elementary steps done so far, to see how the cost grows. */
uint64_t presence_work(const struct presence_board *board);

#endif
