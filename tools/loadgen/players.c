#include "tools/loadgen/players.h"

#include "tools/loadgen/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t read_id(const char *text, size_t line)
{
    char *end;
    long long id = strtoll(text, &end, 10);

    if (end == text || *end != '\0' || id <= 0)
        fail("line %zu of the players' file: '%s' is no id", line, text);
    return id;
}

static void add_channel(struct player *player, int64_t id)
{
    player->channels =
        realloc(player->channels, (player->channel_count + 1) * sizeof(*player->channels));
    if (player->channels == NULL)
        abort();
    player->channels[player->channel_count++] = id;
}

static void read_player(struct player *player, char *text, size_t line)
{
    char *rest = text, *channels, *token;
    const char *id = strsep(&rest, " ");

    token = strsep(&rest, " ");
    channels = strsep(&rest, "\n");
    if (channels == NULL || rest == NULL)
        fail("line %zu of the players' file is not: CHARACTER TOKEN CHANNEL,...", line);
    *player = (struct player){.character_id = read_id(id, line)};
    if (asprintf(&player->authorization, "Bearer %s", token) < 0)
        abort();
    while (channels != NULL)
        add_channel(player, read_id(strsep(&channels, ","), line));
}

static struct player *next_player(struct players *players)
{
    if ((players->count & (players->count - 1)) == 0) {
        size_t capacity = players->count == 0 ? 1 : 2 * players->count;
        players->items = realloc(players->items, capacity * sizeof(*players->items));
        if (players->items == NULL)
            abort();
    }
    return &players->items[players->count++];
}

void players_read(struct players *players, const char *path, size_t needed)
{
    FILE *file = fopen(path != NULL ? path : "", "re");
    char *line = NULL;
    size_t size = 0;

    *players = (struct players){0};
    if (file == NULL)
        fail("the file of --players cannot be read");
    while (getline(&line, &size, file) > 0)
        read_player(next_player(players), line, players->count);
    free(line);
    fclose(file);
    if (players->count < needed)
        fail("the file of --players has %zu lines and %zu are needed", players->count, needed);
}

void players_free(struct players *players)
{
    for (size_t i = 0; i < players->count; i++) {
        free(players->items[i].authorization);
        free(players->items[i].channels);
    }
    free(players->items);
}
