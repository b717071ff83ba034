/* source.h - comments and positions of what a file declares.
 *
 * protoc gives them by path: numbers of fields and indexes of a FileDescriptorProto on the way
 * to the element. */
#ifndef WAYSTONE_GEN_SOURCE_H
#define WAYSTONE_GEN_SOURCE_H

#include "gen/model.h"

#define SOURCE_PATH_MAX 48

struct source_path {
    const struct model_file *file;
    int32_t steps[SOURCE_PATH_MAX];
    size_t length;
};

/* Sorts the positions of the file, which a large schema has tens of thousands of. */
void source_index(struct arena *arena, struct model_file *file);

/* The path one element further: field number and index. */
struct source_path source_at(const struct source_path *path, int32_t field, int32_t index);

/* The same without an index, for singular fields. */
struct source_path source_field(const struct source_path *path, int32_t field);

/* The position of the element; if it has none, of the one around it. */
struct location source_location(const struct source_path *path);

/* The position of the first thing declared at or inside the element; otherwise of the element. */
struct location source_location_inside(const struct source_path *path);

/* The comment in front of the element, trimmed; NULL if there is none. */
const char *source_comment(struct arena *arena, const struct source_path *path);

#endif
