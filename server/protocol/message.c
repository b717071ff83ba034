/* The registry of types, and empty messages. */
#include "server/protocol/message.h"

#include <stdlib.h>
#include <string.h>

/* Filled before the loops start and only read afterwards, so that it needs no lock. Open
 * addressing; at most half full. */
static struct {
    const struct message_type **slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
} registry;

static size_t hash_name(const char *name, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a: names come from our schemas */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32);
}

/* The slot that holds the name, or the free one where it belongs. */
static const struct message_type **find_slot(const char *name, size_t length)
{
    size_t mask = registry.slot_count - 1;
    size_t slot = hash_name(name, length) & mask;

    for (;; slot = (slot + 1) & mask) {
        const struct message_type *type = registry.slots[slot];
        if (type == NULL || (strlen(type->descriptor.name) == length &&
                             memcmp(type->descriptor.name, name, length) == 0))
            return &registry.slots[slot];
    }
}

static void grow_registry(void)
{
    const struct message_type **old = registry.slots;
    size_t old_count = registry.slot_count;

    registry.slot_count = old_count == 0 ? 256 : old_count * 2;
    registry.slots = calloc(registry.slot_count, sizeof(*registry.slots));
    if (registry.slots == NULL)
        abort();
    for (size_t i = 0; i < old_count; i++) {
        if (old[i] != NULL)
            *find_slot(old[i]->descriptor.name, strlen(old[i]->descriptor.name)) = old[i];
    }
    free(old);
}

void message_registry_add(const struct message_type *const *types, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct message_type **slot;
        if ((registry.used + 1) * 2 > registry.slot_count)
            grow_registry();
        slot = find_slot(types[i]->descriptor.name, strlen(types[i]->descriptor.name));
        /* Registering twice does no harm: the first stays. */
        if (*slot == NULL) {
            *slot = types[i];
            registry.used++;
        }
    }
}

const struct message_type *message_registry_find(const char *full_name, size_t length)
{
    return registry.slot_count == 0 ? NULL : *find_slot(full_name, length);
}

ProtobufCMessage *message_new(struct arena *arena, const struct message_type *type)
{
    ProtobufCMessage *message = arena_alloc(arena, type->descriptor.sizeof_message);

    type->descriptor.message_init(message);
    return message;
}
