#include "gen/pattern_syntax.h"

#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 50
#define REPEAT_MAX 1000 /* RE2's own */

struct parser {
    struct arena *arena;
    const char *text;
    const char *at;
    const char *error; /* the first */
    int depth;
};

/* A set under construction. */
struct set {
    struct arena *arena;
    struct code_range *ranges;
    size_t count, capacity;
};

static const struct pattern_node *parse_alternatives(struct parser *parser);

static void fail(struct parser *parser, const char *sentence)
{
    if (parser->error == NULL)
        parser->error = arena_printf(parser->arena, "%s (at byte %zu of the pattern)", sentence,
                                     (size_t)(parser->at - parser->text) + 1);
}

static struct pattern_node *node_new(struct parser *parser, enum pattern_kind kind,
                                     const struct pattern_node *left,
                                     const struct pattern_node *right)
{
    struct pattern_node *node = arena_alloc(parser->arena, sizeof(*node));

    node->kind = kind;
    node->left = left;
    node->right = right;
    return node;
}

/* --- sets of code points --- */

static void set_add(struct set *set, uint32_t first, uint32_t last)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 8;
        struct code_range *ranges = arena_alloc_array(set->arena, capacity, sizeof(*ranges));
        if (set->count > 0)
            memcpy(ranges, set->ranges, set->count * sizeof(*ranges));
        set->ranges = ranges;
        set->capacity = capacity;
    }
    set->ranges[set->count++] = (struct code_range){first, last};
}

static int compare_ranges(const void *left, const void *right)
{
    const struct code_range *a = left, *b = right;

    return (a->first > b->first) - (a->first < b->first);
}

/* Sorts the ranges and joins those that touch. */
static void set_normalise(struct set *set)
{
    size_t kept = 0;

    if (set->count == 0)
        return;
    qsort(set->ranges, set->count, sizeof(*set->ranges), compare_ranges);
    for (size_t i = 1; i < set->count; i++) {
        if (set->ranges[i].first > set->ranges[kept].last + 1)
            set->ranges[++kept] = set->ranges[i];
        else if (set->ranges[i].last > set->ranges[kept].last)
            set->ranges[kept].last = set->ranges[i].last;
    }
    set->count = kept + 1;
}

static struct set set_negate(struct set *set)
{
    struct set others = {.arena = set->arena};
    uint32_t next = 0;

    set_normalise(set);
    for (size_t i = 0; i < set->count; i++) {
        if (set->ranges[i].first > next)
            set_add(&others, next, set->ranges[i].first - 1);
        next = set->ranges[i].last + 1;
    }
    if (next <= CODE_POINT_MAX)
        set_add(&others, next, CODE_POINT_MAX);
    return others;
}

static void set_add_all(struct set *set, const struct set *others)
{
    for (size_t i = 0; i < others->count; i++)
        set_add(set, others->ranges[i].first, others->ranges[i].last);
}

static const struct pattern_node *set_node(struct parser *parser, struct set *set)
{
    struct pattern_node *node = node_new(parser, PATTERN_SET, NULL, NULL);

    set_normalise(set);
    node->ranges = set->ranges;
    node->range_count = set->count;
    return node;
}

/* \d, \w, \s and their opposites. */
static bool set_add_shorthand(struct set *set, char letter)
{
    struct set named = {.arena = set->arena};

    switch (letter | 0x20) {
    case 'd':
        set_add(&named, '0', '9');
        break;
    case 'w':
        set_add(&named, '0', '9');
        set_add(&named, 'A', 'Z');
        set_add(&named, '_', '_');
        set_add(&named, 'a', 'z');
        break;
    case 's':
        set_add(&named, '\t', '\n');
        set_add(&named, '\f', '\r');
        set_add(&named, ' ', ' ');
        break;
    default:
        return false;
    }
    if (letter < 'a')
        named = set_negate(&named);
    set_add_all(set, &named);
    return true;
}

/* --- characters --- */

static uint32_t read_hex(struct parser *parser)
{
    char digits[3] = {0}, *end;
    uint32_t value;

    strncpy(digits, parser->at, 2);
    value = (uint32_t)strtoul(digits, &end, 16);
    if (end != digits + 2 || digits[0] == '+' || digits[0] == '-' || digits[0] == ' ') {
        fail(parser, "\\x needs two hexadecimal digits");
        return 0;
    }
    parser->at += 2;
    return value;
}

/* The character that a backslash and what follows stand for. */
static uint32_t read_escape(struct parser *parser, bool in_class)
{
    static const char letters[] = "tnrfv", controls[] = "\t\n\r\f\v";
    char c = *parser->at;
    const char *found;

    if (c == '\0') {
        fail(parser, "the pattern ends with a backslash");
        return 0;
    }
    parser->at++;
    if (c == 'x')
        return read_hex(parser);
    found = strchr(letters, c);
    if (found != NULL)
        return (uint32_t)controls[found - letters];
    if (strchr("^$\\.*+?()[]{}|/", c) != NULL || (in_class && c == '-'))
        return (uint32_t)c;
    parser->at--;
    if (c >= '0' && c <= '9')
        fail(parser, "back-references are not supported");
    else
        fail(parser, arena_printf(parser->arena,
                                  "\\%c is not among what RE2 and ECMAScript have in common", c));
    return 0;
}

/* One code point of the pattern, which protoc has checked to be UTF-8. */
static uint32_t read_code_point(struct parser *parser)
{
    uint32_t first = (uint8_t)*parser->at++, value;
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;

    if (more == 0)
        return first;
    value = first & (0x3fu >> more);
    while (more-- > 0 && *parser->at != '\0')
        value = value << 6 | ((uint8_t)*parser->at++ & 0x3f);
    return value;
}

/* --- classes --- */

/* Reads one member: false for a shorthand, which was added; else its code point. */
static bool read_member(struct parser *parser, struct set *set, uint32_t *ret)
{
    if (parser->at[0] == '[' && parser->at[1] == ':')
        fail(parser, "[:name:] is not supported");
    if (*parser->at != '\\') {
        *ret = read_code_point(parser);
        return true;
    }
    parser->at++;
    if (set_add_shorthand(set, *parser->at)) {
        parser->at++;
        return false;
    }
    *ret = read_escape(parser, true);
    return true;
}

static void read_class_item(struct parser *parser, struct set *set)
{
    uint32_t first, last;
    bool single = read_member(parser, set, &first);
    bool range = parser->at[0] == '-' && parser->at[1] != ']' && parser->at[1] != '\0';

    if (!single && range)
        fail(parser, "a range cannot start with a shorthand such as \\d");
    if (!single)
        return;
    last = first;
    if (range) {
        parser->at++;
        if (!read_member(parser, set, &last))
            fail(parser, "a range cannot end with a shorthand such as \\d");
    }
    if (last < first)
        fail(parser, "a range ends before it starts");
    set_add(set, first, last);
}

static const struct pattern_node *parse_class(struct parser *parser)
{
    struct set set = {.arena = parser->arena};
    bool negated = *parser->at == '^';

    if (negated)
        parser->at++;
    if (*parser->at == ']')
        fail(parser, "a class cannot be empty; write \\] for the character");
    while (*parser->at != ']' && *parser->at != '\0' && parser->error == NULL)
        read_class_item(parser, &set);
    if (*parser->at == '\0')
        fail(parser, "a class is not closed with ']'");
    else
        parser->at++;
    if (negated)
        set = set_negate(&set);
    if (set.count == 0)
        fail(parser, "a class matches nothing");
    return set_node(parser, &set);
}

/* --- atoms --- */

static const struct pattern_node *parse_group(struct parser *parser)
{
    const struct pattern_node *inside;

    if (parser->at[0] == '?') {
        if (parser->at[1] == ':')
            parser->at += 2;
        else
            fail(parser, "of groups that start with (? only (?: is supported");
    }
    if (parser->error != NULL)
        return NULL;
    if (++parser->depth > DEPTH_MAX)
        fail(parser, "groups are nested too deep");
    inside = parser->error == NULL ? parse_alternatives(parser) : NULL;
    parser->depth--;
    if (*parser->at != ')')
        fail(parser, "a group is not closed with ')'");
    else
        parser->at++;
    return inside;
}

static const struct pattern_node *parse_escape(struct parser *parser)
{
    struct set set = {.arena = parser->arena};
    uint32_t value;

    if (set_add_shorthand(&set, *parser->at)) {
        parser->at++;
        return set_node(parser, &set);
    }
    value = read_escape(parser, false);
    set_add(&set, value, value);
    return set_node(parser, &set);
}

static const struct pattern_node *parse_literal(struct parser *parser)
{
    struct set set = {.arena = parser->arena};
    uint32_t value;

    if (strchr("*+?{", *parser->at) != NULL)
        fail(parser, "there is nothing to repeat");
    if (strchr("]}", *parser->at) != NULL)
        fail(parser, "a bracket is closed that was not opened; write \\] or \\} for the "
                     "character");
    value = read_code_point(parser);
    set_add(&set, value, value);
    return set_node(parser, &set);
}

static const struct pattern_node *parse_any(struct parser *parser)
{
    struct set set = {.arena = parser->arena};

    set_add(&set, 0, '\n' - 1);
    set_add(&set, '\n' + 1, CODE_POINT_MAX);
    return set_node(parser, &set);
}

static const struct pattern_node *parse_atom(struct parser *parser)
{
    switch (*parser->at) {
    case '(':
        parser->at++;
        return parse_group(parser);
    case '[':
        parser->at++;
        return parse_class(parser);
    case '\\':
        parser->at++;
        return parse_escape(parser);
    case '.':
        parser->at++;
        return parse_any(parser);
    case '^':
        parser->at++;
        return node_new(parser, PATTERN_BEGIN, NULL, NULL);
    case '$':
        parser->at++;
        return node_new(parser, PATTERN_END, NULL, NULL);
    default:
        return parse_literal(parser);
    }
}

/* --- repetitions --- */

static int read_number(struct parser *parser)
{
    int value = 0;

    if (*parser->at < '0' || *parser->at > '9')
        fail(parser, "'{' needs a number; write \\{ for the character");
    while (*parser->at >= '0' && *parser->at <= '9' && value <= REPEAT_MAX)
        value = 10 * value + (*parser->at++ - '0');
    if (value > REPEAT_MAX)
        fail(parser, "a repetition can count to 1000");
    return value;
}

static void read_braces(struct parser *parser, int *ret_least, int *ret_most)
{
    *ret_least = *ret_most = read_number(parser);
    if (*parser->at == ',') {
        parser->at++;
        *ret_most = *parser->at == '}' ? PATTERN_NO_LIMIT : read_number(parser);
    }
    if (*parser->at != '}')
        fail(parser, "a repetition is not closed with '}'");
    else
        parser->at++;
    if (*ret_most != PATTERN_NO_LIMIT && *ret_most < *ret_least)
        fail(parser, "a repetition ends before it starts");
}

/* Reads '*', '+', '?' or '{...}'; false if there is none. */
static bool read_quantifier(struct parser *parser, int *ret_least, int *ret_most)
{
    switch (*parser->at) {
    case '*':
    case '+':
        *ret_least = *parser->at == '+';
        *ret_most = PATTERN_NO_LIMIT;
        break;
    case '?':
        *ret_least = 0;
        *ret_most = 1;
        break;
    case '{':
        parser->at++;
        read_braces(parser, ret_least, ret_most);
        return true;
    default:
        return false;
    }
    parser->at++;
    return true;
}

static const struct pattern_node *parse_repeated(struct parser *parser)
{
    const struct pattern_node *atom = parse_atom(parser);
    struct pattern_node *repeat;
    int least, most;

    if (parser->error != NULL || !read_quantifier(parser, &least, &most))
        return atom;
    if (atom->kind == PATTERN_BEGIN || atom->kind == PATTERN_END)
        fail(parser, "'^' and '$' cannot be repeated");
    if (*parser->at == '?') /* lazy: which match is found does not matter here */
        parser->at++;
    if (*parser->at != '\0' && strchr("*+?{", *parser->at) != NULL)
        fail(parser, "a repetition cannot be repeated; put it into a group");
    repeat = node_new(parser, PATTERN_REPEAT, atom, NULL);
    repeat->least = least;
    repeat->most = most;
    return repeat;
}

static const struct pattern_node *parse_sequence(struct parser *parser)
{
    const struct pattern_node *sequence = node_new(parser, PATTERN_EMPTY, NULL, NULL);

    while (*parser->at != '\0' && *parser->at != '|' && *parser->at != ')' &&
           parser->error == NULL) {
        const struct pattern_node *next = parse_repeated(parser);
        sequence = sequence->kind == PATTERN_EMPTY
                       ? next
                       : node_new(parser, PATTERN_SEQUENCE, sequence, next);
    }
    return sequence;
}

static const struct pattern_node *parse_alternatives(struct parser *parser)
{
    const struct pattern_node *alternatives = parse_sequence(parser);

    while (*parser->at == '|' && parser->error == NULL) {
        parser->at++;
        alternatives = node_new(parser, PATTERN_ALTERNATIVE, alternatives, parse_sequence(parser));
    }
    return alternatives;
}

const struct pattern_node *pattern_parse(struct arena *arena, const char *text, const char **reterr)
{
    struct parser parser = {.arena = arena, .text = text, .at = text};
    const struct pattern_node *root = parse_alternatives(&parser);

    if (*parser.at == ')')
        fail(&parser, "a group is closed that was not opened");
    if (parser.error != NULL) {
        *reterr = parser.error;
        return NULL;
    }
    return root;
}
