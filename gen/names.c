#include "gen/names.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

/* Whether a word starts at `at`: at a capital after a small letter or digit, or at the last
 * capital of a run that a small letter follows. */
static bool starts_word(const char *name, size_t at)
{
    if (at == 0 || !isupper((unsigned char)name[at]) || name[at - 1] == '_')
        return false;
    if (!isupper((unsigned char)name[at - 1]))
        return true;
    return islower((unsigned char)name[at + 1]) != 0;
}

static char *name_words(struct arena *arena, const char *name, int (*convert)(int))
{
    size_t length = strlen(name), at = 0;
    char *words = arena_alloc(arena, 2 * length + 1);

    for (size_t i = 0; i < length; i++) {
        if (starts_word(name, i))
            words[at++] = '_';
        words[at++] = (char)convert((unsigned char)name[i]);
    }
    return words;
}

char *name_snake(struct arena *arena, const char *name)
{
    return name_words(arena, name, tolower);
}

char *name_upper(struct arena *arena, const char *name)
{
    return name_words(arena, name, toupper);
}

char *name_camel(struct arena *arena, const char *dotted)
{
    char *camel = arena_alloc(arena, strlen(dotted) + 1);
    size_t at = 0;
    bool capital = true;

    for (; *dotted != '\0'; dotted++) {
        if (*dotted == '.' || *dotted == '_') {
            capital = true;
            continue;
        }
        camel[at++] = (char)(capital ? toupper((unsigned char)*dotted) : *dotted);
        capital = false;
    }
    return camel;
}

char *name_identifier(struct arena *arena, const char *text)
{
    char *identifier = arena_strdup(arena, text);

    for (char *c = identifier; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    return identifier;
}

/* The slot that has the name, or the free one where it belongs. FNV-1a. */
static size_t name_set_slot(const struct name_set *set, const char *name)
{
    uint32_t hash = 2166136261u;
    size_t slot;

    for (const char *c = name; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    slot = hash & (set->capacity - 1);
    while (set->slots[slot] != NULL && strcmp(set->slots[slot], name) != 0)
        slot = (slot + 1) & (set->capacity - 1);
    return slot;
}

static void name_set_grow(struct name_set *set)
{
    struct name_set grown = {
        .arena = set->arena,
        .capacity = set->capacity ? 2 * set->capacity : 256,
        .count = set->count,
    };

    grown.slots = arena_alloc_array(set->arena, grown.capacity, sizeof(*grown.slots));
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i] != NULL)
            grown.slots[name_set_slot(&grown, set->slots[i])] = set->slots[i];
    *set = grown;
}

bool name_set_has(const struct name_set *set, const char *name)
{
    return set->count > 0 && set->slots[name_set_slot(set, name)] != NULL;
}

bool name_set_add(struct name_set *set, const char *name)
{
    size_t slot;

    if (2 * (set->count + 1) > set->capacity)
        name_set_grow(set);
    slot = name_set_slot(set, name);
    if (set->slots[slot] != NULL)
        return false;
    set->slots[slot] = name;
    set->count++;
    return true;
}
