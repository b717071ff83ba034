#include <string.h>

#include "base/limits.h"
#include "client/internal.h"
#include "server/protocol/base64.h"

bool client_metadata_add(struct client_metadata *metadata, struct arena *arena, const char *name,
                         const char *value, size_t value_length)
{
    size_t size_bytes = strlen(name) + value_length;

    if (metadata->count == LIMIT_HEADERS || metadata->size_bytes + size_bytes > LIMIT_HEADER_BYTES)
        return false;
    if (metadata->count == metadata->capacity) {
        size_t capacity = metadata->capacity ? metadata->capacity * 2 : 8;
        struct client_header *items = arena_alloc_array(arena, capacity, sizeof(*items));
        if (metadata->count > 0)
            memcpy(items, metadata->items, metadata->count * sizeof(*items));
        metadata->items = items;
        metadata->capacity = capacity;
    }
    metadata->items[metadata->count++] = (struct client_header){
        arena_strdup(arena, name), arena_strndup(arena, value, value_length)};
    metadata->size_bytes += size_bytes;
    return true;
}

const char *client_metadata_find(const struct client_metadata *metadata, const char *name)
{
    for (size_t i = 0; i < metadata->count; i++)
        if (strcmp(metadata->items[i].name, name) == 0)
            return metadata->items[i].value;
    return NULL;
}

/* Values of one name may have been joined with commas on the way. */
bool client_metadata_find_bytes(const struct client_metadata *metadata, struct arena *arena,
                                const char *name, struct bytes *ret_value)
{
    const char *text = client_metadata_find(metadata, name);
    size_t length;
    void *bytes;

    if (text == NULL)
        return false;
    length = strcspn(text, ",");
    bytes = arena_alloc(arena, base64_decoded_max(length));
    if (!base64_decode_to(bytes, text, length, &length))
        return false;
    *ret_value = (struct bytes){bytes, length};
    return true;
}

/* --- what a caller may send --- */

static bool is_name(const char *name)
{
    return *name != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(name);
}

static bool is_value(const char *value)
{
    size_t length = strlen(value);

    for (size_t i = 0; i < length; i++)
        if (value[i] < 0x20 || value[i] > 0x7e)
            return false;
    return length == 0 || (value[0] != ' ' && value[length - 1] != ' ');
}

static bool is_own(const char *name)
{
    static const char *const names[] = {"te",         "content-type",      "content-length",
                                        "connection", "transfer-encoding", "host"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "grpc-", 5) == 0;
}

const char *client_metadata_flaw(struct arena *arena, const char *name, const char *value)
{
    if (!is_name(name))
        return arena_printf(arena, "'%.64s' is no header's name: write it in lower case", name);
    if (is_own(name))
        return arena_printf(arena, "the header '%.64s' belongs to the protocol", name);
    if (!is_value(value))
        return arena_printf(arena, "the header '%.64s' has a value that is not printable ASCII",
                            name);
    return NULL;
}
