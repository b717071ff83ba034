#include "handlers/rules/filters.h"

#include <stdlib.h>
#include <string.h>

#define KIND_FAMILY 5 /* waystone.chat.v1.ChannelKind */
#define KIND_WHISPER 8

struct pattern {
    struct filter_rule rule;
    struct folded_text words; /* single separators, none at the ends */
    bool only_digits;
};

/* A pattern under a letter it may begin with. */
struct entry {
    int32_t letter;
    const struct pattern *pattern;
};

struct filter_set {
    struct arena *arena;
    struct entry *entries; /* by letter */
    size_t count;
};

static bool separates(const struct folded_char *folded)
{
    return folded->letter == 0 || folded->may_separate;
}

/* Punctuation that may be a letter is one in a pattern if a letter follows it at once. */
static bool is_letter_in_pattern(const struct folded_text *text, size_t i)
{
    if (text->chars[i].plain != '!' && text->chars[i].plain != '|')
        return text->chars[i].letter != 0;
    return i + 1 < text->count && !separates(&text->chars[i + 1]);
}

static void compile_words(struct arena *arena, const char *words, struct folded_text *ret)
{
    struct folded_text folded;
    size_t count = 0;

    fold_text(arena, words, &folded);
    for (size_t i = 0; i < folded.count; i++) {
        if (is_letter_in_pattern(&folded, i))
            folded.chars[count++] = folded.chars[i];
        else if (count > 0 && folded.chars[count - 1].letter != 0)
            folded.chars[count++] = (struct folded_char){0};
    }
    if (count > 0 && folded.chars[count - 1].letter == 0)
        count--;
    *ret = (struct folded_text){folded.chars, count};
}

static int compare_entries(const void *a, const void *b)
{
    int32_t left = ((const struct entry *)a)->letter, right = ((const struct entry *)b)->letter;

    return (left > right) - (left < right);
}

static void add_pattern(struct filter_set *set, struct pattern *pattern,
                        const struct filter_rule *rule)
{
    const struct folded_text *words = &pattern->words;

    pattern->rule = *rule;
    pattern->rule.words = NULL;
    compile_words(set->arena, rule->words, &pattern->words);
    if (words->count == 0)
        return;
    pattern->only_digits = true;
    for (size_t i = 0; i < words->count; i++)
        if (words->chars[i].letter != 0 && !words->chars[i].is_digit)
            pattern->only_digits = false;
    set->entries[set->count++] = (struct entry){words->chars[0].letter, pattern};
    if (words->chars[0].other != 0)
        set->entries[set->count++] = (struct entry){words->chars[0].other, pattern};
}

struct filter_set *filter_set_new(const struct filter_rule *rules, size_t count)
{
    struct arena *arena = arena_new();
    struct filter_set *set = arena_alloc(arena, sizeof(*set));
    struct pattern *patterns = arena_alloc_array(arena, count, sizeof(*patterns));

    set->arena = arena;
    set->entries = arena_alloc_array(arena, count * 2, sizeof(*set->entries));
    for (size_t i = 0; i < count; i++)
        add_pattern(set, &patterns[i], &rules[i]);
    qsort(set->entries, set->count, sizeof(*set->entries), compare_entries);
    return set;
}

void filter_set_free(struct filter_set *set)
{
    if (set != NULL)
        arena_free(set->arena);
}

bool filter_words_are_valid(struct arena *arena, const char *words)
{
    struct folded_text compiled;

    compile_words(arena, words, &compiled);
    return compiled.count > 0;
}

/* --- matching --- */

static bool same_letter(const struct folded_char *a, const struct folded_char *b)
{
    return a->letter == b->letter || (a->other != 0 && a->other == b->letter) ||
           (b->other != 0 && (b->other == a->letter || b->other == a->other));
}

/* Where a pattern that begins at `start` ends in the text, past its last letter; 0: it does not
 * match there. Numbers are no words in disguise unless a letter is among them. */
static size_t match_at(const struct pattern *pattern, const struct folded_text *text, size_t start)
{
    const struct folded_text *words = &pattern->words;
    bool only_digits = true;
    size_t at = start;

    for (size_t i = 0; i < words->count; i++) {
        const struct folded_char *wanted = &words->chars[i];
        if (at == text->count)
            return 0;
        if (wanted->letter == 0) {
            if (!separates(&text->chars[at]))
                return 0;
            while (at < text->count && separates(&text->chars[at]))
                at++;
            continue;
        }
        if (text->chars[at].letter == 0 || !same_letter(wanted, &text->chars[at]))
            return 0;
        only_digits = only_digits && text->chars[at].is_digit;
        at++;
    }
    if (at < text->count && !separates(&text->chars[at]))
        return 0;
    return only_digits && !pattern->only_digits ? 0 : at;
}

static bool applies(const struct filter_rule *rule, int channel_kind, int role)
{
    if (rule->exempt_from != 0 && role >= rule->exempt_from)
        return false;
    if (rule->channel_kind != 0)
        return rule->channel_kind == channel_kind;
    return channel_kind != KIND_WHISPER && channel_kind != KIND_FAMILY;
}

/* --- what follows from a match --- */

enum { SHOWN, STAR, DROPPED }; /* what becomes of a byte */

struct search {
    const struct filter_set *set;
    const struct folded_text *text;
    int channel_kind, role;
    char *bytes; /* of the text; NULL: nothing is masked so far */
    size_t length;
    struct arena *arena;
    struct filter_verdict *verdict;
};

static void mask(struct search *search, size_t start, size_t end)
{
    if (search->bytes == NULL)
        search->bytes = arena_alloc(search->arena, search->length + 1);
    for (size_t i = start; i < end; i++) {
        const struct folded_char *folded = &search->text->chars[i];
        if (folded->letter == 0)
            continue;
        memset(search->bytes + folded->start, DROPPED, folded->end - folded->start);
        search->bytes[folded->start] = STAR;
    }
}

static void take_match(struct search *search, const struct filter_rule *rule, size_t start,
                       size_t end)
{
    if (rule->action == FILTER_REFUSE && search->verdict->refused_by == 0)
        search->verdict->refused_by = rule->id;
    else if (rule->action == FILTER_MASK)
        mask(search, start, end);
    else if (rule->action == FILTER_REPORT && search->verdict->reported_by == 0)
        search->verdict->reported_by = rule->id;
}

static void search_letter(struct search *search, size_t start, int32_t letter)
{
    const struct filter_set *set = search->set;
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->entries[middle].letter < letter)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < set->count && set->entries[low].letter == letter; low++) {
        const struct pattern *pattern = set->entries[low].pattern;
        size_t end;
        if (!applies(&pattern->rule, search->channel_kind, search->role))
            continue;
        end = match_at(pattern, search->text, start);
        if (end > 0)
            take_match(search, &pattern->rule, start, end);
    }
}

static const char *masked_text(const struct search *search, const char *text)
{
    char *out = arena_alloc(search->arena, search->length + 1);
    size_t count = 0;

    for (size_t i = 0; i < search->length; i++)
        if (search->bytes[i] == SHOWN)
            out[count++] = text[i];
        else if (search->bytes[i] == STAR)
            out[count++] = '*';
    return out;
}

void filter_set_apply(const struct filter_set *set, struct arena *arena, const char *text,
                      const struct folded_text *folded, int channel_kind, int role,
                      struct filter_verdict *ret)
{
    struct search search = {.set = set,
                            .text = folded,
                            .channel_kind = channel_kind,
                            .role = role,
                            .length = strlen(text),
                            .arena = arena,
                            .verdict = ret};

    *ret = (struct filter_verdict){.text = text};
    if (set->count == 0)
        return;
    for (size_t i = 0; i < folded->count; i++) {
        const struct folded_char *first = &folded->chars[i];
        if (first->letter == 0 || (i > 0 && !separates(&folded->chars[i - 1])))
            continue;
        search_letter(&search, i, first->letter);
        if (first->other != 0)
            search_letter(&search, i, first->other);
    }
    if (search.bytes != NULL)
        ret->text = masked_text(&search, text);
}
