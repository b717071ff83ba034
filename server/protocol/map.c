/* Duplicate keys of maps.
 *
 * The hash is SipHash-1-3 under a random key, since clients choose the keys: with a fixed hash
 * they could choose colliding ones and make this quadratic. */
#include "server/protocol/codec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Up to this many entries, comparing each pair is cheaper than a table. */
#define MAP_PAIRWISE_MAX 8

static uint64_t hash_key[2];
static bool hash_key_ready;

/* Threads may race here: each sees some key for the whole of a call, which is all that is
 * needed, since tables do not outlive the call. */
static void copy_hash_key(uint64_t key[2])
{
    if (!__atomic_load_n(&hash_key_ready, __ATOMIC_ACQUIRE)) {
        uint64_t fresh[2] = {0};
        if (getrandom(fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh))
            fresh[0] = (uintptr_t)key;
        __atomic_store_n(&hash_key[0], fresh[0], __ATOMIC_RELAXED);
        __atomic_store_n(&hash_key[1], fresh[1], __ATOMIC_RELAXED);
        __atomic_store_n(&hash_key_ready, true, __ATOMIC_RELEASE);
    }
    key[0] = __atomic_load_n(&hash_key[0], __ATOMIC_RELAXED);
    key[1] = __atomic_load_n(&hash_key[1], __ATOMIC_RELAXED);
}

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint64_t hash_bytes(const uint64_t key[2], const void *data, size_t length)
{
    const uint8_t *at = data;
    uint64_t v[4] = {key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                     key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t last = (uint64_t)length << 56;

    for (; length >= 8; at += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < length; i++)
        last |= (uint64_t)at[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The key of an entry as bytes. */
static struct bytes entry_key(const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[0];
    const void *member = field_member(entry, field);

    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        return (struct bytes){(const uint8_t *)text, strlen(text)};
    }
    return (struct bytes){member, field_element_size(field->type)};
}

static bool same_key(const ProtobufCMessage *left, const ProtobufCMessage *right)
{
    struct bytes a = entry_key(left), b = entry_key(right);

    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static size_t compact_pairwise(ProtobufCMessage **entries, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        size_t twin = 0;
        while (twin < kept && !same_key(entries[twin], entries[i]))
            twin++;
        entries[twin] = entries[i];
        kept += twin == kept;
    }
    return kept;
}

/* Open addressing; a slot holds the index of a kept entry plus 1. */
static size_t compact_hashed(ProtobufCMessage **entries, size_t count)
{
    uint64_t key[2];
    size_t slots = 16, kept = 0;
    uint32_t *table;

    copy_hash_key(key);
    while (slots < count * 2)
        slots *= 2;
    table = calloc(slots, sizeof(*table));
    if (table == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct bytes bytes = entry_key(entries[i]);
        size_t slot = hash_bytes(key, bytes.data, bytes.length) & (slots - 1);
        while (table[slot] != 0 && !same_key(entries[table[slot] - 1], entries[i]))
            slot = (slot + 1) & (slots - 1);
        if (table[slot] == 0)
            table[slot] = (uint32_t)++kept;
        entries[table[slot] - 1] = entries[i];
    }
    free(table);
    return kept;
}

bool map_remove_duplicates(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    ProtobufCMessage **entries = *(ProtobufCMessage ***)field_member(message, field);
    size_t *count = field_count(message, field);
    size_t kept;

    if (*count < 2)
        return false;
    kept = *count <= MAP_PAIRWISE_MAX ? compact_pairwise(entries, *count)
                                      : compact_hashed(entries, *count);
    if (kept == *count)
        return false;
    *count = kept;
    return true;
}
