/* filters.h - word filters applied to what somebody wants to say. Pure. */
#ifndef WAYSTONE_HANDLERS_RULES_FILTERS_H
#define WAYSTONE_HANDLERS_RULES_FILTERS_H

#include "handlers/rules/folding.h"

/* Same values as waystone.moderation.v1.FilterAction. */
enum filter_action { FILTER_REFUSE = 1, FILTER_MASK = 2, FILTER_REPORT = 3 };

struct filter_rule {
    int64_t id;
    const char *words; /* separated by white space or signs */
    int action;        /* enum filter_action */
    int channel_kind;  /* chat.v1.ChannelKind; 0: all but whispers and families */
    int exempt_from;   /* roles (options.v1.Access) from this one on are exempt; 0: nobody */
};

/* What a text came through with. */
struct filter_verdict {
    int64_t refused_by;  /* id of the filter; 0: not refused */
    int64_t reported_by; /* id of the first filter that reports it; 0: none */
    const char *text;    /* as it may be sent: the given one, or masked in the arena */
};

struct filter_set;

/* Rules made ready; copied. Rules without a letter match nothing. */
struct filter_set *filter_set_new(const struct filter_rule *rules, size_t count);
void filter_set_free(struct filter_set *set); /* Accepts NULL. */

/* Whether words hold something to look for. */
bool filter_words_are_valid(struct arena *arena, const char *words);

/* `folded` is `text` folded. */
void filter_set_apply(const struct filter_set *set, struct arena *arena, const char *text,
                      const struct folded_text *folded, int channel_kind, int role,
                      struct filter_verdict *ret);

#endif
