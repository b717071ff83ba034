/* players.h - who plays: accounts that exist already, read from a file.
 *
 * A line is "CHARACTER TOKEN CHANNEL,CHANNEL,...": the id of a character, an access token of its
 * account, and the ids of the channels it follows. tools/dev/players.py writes such files. */
#ifndef WAYSTONE_TOOLS_LOADGEN_PLAYERS_H
#define WAYSTONE_TOOLS_LOADGEN_PLAYERS_H

#include <stddef.h>
#include <stdint.h>

struct player {
    int64_t character_id;
    char *authorization; /* "Bearer ..." */
    int64_t *channels;
    size_t channel_count; /* at least one */
};

struct players {
    struct player *items;
    size_t count;
};

/* Ends the program with a sentence if the file is wrong or has fewer than `needed` lines. */
void players_read(struct players *players, const char *path, size_t needed);
void players_free(struct players *players);

#endif
