/* The binary decoder: driven by the descriptors, bounded in depth and memory.
 *
 * Semantics are proto3's: the last scalar wins, repeated occurrences of a singular message are
 * merged (in a oneof only while it is the member that is set), packed and unpacked arrays are
 * both taken, a field with the wrong wire type counts as unknown, and unknown fields are kept.
 * Functions return where they stopped reading, or NULL after fail(). */
#include "base/limits.h"
#include "server/protocol/codec.h"
#include "server/protocol/utf8.h"

#include <assert.h>
#include <string.h>

#define WIRE_START_GROUP 3
#define WIRE_END_GROUP 4
#define FIELD_NUMBER_MAX ((UINT32_C(1) << 29) - 1)
#define DEPTH_MAX 128 /* whatever the options say: each level is some 200 bytes of stack */
#define UNKNOWN_BYTES_MIN 32

/* A map that has entries; duplicates are removed once, at the end, since a map may be merged
 * from any number of pieces. */
struct map_site {
    ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field;
    struct map_site *next;
};

struct decoder {
    struct budget budget;
    struct map_site *maps;
    unsigned max_depth; /* at most DEPTH_MAX */
    bool keep_nul;
    bool *ret_borrowed;
    enum status status;
    const char *error;
};

static const uint8_t *decode_fields(struct decoder *decoder, ProtobufCMessage *message,
                                    const uint8_t *at, const uint8_t *end, unsigned depth);

static const uint8_t *fail(struct decoder *decoder, const char *sentence)
{
    decoder->status = STATUS_INVALID_ARGUMENT;
    decoder->error = sentence;
    return NULL;
}

static const uint8_t *fail_truncated(struct decoder *decoder)
{
    return fail(decoder, "the message is cut off");
}

static const uint8_t *fail_depth(struct decoder *decoder)
{
    decoder->status = STATUS_INVALID_ARGUMENT;
    decoder->error =
        arena_printf(decoder->budget.arena, "message nests deeper than %u", decoder->max_depth);
    return NULL;
}

static const uint8_t *fail_budget(struct decoder *decoder)
{
    decoder->status = STATUS_RESOURCE_EXHAUSTED;
    decoder->error = arena_printf(
        decoder->budget.arena, "message takes more than %d bytes of memory", LIMIT_DECODED_BYTES);
    return NULL;
}

/* --- wire primitives --- */

static const uint8_t *read_long_varint(struct decoder *decoder, const uint8_t *at,
                                       const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (at == end)
            return fail_truncated(decoder);
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret_value = value;
            return at;
        }
    }
    return fail(decoder, "a number on the wire is longer than 64 bits");
}

static inline const uint8_t *read_varint(struct decoder *decoder, const uint8_t *at,
                                         const uint8_t *end, uint64_t *ret_value)
{
    if (__builtin_expect(at < end && *at < 0x80, 1)) {
        *ret_value = *at;
        return at + 1;
    }
    return read_long_varint(decoder, at, end, ret_value);
}

static const uint8_t *read_fixed(struct decoder *decoder, const uint8_t *at, const uint8_t *end,
                                 size_t size, uint64_t *ret_value)
{
    if ((size_t)(end - at) < size)
        return fail_truncated(decoder);
    *ret_value = 0;
    memcpy(ret_value, at, size);
    return at + size;
}

/* The length of a delimited value that lies before `end`. */
static const uint8_t *read_length(struct decoder *decoder, const uint8_t *at, const uint8_t *end,
                                  size_t *ret_length)
{
    uint64_t length;

    at = read_varint(decoder, at, end, &length);
    if (at == NULL)
        return NULL;
    if (length > (size_t)(end - at))
        return fail_truncated(decoder);
    *ret_length = (size_t)length;
    return at;
}

static inline const uint8_t *read_tag(struct decoder *decoder, const uint8_t *at,
                                      const uint8_t *end, uint32_t *ret_number,
                                      unsigned *ret_wire_type)
{
    uint64_t tag;

    at = read_varint(decoder, at, end, &tag);
    if (at == NULL)
        return NULL;
    if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return fail(decoder, "a field number is out of range");
    *ret_number = (uint32_t)(tag >> 3);
    *ret_wire_type = tag & 7;
    return at;
}

/* --- unknown fields --- */

/* Skips one value that is no group. */
static const uint8_t *skip_plain(struct decoder *decoder, const uint8_t *at, const uint8_t *end,
                                 unsigned wire_type)
{
    uint64_t value;
    size_t length;

    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return read_varint(decoder, at, end, &value);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return read_fixed(decoder, at, end, 8, &value);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return read_fixed(decoder, at, end, 4, &value);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        at = read_length(decoder, at, end, &length);
        return at != NULL ? at + length : NULL;
    default:
        return fail(decoder, "a field has an invalid wire type");
    }
}

/* Groups nest without a length, so their numbers are kept on a stack. */
static const uint8_t *skip_value(struct decoder *decoder, const uint8_t *at, const uint8_t *end,
                                 uint32_t number, unsigned wire_type, unsigned depth)
{
    uint32_t open[DEPTH_MAX];
    unsigned count = 0;

    for (;;) {
        if (wire_type == WIRE_START_GROUP) {
            if (depth + count >= decoder->max_depth)
                return fail_depth(decoder);
            open[count++] = number;
        } else if (wire_type == WIRE_END_GROUP) {
            if (count == 0 || open[count - 1] != number)
                return fail(decoder, "a group ends that was not begun");
            count--;
        } else {
            at = skip_plain(decoder, at, end, wire_type);
            if (at == NULL)
                return NULL;
        }
        if (count == 0)
            return at;
        at = read_tag(decoder, at, end, &number, &wire_type);
        if (at == NULL)
            return NULL;
    }
}

static size_t unknown_capacity(size_t length)
{
    size_t capacity = UNKNOWN_BYTES_MIN;

    while (capacity < length)
        capacity *= 2;
    return capacity;
}

/* Keeps the field that lies in [start, end) and has its value at `value`. All that are unknown
 * in a message are one entry of protobuf-c's: the first one's tag, and as its data the rest as it
 * was on the wire. Any number of them so costs about what they are long. */
static bool keep_unknown(struct decoder *decoder, ProtobufCMessage *message, uint32_t number,
                         unsigned wire_type, const uint8_t *start, const uint8_t *value,
                         const uint8_t *end)
{
    ProtobufCMessageUnknownField *kept = message->unknown_fields;
    size_t length = (size_t)(end - (kept != NULL ? start : value));
    uint8_t *larger;

    if (kept == NULL) {
        kept = budget_alloc(&decoder->budget, sizeof(*kept));
        if (kept == NULL)
            return false;
        *kept = (ProtobufCMessageUnknownField){.tag = number,
                                               .wire_type = (ProtobufCWireType)wire_type};
    }
    if (kept->data == NULL || kept->len + length > unknown_capacity(kept->len)) {
        larger = budget_alloc(&decoder->budget, unknown_capacity(kept->len + length));
        if (larger == NULL)
            return false;
        if (kept->data != NULL)
            memcpy(larger, kept->data, kept->len);
        kept->data = larger;
    }
    memcpy(kept->data + kept->len, end - length, length);
    kept->len += length;
    message->unknown_fields = kept;
    message->n_unknown_fields = 1;
    return true;
}

static const uint8_t *decode_unknown(struct decoder *decoder, ProtobufCMessage *message,
                                     const uint8_t *start, const uint8_t *value, const uint8_t *end,
                                     uint32_t number, unsigned wire_type, unsigned depth)
{
    const uint8_t *at = skip_value(decoder, value, end, number, wire_type, depth);

    if (at != NULL && !keep_unknown(decoder, message, number, wire_type, start, value, at))
        return fail_budget(decoder);
    return at;
}

/* --- known fields --- */

static unsigned natural_wire_type(ProtobufCType type)
{
    static const uint8_t wire_types[] = {
        [PROTOBUF_C_TYPE_SFIXED32] = PROTOBUF_C_WIRE_TYPE_32BIT,
        [PROTOBUF_C_TYPE_FIXED32] = PROTOBUF_C_WIRE_TYPE_32BIT,
        [PROTOBUF_C_TYPE_FLOAT] = PROTOBUF_C_WIRE_TYPE_32BIT,
        [PROTOBUF_C_TYPE_SFIXED64] = PROTOBUF_C_WIRE_TYPE_64BIT,
        [PROTOBUF_C_TYPE_FIXED64] = PROTOBUF_C_WIRE_TYPE_64BIT,
        [PROTOBUF_C_TYPE_DOUBLE] = PROTOBUF_C_WIRE_TYPE_64BIT,
        [PROTOBUF_C_TYPE_STRING] = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        [PROTOBUF_C_TYPE_BYTES] = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        [PROTOBUF_C_TYPE_MESSAGE] = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
    };

    return wire_types[type]; /* the others are varints, 0 */
}

static bool is_delimited(ProtobufCType type)
{
    return natural_wire_type(type) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

static inline void store_number(ProtobufCType type, void *member, uint64_t bits)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SINT32:
        bits = (uint32_t)bits >> 1 ^ (0 - ((uint32_t)bits & 1));
        break;
    case PROTOBUF_C_TYPE_SINT64:
        bits = bits >> 1 ^ (0 - (bits & 1));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        bits = bits != 0;
        break;
    default:
        break;
    }
    if (field_element_size(type) == 8) {
        memcpy(member, &bits, 8);
    } else {
        uint32_t low = (uint32_t)bits;
        memcpy(member, &low, 4);
    }
}

static const uint8_t *read_number(struct decoder *decoder, ProtobufCType type, const uint8_t *at,
                                  const uint8_t *end, void *member)
{
    uint64_t bits;

    switch (natural_wire_type(type)) {
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        at = read_fixed(decoder, at, end, 4, &bits);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        at = read_fixed(decoder, at, end, 8, &bits);
        break;
    default:
        at = read_varint(decoder, at, end, &bits);
    }
    if (at != NULL)
        store_number(type, member, bits);
    return at;
}

/* An array of numbers in one delimited value. */
static const uint8_t *decode_packed(struct decoder *decoder, ProtobufCMessage *message,
                                    const ProtobufCFieldDescriptor *field, const uint8_t *at,
                                    const uint8_t *end)
{
    unsigned wire_type = natural_wire_type(field->type);
    size_t count = 0, size = field_element_size(field->type);
    char *element;

    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT) {
        for (const uint8_t *byte = at; byte < end; byte++)
            count += *byte < 0x80;
    } else if ((size_t)(end - at) % size == 0) {
        count = (size_t)(end - at) / size;
    } else {
        return fail_truncated(decoder);
    }
    if (at == end)
        return at;
    /* One more than whole numbers, so that a cut-off last one is noticed by reading it. */
    element = field_reserve(&decoder->budget, message, field, count + 1);
    if (element == NULL)
        return fail_budget(decoder);
    if (wire_type != PROTOBUF_C_WIRE_TYPE_VARINT) {
        memcpy(element, at, count * size);
        at = end;
    }
    for (; at < end; element += size) {
        at = read_number(decoder, field->type, at, end, element);
        if (at == NULL)
            return NULL;
    }
    *field_count(message, field) += count;
    return at;
}

static const uint8_t *decode_string(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                                    const uint8_t *at, size_t length, char **ret_string)
{
    struct arena *arena = decoder->budget.arena;

    if (!utf8_valid(at, length))
        return fail(decoder, arena_printf(arena, "field '%s' is not valid UTF-8", field->name));
    /* A C string cannot hold it, and nobody should be able to hide text behind it. */
    if (memchr(at, 0, length) == NULL)
        *ret_string = budget_string(&decoder->budget, at, length);
    else if (decoder->keep_nul)
        *ret_string = budget_string_keeping_nul(&decoder->budget, at, length);
    else
        return fail(decoder,
                    arena_printf(arena, "field '%s' contains a NUL character", field->name));
    return *ret_string != NULL ? at + length : fail_budget(decoder);
}

static const uint8_t *decode_bytes(struct decoder *decoder, const uint8_t *at, size_t length,
                                   ProtobufCBinaryData *ret_bytes)
{
    ProtobufCBinaryData bytes = {.len = length};

    if (decoder->ret_borrowed != NULL && length >= LIMIT_COPIED_BYTES) {
        bytes.data = (uint8_t *)at;
        *decoder->ret_borrowed = true;
    } else if (length > 0) {
        bytes.data = budget_alloc(&decoder->budget, length);
        if (bytes.data == NULL)
            return fail_budget(decoder);
        memcpy(bytes.data, at, length);
    }
    *ret_bytes = bytes;
    return at + length;
}

static bool note_map(struct decoder *decoder, ProtobufCMessage *message,
                     const ProtobufCFieldDescriptor *field)
{
    struct map_site *site = budget_alloc(&decoder->budget, sizeof(*site));

    if (site == NULL)
        return false;
    *site = (struct map_site){message, field, decoder->maps};
    decoder->maps = site;
    return true;
}

/* A message of its own type into `*slot`, merging with what is there. Map entries do not count
 * as a level: people see a map, not messages. */
static const uint8_t *decode_submessage(struct decoder *decoder, const struct message_type *type,
                                        const uint8_t *at, const uint8_t *end,
                                        ProtobufCMessage **slot, unsigned depth)
{
    if (!type->is_map_entry && ++depth > decoder->max_depth)
        return fail_depth(decoder);
    if (*slot == NULL) {
        *slot = budget_message(&decoder->budget, type);
        if (*slot == NULL)
            return fail_budget(decoder);
    }
    at = decode_fields(decoder, *slot, at, end, depth);
    if (at == NULL || !type->is_map_entry)
        return at;

    /* An entry without a value has its type's default. */
    const ProtobufCFieldDescriptor *value = &type->descriptor.fields[1];
    ProtobufCMessage **value_slot = field_member(*slot, value);
    if (value->type == PROTOBUF_C_TYPE_MESSAGE && *value_slot == NULL) {
        *value_slot = budget_message(&decoder->budget, field_type(value));
        if (*value_slot == NULL)
            return fail_budget(decoder);
    }
    return at;
}

/* One string, bytes or message into its place. */
static const uint8_t *decode_delimited(struct decoder *decoder,
                                       const ProtobufCFieldDescriptor *field, const uint8_t *at,
                                       size_t length, void *member, unsigned depth)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return decode_string(decoder, field, at, length, member);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(decoder, at, length, member);
    default:
        return decode_submessage(decoder, field_type(field), at, at + length, member, depth);
    }
}

static const uint8_t *decode_repeated_delimited(struct decoder *decoder, ProtobufCMessage *message,
                                                const ProtobufCFieldDescriptor *field, bool is_map,
                                                const uint8_t *at, size_t length, unsigned depth)
{
    void *member = field_reserve(&decoder->budget, message, field, 1);

    if (member == NULL)
        return fail_budget(decoder);
    if (is_map && *field_count(message, field) == 0 && !note_map(decoder, message, field))
        return fail_budget(decoder);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        *(ProtobufCMessage **)member = NULL;
    at = decode_delimited(decoder, field, at, length, member, depth);
    if (at != NULL)
        ++*field_count(message, field);
    return at;
}

/* A value whose wire type is length-prefixed: what is so by its type, or a packed array. */
static const uint8_t *decode_length_prefixed(struct decoder *decoder, ProtobufCMessage *message,
                                             const ProtobufCFieldDescriptor *field,
                                             const struct message_field *extra, const uint8_t *at,
                                             const uint8_t *end, unsigned depth)
{
    void *member = field_member(message, field);
    bool is_number = !is_delimited(field->type);
    size_t length;

    at = read_length(decoder, at, end, &length);
    if (at == NULL)
        return NULL;
    if (is_number)
        return decode_packed(decoder, message, field, at, at + length);
    if (field_is_repeated(field))
        return decode_repeated_delimited(decoder, message, field, extra->is_map, at, length, depth);

    /* The union may hold another member, which is nothing to merge with. */
    if (field_is_oneof(field) && field_oneof_case(message, field) != field->id &&
        field->type == PROTOBUF_C_TYPE_MESSAGE)
        *(ProtobufCMessage **)member = NULL;
    at = decode_delimited(decoder, field, at, length, member, depth);
    if (at != NULL)
        field_mark_present(message, field, extra);
    return at;
}

static const uint8_t *decode_number(struct decoder *decoder, ProtobufCMessage *message,
                                    const ProtobufCFieldDescriptor *field,
                                    const struct message_field *extra, const uint8_t *at,
                                    const uint8_t *end)
{
    void *member = field_member(message, field);

    if (field_is_repeated(field)) {
        member = field_reserve(&decoder->budget, message, field, 1);
        if (member == NULL)
            return fail_budget(decoder);
    }
    at = read_number(decoder, field->type, at, end, member);
    if (at == NULL)
        return NULL;
    if (field_is_repeated(field))
        ++*field_count(message, field);
    else
        field_mark_present(message, field, extra);
    return at;
}

static const uint8_t *decode_fields(struct decoder *decoder, ProtobufCMessage *message,
                                    const uint8_t *at, const uint8_t *end, unsigned depth)
{
    const struct message_type *type = message_type_of(message);
    const ProtobufCMessageDescriptor *descriptor = &type->descriptor;

    while (at != NULL && at < end) {
        const uint8_t *start = at;
        uint32_t number;
        unsigned wire_type;
        const ProtobufCFieldDescriptor *field;

        at = read_tag(decoder, at, end, &number, &wire_type);
        if (at == NULL)
            return NULL;
        field = field_find(descriptor, number);
        if (field != NULL && wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED &&
            (is_delimited(field->type) || field_is_repeated(field)))
            at = decode_length_prefixed(decoder, message, field,
                                        &type->fields[field - descriptor->fields], at, end, depth);
        else if (field != NULL && wire_type == natural_wire_type(field->type))
            at = decode_number(decoder, message, field, &type->fields[field - descriptor->fields],
                               at, end);
        else
            at = decode_unknown(decoder, message, start, at, end, number, wire_type, depth);
    }
    return at;
}

enum status message_decode(struct arena *arena, const struct message_type *type,
                           const uint8_t *data, size_t length, ProtobufCMessage **ret,
                           const char **reterr)
{
    static const struct message_options defaults;

    return message_decode_with(arena, type, data, length, &defaults, ret, reterr);
}

enum status message_decode_with(struct arena *arena, const struct message_type *type,
                                const uint8_t *data, size_t length,
                                const struct message_options *options, ProtobufCMessage **ret,
                                const char **reterr)
{
    static const uint8_t nothing[1];
    struct decoder decoder = {
        .budget = {arena, LIMIT_DECODED_BYTES},
        .max_depth = options->max_depth > 0 ? options->max_depth : LIMIT_MESSAGE_DEPTH,
        .keep_nul = options->keep_nul,
        .ret_borrowed = options->ret_borrowed,
    };
    ProtobufCMessage *message = NULL;

    assert(decoder.max_depth <= DEPTH_MAX);

    if (length == 0)
        data = nothing; /* NULL is the answer of functions that failed */
    if (decode_submessage(&decoder, type, data, data + length, &message, 0) == NULL) {
        *reterr = decoder.error;
        return decoder.status;
    }
    for (struct map_site *site = decoder.maps; site != NULL; site = site->next)
        (void)map_remove_duplicates(site->message, site->field);
    *ret = message;
    return STATUS_OK;
}
