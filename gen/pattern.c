#include "gen/pattern.h"

#include <string.h>

#include "gen/pattern_syntax.h"

/* Bounds on one pattern: enough for any sensible rule, far from a build that hangs. */
#define NFA_STATES_MAX 20000
#define DFA_STATES_MAX 2000
#define TABLE_CELLS_MAX 65536
#define WORK_MAX 25000000 /* states looked at: some hundredths of a second */

/* --- non-deterministic automaton, built backwards: each part knows what follows it --- */

enum nfa_kind { NFA_BYTES, NFA_SPLIT, NFA_BEGIN, NFA_END, NFA_MATCH };

struct nfa_state {
    enum nfa_kind kind;
    uint8_t first, last; /* NFA_BYTES */
    int next, other;     /* `other` of NFA_SPLIT */
};

struct nfa {
    struct nfa_state *states;
    int count;
    bool full;
};

static int nfa_add(struct nfa *nfa, struct nfa_state state)
{
    if (nfa->count == NFA_STATES_MAX) {
        nfa->full = true;
        return 0;
    }
    nfa->states[nfa->count] = state;
    return nfa->count++;
}

static int nfa_split(struct nfa *nfa, int next, int other)
{
    return nfa_add(nfa, (struct nfa_state){.kind = NFA_SPLIT, .next = next, .other = other});
}

static int utf8_encode(uint32_t code, uint8_t *out)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* Adds the code points from `first` to `last`, leading to `next`, as an alternative to `*start`
 * (-1: none yet). Ranges are halved until their encodings have one length and vary in whole
 * bytes from the end. */
static void nfa_range(struct nfa *nfa, uint32_t first, uint32_t last, int next, int *start)
{
    static const uint32_t length_ends[] = {0x7f, 0x7ff, 0xffff};
    uint8_t low[4], high[4];
    int length, state = next;

    for (int i = 0; i < 3; i++) {
        if (first <= length_ends[i] && last > length_ends[i]) {
            nfa_range(nfa, first, length_ends[i], next, start);
            nfa_range(nfa, length_ends[i] + 1, last, next, start);
            return;
        }
    }
    for (int i = 1; i < 4 && first > 0x7f; i++) {
        uint32_t mask = (1u << 6 * i) - 1;
        uint32_t cut = (first & mask) != 0 ? (first | mask) + 1 : last & ~mask;
        if ((first & ~mask) == (last & ~mask) || ((first & mask) == 0 && (last & mask) == mask))
            continue;
        nfa_range(nfa, first, cut - 1, next, start);
        nfa_range(nfa, cut, last, next, start);
        return;
    }
    length = utf8_encode(first, low);
    utf8_encode(last, high);
    while (length-- > 0)
        state = nfa_add(
            nfa, (struct nfa_state){
                     .kind = NFA_BYTES, .first = low[length], .last = high[length], .next = state});
    *start = *start < 0 ? state : nfa_split(nfa, *start, state);
}

static int nfa_set(struct nfa *nfa, const struct pattern_node *node, int next)
{
    int start = -1;

    for (size_t i = 0; i < node->range_count && !nfa->full; i++) {
        uint32_t first = node->ranges[i].first, last = node->ranges[i].last;
        /* Surrogates are not in UTF-8. */
        if (first < 0xd800)
            nfa_range(nfa, first, last < 0xd800 ? last : 0xd7ff, next, &start);
        if (last > 0xdfff)
            nfa_range(nfa, first > 0xdfff ? first : 0xe000, last, next, &start);
    }
    return start < 0 ? next : start;
}

static int nfa_node(struct nfa *nfa, const struct pattern_node *node, int next);

static int nfa_repeat(struct nfa *nfa, const struct pattern_node *node, int next)
{
    int start = next;

    if (node->most == PATTERN_NO_LIMIT) {
        start = nfa_split(nfa, next, next);
        if (!nfa->full)
            nfa->states[start].next = nfa_node(nfa, node->left, start);
    }
    for (int i = node->least; i < node->most && !nfa->full; i++)
        start = nfa_split(nfa, nfa_node(nfa, node->left, start), next);
    for (int i = 0; i < node->least && !nfa->full; i++)
        start = nfa_node(nfa, node->left, start);
    return start;
}

/* Adds what the node stands for, leading to `next`; returns where it starts. */
static int nfa_node(struct nfa *nfa, const struct pattern_node *node, int next)
{
    if (nfa->full)
        return next;
    switch (node->kind) {
    case PATTERN_EMPTY:
        return next;
    case PATTERN_SET:
        return nfa_set(nfa, node, next);
    case PATTERN_SEQUENCE:
        return nfa_node(nfa, node->left, nfa_node(nfa, node->right, next));
    case PATTERN_ALTERNATIVE:
        return nfa_split(nfa, nfa_node(nfa, node->left, next), nfa_node(nfa, node->right, next));
    case PATTERN_REPEAT:
        return nfa_repeat(nfa, node, next);
    case PATTERN_BEGIN:
        return nfa_add(nfa, (struct nfa_state){.kind = NFA_BEGIN, .next = next});
    case PATTERN_END:
        return nfa_add(nfa, (struct nfa_state){.kind = NFA_END, .next = next});
    }
    return next;
}

/* --- deterministic automaton: its states are sets of the other's --- */

struct dfa {
    struct arena *arena;
    const struct nfa *nfa;
    int start;
    size_t set_bytes;
    uint8_t **sets;   /* of each state, one bit per state of the other */
    uint32_t *hashes; /* of the sets */
    uint8_t *verdicts;
    uint16_t *next;
    unsigned count;
    uint8_t classes[256];
    unsigned class_count;
    uint8_t examples[256]; /* a byte of each class */
    bool full;
    uint64_t work;
    int *stack;       /* scratch of set_add() */
    uint8_t *scratch; /* a set */
};

/* Counts states that are looked at; too many end it all. */
static void spend(struct dfa *dfa, uint64_t states)
{
    dfa->work += states;
    if (dfa->work > WORK_MAX)
        dfa->full = true;
}

static bool set_has(const uint8_t *set, int state)
{
    return set[state / 8] >> state % 8 & 1;
}

/* Adds the state and what is reached from it without reading. The recursion of a textbook is
 * a stack here, since a repetition makes long chains. */
static void set_add(const struct dfa *dfa, uint8_t *set, int state, bool at_start, bool at_end)
{
    size_t depth = 0;

    dfa->stack[depth++] = state;
    while (depth > 0) {
        int current = dfa->stack[--depth];
        const struct nfa_state *from = &dfa->nfa->states[current];
        if (set_has(set, current))
            continue;
        set[current / 8] |= (uint8_t)(1 << current % 8);
        if (from->kind == NFA_SPLIT)
            dfa->stack[depth++] = from->other;
        if (from->kind == NFA_SPLIT || (from->kind == NFA_BEGIN && at_start) ||
            (from->kind == NFA_END && at_end))
            dfa->stack[depth++] = from->next;
    }
}

/* The match is the state made first. */
static bool set_matches(const uint8_t *set)
{
    return set_has(set, 0);
}

/* The verdict on a text that ends in a state. */
static uint8_t set_verdict(const struct dfa *dfa, const uint8_t *set, bool at_start)
{
    CLEANUP(arena_freep) struct arena *scratch = NULL;
    uint8_t *ended;

    if (set_matches(set))
        return PATTERN_MATCHES;
    scratch = arena_new();
    ended = arena_alloc(scratch, dfa->set_bytes);
    for (int i = 0; i < dfa->nfa->count; i++)
        if (set_has(set, i) && dfa->nfa->states[i].kind == NFA_END)
            set_add(dfa, ended, dfa->nfa->states[i].next, at_start, true);
    return set_matches(ended) ? PATTERN_ENDS : 0;
}

/* 64 states of a set, the first in the lowest bit: all machines we build on are little-endian.
 * `index` counts such words. */
static uint64_t set_word(const uint8_t *set, size_t index)
{
    uint64_t word;

    memcpy(&word, set + 8 * index, sizeof(word));
    return word;
}

/* FNV-1a over words. */
static uint32_t set_hash(const struct dfa *dfa, const uint8_t *set)
{
    uint64_t hash = 14695981039346656037u;

    for (size_t i = 0; i < dfa->set_bytes / 8; i++)
        hash = (hash ^ set_word(set, i)) * 1099511628211u;
    return (uint32_t)(hash ^ hash >> 32);
}

/* Adds a state with a copy of the set. */
static unsigned dfa_add(struct dfa *dfa, const uint8_t *set, bool at_start)
{
    if (dfa->count == DFA_STATES_MAX || dfa->count * dfa->class_count >= TABLE_CELLS_MAX) {
        dfa->full = true;
        return 0;
    }
    dfa->sets[dfa->count] = arena_memdup(dfa->arena, set, dfa->set_bytes);
    dfa->hashes[dfa->count] = set_hash(dfa, set);
    dfa->verdicts[dfa->count] = set_verdict(dfa, set, at_start);
    return dfa->count++;
}

/* The state with this set. The first state is left out: it alone is at the start of the text.
 * What follows a match does not matter: all such states are one. */
static unsigned dfa_find(struct dfa *dfa, const uint8_t *set)
{
    bool matches = set_matches(set);
    uint32_t hash = set_hash(dfa, set);

    for (unsigned i = 0; i < dfa->count; i++)
        if (i != 1 && ((dfa->hashes[i] == hash && memcmp(dfa->sets[i], set, dfa->set_bytes) == 0) ||
                       (matches && dfa->verdicts[i] == PATTERN_MATCHES)))
            return i;
    return dfa_add(dfa, set, false);
}

/* Adds what the state leads to when it reads the byte. */
static void add_successor(struct dfa *dfa, uint8_t *set, int state, uint8_t byte)
{
    const struct nfa_state *from = &dfa->nfa->states[state];

    spend(dfa, 1);
    if (from->kind == NFA_BYTES && from->first <= byte && byte <= from->last)
        set_add(dfa, set, from->next, false, false);
}

static unsigned dfa_step(struct dfa *dfa, unsigned state, uint8_t byte)
{
    uint8_t *set = dfa->scratch;

    if (dfa->verdicts[state] == PATTERN_MATCHES)
        return state;
    spend(dfa, dfa->set_bytes / 8 + dfa->count / 4);
    memset(set, 0, dfa->set_bytes);
    for (size_t i = 0; i < dfa->set_bytes / 8; i++)
        for (uint64_t word = set_word(dfa->sets[state], i); word != 0; word &= word - 1)
            add_successor(dfa, set, (int)i * 64 + __builtin_ctzll(word), byte);
    if (state != 0) /* a match may start anywhere */
        set_add(dfa, set, dfa->start, false, false);
    return dfa_find(dfa, set);
}

/* Bytes that no state tells apart are one class. */
static void dfa_find_classes(struct dfa *dfa)
{
    bool starts[257] = {true};
    int class = -1;

    for (int i = 0; i < dfa->nfa->count; i++) {
        if (dfa->nfa->states[i].kind != NFA_BYTES)
            continue;
        starts[dfa->nfa->states[i].first] = true;
        starts[dfa->nfa->states[i].last + 1] = true;
    }
    for (int byte = 0; byte < 256; byte++) {
        if (starts[byte])
            dfa->examples[++class] = (uint8_t)byte;
        dfa->classes[byte] = (uint8_t) class;
    }
    dfa->class_count = (unsigned)class + 1;
}

static void dfa_build(struct dfa *dfa)
{
    dfa_find_classes(dfa);
    dfa->set_bytes = ((size_t)dfa->nfa->count / 64 + 1) * 8;
    dfa->stack = arena_alloc_array(dfa->arena, 2 * (size_t)dfa->nfa->count + 1, sizeof(int));
    dfa->scratch = arena_alloc(dfa->arena, dfa->set_bytes);
    dfa->sets = arena_alloc_array(dfa->arena, DFA_STATES_MAX, sizeof(*dfa->sets));
    dfa->hashes = arena_alloc_array(dfa->arena, DFA_STATES_MAX, sizeof(*dfa->hashes));
    dfa->verdicts = arena_alloc(dfa->arena, DFA_STATES_MAX);
    dfa->next = arena_alloc_array(dfa->arena, (size_t)DFA_STATES_MAX * dfa->class_count,
                                  sizeof(*dfa->next));
    dfa_add(dfa, dfa->scratch, false);
    set_add(dfa, dfa->scratch, dfa->start, true, false);
    dfa_add(dfa, dfa->scratch, true);
    for (unsigned state = 0; state < dfa->count && !dfa->full; state++)
        for (unsigned i = 0; i < dfa->class_count && !dfa->full; i++)
            dfa->next[state * dfa->class_count + i] =
                (uint16_t)dfa_step(dfa, state, dfa->examples[i]);
}

/* --- minimal: states that no text tells apart become one (Moore) --- */

/* Whether two states have the same group and lead to the same groups. */
static bool same_group(const struct dfa *dfa, const uint16_t *groups, unsigned a, unsigned b)
{
    if (groups[a] != groups[b])
        return false;
    for (unsigned i = 0; i < dfa->class_count; i++)
        if (groups[dfa->next[a * dfa->class_count + i]] !=
            groups[dfa->next[b * dfa->class_count + i]])
            return false;
    return true;
}

/* Of what same_group() compares. */
static uint32_t group_hash(const struct dfa *dfa, const uint16_t *groups, unsigned state)
{
    uint32_t hash = (2166136261u ^ groups[state]) * 16777619u;

    for (unsigned i = 0; i < dfa->class_count; i++)
        hash = (hash ^ groups[dfa->next[state * dfa->class_count + i]]) * 16777619u;
    return hash;
}

#define SLOTS 4096 /* a power of two, twice DFA_STATES_MAX */
#define NO_GROUP UINT16_MAX

/* Splits groups once; returns how many there are. The dead state's stays 0. */
static unsigned refine(struct dfa *dfa, const uint16_t *groups, uint16_t *refined,
                       unsigned *leaders)
{
    uint16_t slots[SLOTS];
    unsigned count = 0;

    memset(slots, 0xff, sizeof(slots));
    for (unsigned state = 0; state < dfa->count && !dfa->full; state++) {
        unsigned slot = group_hash(dfa, groups, state) % SLOTS;
        while (slots[slot] != NO_GROUP && !same_group(dfa, groups, state, leaders[slots[slot]]))
            slot = (slot + 1) % SLOTS;
        if (slots[slot] == NO_GROUP) {
            slots[slot] = (uint16_t)count;
            leaders[count++] = state;
        }
        refined[state] = slots[slot];
        spend(dfa, dfa->class_count);
    }
    return count;
}

/* Writes the table of groups, the first state's as number 1. */
static void write_table(const struct dfa *dfa, const uint16_t *groups, const unsigned *leaders,
                        unsigned count, struct pattern *ret)
{
    unsigned width = dfa->class_count;
    uint16_t first = groups[1];

    ret->state_count = count;
    ret->class_count = width;
    memcpy(ret->classes, dfa->classes, sizeof(ret->classes));
    ret->next = arena_alloc_array(dfa->arena, (size_t)count * width, sizeof(*ret->next));
    ret->verdicts = arena_alloc(dfa->arena, count);
    for (unsigned group = 0; group < count; group++) {
        unsigned place = group == first ? 1 : group == 1 ? first : group;
        ret->verdicts[place] = dfa->verdicts[leaders[group]];
        for (unsigned i = 0; i < width; i++) {
            uint16_t to = groups[dfa->next[leaders[group] * width + i]];
            ret->next[place * width + i] = to == first ? 1 : to == 1 ? first : to;
        }
    }
}

static bool minimise(struct dfa *dfa, struct pattern *ret)
{
    uint16_t *groups = arena_alloc_array(dfa->arena, dfa->count, sizeof(*groups));
    uint16_t *refined = arena_alloc_array(dfa->arena, dfa->count, sizeof(*refined));
    unsigned *leaders = arena_alloc_array(dfa->arena, dfa->count, sizeof(*leaders));
    unsigned count = 0, before;

    for (unsigned state = 0; state < dfa->count; state++)
        groups[state] = dfa->verdicts[state];
    do {
        before = count;
        count = refine(dfa, groups, refined, leaders);
        memcpy(groups, refined, dfa->count * sizeof(*groups));
    } while (count != before && !dfa->full);
    if (dfa->full || groups[1] == 0)
        return false;
    write_table(dfa, groups, leaders, count, ret);
    return true;
}

/* Whether no state tells two classes apart. */
static bool same_class(const struct pattern *pattern, unsigned a, unsigned b)
{
    for (unsigned state = 0; state < pattern->state_count; state++)
        if (pattern->next[state * pattern->class_count + a] !=
            pattern->next[state * pattern->class_count + b])
            return false;
    return true;
}

/* Joins the classes that only states told apart which are one by now. */
static void merge_classes(struct arena *arena, struct pattern *pattern)
{
    unsigned kept[256], count = 0, merged[256];
    uint16_t *next;

    for (unsigned class = 0; class < pattern->class_count; class ++) {
        unsigned same = 0;
        while (same < count && !same_class(pattern, kept[same], class))
            same++;
        if (same == count)
            kept[count++] = class;
        merged[class] = same;
    }
    next = arena_alloc_array(arena, (size_t)pattern->state_count * count, sizeof(*next));
    for (unsigned state = 0; state < pattern->state_count; state++)
        for (unsigned class = 0; class < count; class ++)
            next[state * count + class] = pattern->next[state * pattern->class_count + kept[class]];
    for (int byte = 0; byte < 256; byte++)
        pattern->classes[byte] = (uint8_t)merged[pattern->classes[byte]];
    pattern->next = next;
    pattern->class_count = count;
}

static const char too_large[] =
    "the pattern needs too large a table; use smaller counts in its repetitions";

bool pattern_compile(struct arena *arena, const char *text, struct pattern *ret,
                     const char **reterr)
{
    const struct pattern_node *root = pattern_parse(arena, text, reterr);
    /* Scratch memory: a pattern near the bounds takes much. */
    CLEANUP(arena_freep) struct arena *scratch = arena_new();
    struct nfa nfa = {.states = arena_alloc_array(scratch, NFA_STATES_MAX, sizeof(*nfa.states))};
    struct dfa dfa = {.arena = scratch, .nfa = &nfa};

    if (root == NULL)
        return false;
    dfa.start = nfa_node(&nfa, root, nfa_add(&nfa, (struct nfa_state){.kind = NFA_MATCH}));
    if (!nfa.full)
        dfa_build(&dfa);
    if (nfa.full || dfa.full) {
        *reterr = too_large;
        return false;
    }
    if (!minimise(&dfa, ret)) {
        *reterr = dfa.full ? too_large : "the pattern matches no text at all";
        return false;
    }
    merge_classes(arena, ret); /* copies the table out of the scratch memory */
    ret->verdicts = arena_memdup(arena, ret->verdicts, ret->state_count);
    return true;
}
