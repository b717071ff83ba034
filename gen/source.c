#include "gen/source.h"

#include <ctype.h>
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

/* The first location whose path starts with the given one, or equals it. */
static const Google__Protobuf__SourceCodeInfo__Location *find(const struct source_path *path,
                                                              size_t length, bool exact)
{
    const Google__Protobuf__SourceCodeInfo *info = path->file->proto->source_code_info;

    if (info == NULL)
        return NULL;
    for (size_t i = 0; i < info->n_location; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *location = info->location[i];
        if (location->n_path < length || (exact && location->n_path != length))
            continue;
        if (length == 0 || memcmp(location->path, path->steps, length * sizeof(int32_t)) == 0)
            return location;
    }
    return NULL;
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
