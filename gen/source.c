#include "gen/source.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct source_path source_field(const struct source_path *path, int32_t field)
{
    struct source_path longer = *path;

    if (longer.length < SOURCE_PATH_MAX)
        longer.steps[longer.length++] = field;
    return longer;
}

struct source_path source_at(const struct source_path *path, int32_t field, int32_t index)
{
    struct source_path longer = source_field(path, field);

    return source_field(&longer, index);
}

/* --- looking up --- */

/* A position that protoc gave, and which one it was. */
struct source_location {
    const Google__Protobuf__SourceCodeInfo__Location *given;
    size_t order;
};

static int compare_paths(const int32_t *a, size_t a_length, const int32_t *b, size_t b_length)
{
    for (size_t i = 0; i < a_length && i < b_length; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return (a_length > b_length) - (a_length < b_length);
}

static int compare_locations(const void *left, const void *right)
{
    const struct source_location *a = left, *b = right;
    int compared =
        compare_paths(a->given->path, a->given->n_path, b->given->path, b->given->n_path);

    return compared != 0 ? compared : (a->order > b->order) - (a->order < b->order);
}

void source_index(struct arena *arena, struct model_file *file)
{
    const Google__Protobuf__SourceCodeInfo *info = file->proto->source_code_info;
    struct source_location *sorted;

    if (info == NULL || info->n_location == 0)
        return;
    sorted = arena_alloc_array(arena, info->n_location, sizeof(*sorted));
    for (size_t i = 0; i < info->n_location; i++)
        sorted[i] = (struct source_location){info->location[i], i};
    qsort(sorted, info->n_location, sizeof(*sorted), compare_locations);
    file->locations = sorted;
    file->location_count = info->n_location;
}

/* The first one in order that is not before the path. */
static size_t lower_bound(const struct source_path *path, size_t length)
{
    size_t low = 0, high = path->file->location_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const Google__Protobuf__SourceCodeInfo__Location *given =
            path->file->locations[middle].given;
        if (compare_paths(given->path, given->n_path, path->steps, length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The location given first of those whose path starts with the given one, or equals it. */
static const Google__Protobuf__SourceCodeInfo__Location *find(const struct source_path *path,
                                                              size_t length, bool exact)
{
    const struct source_location *found = NULL;

    for (size_t i = lower_bound(path, length); i < path->file->location_count; i++) {
        const struct source_location *at = &path->file->locations[i];
        size_t compared = at->given->n_path < length ? at->given->n_path : length;
        if (at->given->n_path < length || (exact && at->given->n_path != length) ||
            compare_paths(at->given->path, compared, path->steps, length) != 0)
            break;
        if (found == NULL || at->order < found->order)
            found = at;
    }
    return found != NULL ? found->given : NULL;
}

static struct location to_location(const struct source_path *path,
                                   const Google__Protobuf__SourceCodeInfo__Location *found)
{
    struct location location = {.file = path->file};

    if (found != NULL && found->n_span >= 3) {
        location.line = found->span[0] + 1;
        location.column = found->span[1] + 1;
    }
    return location;
}

struct location source_location(const struct source_path *path)
{
    for (size_t length = path->length; length > 0; length--) {
        const Google__Protobuf__SourceCodeInfo__Location *found = find(path, length, true);
        if (found != NULL)
            return to_location(path, found);
    }
    return to_location(path, NULL);
}

struct location source_location_inside(const struct source_path *path)
{
    const Google__Protobuf__SourceCodeInfo__Location *found = find(path, path->length, false);

    return found ? to_location(path, found) : source_location(path);
}

/* Takes one blank from the start of each line and all from the ends of the text. */
static const char *trim(struct arena *arena, const char *text)
{
    char *trimmed = arena_alloc(arena, strlen(text) + 1);
    size_t at = 0;
    bool line_start = true;

    for (; *text != '\0'; text++) {
        if (line_start && *text == ' ') {
            line_start = false;
            continue;
        }
        if (*text == '\n')
            while (at > 0 && trimmed[at - 1] == ' ')
                at--;
        line_start = *text == '\n';
        trimmed[at++] = *text;
    }
    while (at > 0 && isspace((unsigned char)trimmed[at - 1]))
        at--;
    trimmed[at] = '\0';
    while (*trimmed == '\n')
        trimmed++;
    return *trimmed != '\0' ? trimmed : NULL;
}

const char *source_comment(struct arena *arena, const struct source_path *path)
{
    const Google__Protobuf__SourceCodeInfo__Location *found = find(path, path->length, true);

    if (found == NULL || found->leading_comments == NULL)
        return NULL;
    return trim(arena, found->leading_comments);
}
