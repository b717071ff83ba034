#include "server/protocol/validate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/protocol/json.h"
#include "server/protocol/utf8.h"

/* A key of a map is the client's text: no more of it than this goes back in a path. */
#define KEY_BYTES_MAX 64

/* Steps a path can have: more than a decoded message can nest. */
#define PATH_STEPS_MAX 128

/* --- reporting --- */

static void append_key(struct buffer *out, const char *text)
{
    size_t length = utf8_truncate(text, strlen(text), KEY_BYTES_MAX);

    buffer_append_char(out, '[');
    json_write_string(out, text, length);
    buffer_append_char(out, ']');
}

static void append_step(struct buffer *out, const struct violation_path *step)
{
    if (out->length > 0)
        buffer_append_char(out, '.');
    buffer_append_string(out, step->field);
    switch (step->step) {
    case VIOLATION_FIELD:
        break;
    case VIOLATION_INDEX:
    case VIOLATION_UINT_KEY:
        buffer_printf(out, "[%" PRIu64 "]", step->number);
        break;
    case VIOLATION_INT_KEY:
        buffer_printf(out, "[%" PRId64 "]", (int64_t)step->number);
        break;
    case VIOLATION_BOOL_KEY:
        buffer_append_string(out, step->number != 0 ? "[true]" : "[false]");
        break;
    case VIOLATION_STRING_KEY:
        append_key(out, step->text);
        break;
    }
}

/* The steps live on the stack of those who check. */
static const struct violation_path *copy_path(struct arena *arena,
                                              const struct violation_path *path)
{
    const struct violation_path *first = NULL, **end = &first;

    for (size_t i = 0; path != NULL && i < PATH_STEPS_MAX; path = path->parent, i++) {
        struct violation_path *copy = arena_memdup(arena, path, sizeof(*path));
        copy->parent = NULL;
        *end = copy;
        end = &copy->parent;
    }
    return first;
}

static const char *path_text(struct arena *arena, const struct violation_path *path,
                             size_t *ret_steps)
{
    const struct violation_path *steps[PATH_STEPS_MAX];
    struct buffer out = {0};
    size_t count = 0;
    const char *text;

    for (; path != NULL && count < PATH_STEPS_MAX; path = path->parent)
        steps[count++] = path;
    *ret_steps = count;
    while (count > 0)
        append_step(&out, steps[--count]);
    text = out.length > 0 ? arena_strndup(arena, (const char *)buffer_data(&out), out.length) : "";
    buffer_free(&out);
    return text;
}

/* Bytes of a violation in both details, BadRequest and Violations. */
static size_t encoded_size(const struct violation *violation, size_t steps)
{
    return 2 * (strlen(violation->field) + strlen(violation->rule) + strlen(violation->message)) +
           strlen(violation->rule_path) + 12 * steps + 40;
}

void violations_add(struct violations *violations, const char *field, const char *rule,
                    const char *rule_path, const char *message)
{
    struct violation_path last = {
        .parent = violations->path, .type = violations->type, .field = field};
    const struct violation_path *path = field != NULL ? &last : violations->path;
    struct violation violation = {.rule = rule, .rule_path = rule_path, .message = message};
    size_t steps;

    if (violations->count >= VIOLATIONS_MAX || violations->bytes >= VIOLATIONS_BYTES_MAX)
        return;
    if (violations->items == NULL)
        violations->items =
            arena_alloc_array(violations->arena, VIOLATIONS_MAX, sizeof(*violations->items));
    violation.field = path_text(violations->arena, path, &steps);
    violation.path = copy_path(violations->arena, path);
    violations->bytes += encoded_size(&violation, steps);
    if (violations->count == 0 || violations->bytes <= VIOLATIONS_BYTES_MAX)
        violations->items[violations->count++] = violation;
}

void message_validate(const ProtobufCMessage *message, struct violations *violations)
{
    const struct message_type *around = violations->type, *type = message_type_of(message);

    if (type->validate == NULL)
        return;
    violations->type = type;
    type->validate(message, violations);
    violations->type = around;
}

void violations_check(struct violations *violations, const char *field,
                      const ProtobufCMessage *message)
{
    struct violation_path step = {.field = field};

    violations_enter(violations, &step);
    message_validate(message, violations);
    violations_leave(violations);
}

/* --- strings --- */

size_t validate_characters(const char *text)
{
    return utf8_count(text, strlen(text));
}

bool validate_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool validate_ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), wanted = strlen(suffix);

    return length >= wanted && memcmp(text + length - wanted, suffix, wanted) == 0;
}

/* Whether the automaton can stop: it is dead, or whatever follows matches. */
static bool is_decided(const struct validate_pattern *pattern, unsigned state)
{
    return state == 0 || (pattern->verdicts[state] & VALIDATE_MATCHES);
}

static unsigned next_state(const struct validate_pattern *pattern, unsigned state, uint8_t byte)
{
    return pattern->next[state * pattern->class_count + pattern->classes[byte]];
}

bool validate_matches(const char *text, const struct validate_pattern *pattern)
{
    unsigned state = 1;

    for (; *text != '\0' && !is_decided(pattern, state); text++)
        state = next_state(pattern, state, (uint8_t)*text);
    return pattern->verdicts[state] != 0;
}

/* --- bytes --- */

bool validate_bytes_are(ProtobufCBinaryData bytes, const char *with, size_t length)
{
    return bytes.len == length && (length == 0 || memcmp(bytes.data, with, length) == 0);
}

bool validate_bytes_start(ProtobufCBinaryData bytes, const char *with, size_t length)
{
    return length == 0 || (bytes.len >= length && memcmp(bytes.data, with, length) == 0);
}

bool validate_bytes_end(ProtobufCBinaryData bytes, const char *with, size_t length)
{
    return length == 0 ||
           (bytes.len >= length && memcmp(bytes.data + bytes.len - length, with, length) == 0);
}

bool validate_bytes_contain(ProtobufCBinaryData bytes, const char *with, size_t length)
{
    return length == 0 || (bytes.len >= length && memmem(bytes.data, bytes.len, with, length));
}

bool validate_bytes_match(ProtobufCBinaryData bytes, const struct validate_pattern *pattern)
{
    unsigned state = 1;

    if (!utf8_valid(bytes.data, bytes.len))
        return false;
    for (size_t i = 0; i < bytes.len && !is_decided(pattern, state); i++)
        state = next_state(pattern, state, bytes.data[i]);
    return pattern->verdicts[state] != 0;
}

/* --- paths --- */

bool validate_paths_are(char *const *paths, size_t count, const char *const *wanted,
                        size_t wanted_count)
{
    if (count != wanted_count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(paths[i], wanted[i]) != 0)
            return false;
    return true;
}

/* Whether the path is one of the fields, or inside one. */
static bool path_is_in(const char *path, const char *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(fields[i]);
        if (strncmp(path, fields[i], length) == 0 && (path[length] == '\0' || path[length] == '.'))
            return true;
    }
    return false;
}

bool validate_paths_within(char *const *paths, size_t count, const char *const *fields,
                           size_t field_count)
{
    for (size_t i = 0; i < count; i++)
        if (!path_is_in(paths[i], fields, field_count))
            return false;
    return true;
}

bool validate_paths_outside(char *const *paths, size_t count, const char *const *fields,
                            size_t field_count)
{
    for (size_t i = 0; i < count; i++)
        if (path_is_in(paths[i], fields, field_count))
            return false;
    return true;
}

/* --- uniqueness: sorted, equals are neighbours --- */

/* Any order does, as long as equals are equal. */
static int compare_memory(const void *left, const void *right, void *size_bytes)
{
    return memcmp(left, right, *(size_t *)size_bytes);
}

bool validate_unique(struct arena *arena, const void *items, size_t count, size_t size_bytes)
{
    char *sorted;

    if (count < 2)
        return true;
    sorted = arena_memdup(arena, items, count * size_bytes);
    qsort_r(sorted, count, size_bytes, compare_memory, &size_bytes);
    for (size_t i = 1; i < count; i++)
        if (memcmp(sorted + (i - 1) * size_bytes, sorted + i * size_bytes, size_bytes) == 0)
            return false;
    return true;
}

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* NaN equals nothing, itself included, and would upset the sorting. */
static bool sorted_doubles_unique(double *numbers, size_t count)
{
    qsort(numbers, count, sizeof(*numbers), compare_doubles);
    for (size_t i = 1; i < count; i++)
        if (numbers[i - 1] == numbers[i])
            return false;
    return true;
}

bool validate_unique_doubles(struct arena *arena, const double *items, size_t count)
{
    double *numbers;
    size_t used = 0;

    if (count < 2)
        return true;
    numbers = arena_alloc_array(arena, count, sizeof(*numbers));
    for (size_t i = 0; i < count; i++)
        if (items[i] == items[i])
            numbers[used++] = items[i];
    return sorted_doubles_unique(numbers, used);
}

bool validate_unique_floats(struct arena *arena, const float *items, size_t count)
{
    double *numbers;
    size_t used = 0;

    if (count < 2)
        return true;
    numbers = arena_alloc_array(arena, count, sizeof(*numbers));
    for (size_t i = 0; i < count; i++)
        if (items[i] == items[i])
            numbers[used++] = (double)items[i];
    return sorted_doubles_unique(numbers, used);
}

static int compare_strings(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

bool validate_unique_strings(struct arena *arena, char *const *items, size_t count)
{
    char **sorted;

    if (count < 2)
        return true;
    sorted = arena_memdup(arena, items, count * sizeof(*items));
    qsort(sorted, count, sizeof(*sorted), compare_strings);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return false;
    return true;
}

static int compare_bytes(const void *left, const void *right)
{
    const ProtobufCBinaryData *a = left, *b = right;

    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return a->len > 0 ? memcmp(a->data, b->data, a->len) : 0;
}

bool validate_unique_bytes(struct arena *arena, const ProtobufCBinaryData *items, size_t count)
{
    ProtobufCBinaryData *sorted;

    if (count < 2)
        return true;
    sorted = arena_memdup(arena, items, count * sizeof(*items));
    qsort(sorted, count, sizeof(*sorted), compare_bytes);
    for (size_t i = 1; i < count; i++)
        if (compare_bytes(&sorted[i - 1], &sorted[i]) == 0)
            return false;
    return true;
}

/* --- timestamps and durations --- */

int validate_compare_times(int64_t seconds, int32_t nanos, int64_t other_seconds,
                           int32_t other_nanos)
{
    if (seconds != other_seconds)
        return seconds < other_seconds ? -1 : 1;
    return (nanos > other_nanos) - (nanos < other_nanos);
}

static void now(int64_t *ret_seconds, int32_t *ret_nanos)
{
    int64_t wall_us = clock_wall_us();

    *ret_seconds = wall_us / 1000000;
    *ret_nanos = (int32_t)(wall_us % 1000000) * 1000;
}

int validate_compare_now(int64_t seconds, int32_t nanos)
{
    int64_t now_seconds;
    int32_t now_nanos;

    now(&now_seconds, &now_nanos);
    return validate_compare_times(seconds, nanos, now_seconds, now_nanos);
}

/* Durations and timestamps are 10,000 years at most, but a client may send anything: 128 bits
 * do not overflow. */
bool validate_is_within(int64_t seconds, int32_t nanos, int64_t duration_seconds,
                        int32_t duration_nanos)
{
    int64_t now_seconds;
    int32_t now_nanos;
    __int128 distance, allowed;

    now(&now_seconds, &now_nanos);
    distance = ((__int128)seconds - now_seconds) * 1000000000 + nanos - now_nanos;
    allowed = (__int128)duration_seconds * 1000000000 + duration_nanos;
    return -allowed <= distance && distance <= allowed;
}
