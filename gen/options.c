#include "gen/options.h"

#include <stdbool.h>
#include <string.h>

#include "gen/nesting.h"

static void *arena_alloc_callback(void *arena, size_t size_bytes)
{
    return arena_alloc(arena, size_bytes);
}

static void arena_free_callback(void *arena, void *pointer)
{
}

static size_t value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    default:
        return 4;
    }
}

static void *at(const ProtobufCMessage *message, unsigned offset)
{
    return (char *)message + offset;
}

static void merge(struct arena *arena, ProtobufCMessage *into, const ProtobufCMessage *from);

static void merge_repeated(struct arena *arena, ProtobufCMessage *into,
                           const ProtobufCMessage *from, const ProtobufCFieldDescriptor *field)
{
    size_t size = value_size(field->type);
    size_t *count = at(into, field->quantifier_offset);
    size_t more = *(size_t *)at(from, field->quantifier_offset);
    char **values = at(into, field->offset);
    char *joined;

    if (more == 0)
        return;
    joined = arena_alloc_array(arena, *count + more, size);
    if (*count > 0)
        memcpy(joined, *values, *count * size);
    memcpy(joined + *count * size, *(char **)at(from, field->offset), more * size);
    *values = joined;
    *count += more;
}

/* Whether the field is set in a message that protobuf-c decoded. */
static bool is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(uint32_t *)at(message, field->quantifier_offset) == field->id;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING)
        return *(const void **)at(message, field->offset) != NULL &&
               *(const void **)at(message, field->offset) != field->default_value;
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL)
        return *(protobuf_c_boolean *)at(message, field->quantifier_offset);
    for (size_t i = 0; i < value_size(field->type); i++)
        if (((const char *)at(message, field->offset))[i] != 0)
            return true;
    return false;
}

static void merge_singular(struct arena *arena, ProtobufCMessage *into,
                           const ProtobufCMessage *from, const ProtobufCFieldDescriptor *field)
{
    bool oneof = field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF;

    if (!is_set(from, field))
        return;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && is_set(into, field)) {
        merge(arena, *(ProtobufCMessage **)at(into, field->offset),
              *(ProtobufCMessage **)at(from, field->offset));
        return;
    }
    memcpy(at(into, field->offset), at(from, field->offset), value_size(field->type));
    if (oneof)
        *(uint32_t *)at(into, field->quantifier_offset) = field->id;
    else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0)
        *(protobuf_c_boolean *)at(into, field->quantifier_offset) = true;
}

static void merge_unknown(struct arena *arena, ProtobufCMessage *into, const ProtobufCMessage *from)
{
    if (from->n_unknown_fields > 0 && into->n_unknown_fields == 0) {
        into->n_unknown_fields = from->n_unknown_fields;
        into->unknown_fields = from->unknown_fields;
    }
}

static void merge(struct arena *arena, ProtobufCMessage *into, const ProtobufCMessage *from)
{
    for (unsigned i = 0; i < into->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &into->descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            merge_repeated(arena, into, from, field);
        else
            merge_singular(arena, into, from, field);
    }
    merge_unknown(arena, into, from);
}

/* protobuf-c keeps the length in front of an unknown field's bytes. */
static size_t length_prefix(const ProtobufCMessageUnknownField *field)
{
    size_t length = 0;

    while (length < field->len && (field->data[length] & 0x80))
        length++;
    return length < field->len ? length + 1 : length;
}

const ProtobufCMessage *options_extension(struct arena *arena, const ProtobufCMessage *options,
                                          unsigned number,
                                          const ProtobufCMessageDescriptor *descriptor,
                                          const char **reterr)
{
    ProtobufCAllocator allocator = {arena_alloc_callback, arena_free_callback, arena};
    ProtobufCMessage *merged = NULL;

    for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
        size_t prefix = length_prefix(field);
        ProtobufCMessage *part;

        if (field->tag != number || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            continue;
        if (!nesting_is_bounded(descriptor, field->data + prefix, field->len - prefix)) {
            *reterr = arena_printf(arena, "option %u is nested too deep", number);
            return NULL;
        }
        part = protobuf_c_message_unpack(descriptor, &allocator, field->len - prefix,
                                         field->data + prefix);
        if (part == NULL) {
            *reterr = arena_printf(arena, "option %u is not a %s", number, descriptor->name);
            return NULL;
        }
        if (protobuf_c_message_get_packed_size(part) < field->len - prefix) {
            *reterr = "a text of the option has a NUL, which no text may have in C";
            return NULL;
        }
        if (merged == NULL)
            merged = part;
        else
            merge(arena, merged, part);
    }
    return merged;
}

static unsigned unknown_in_field(const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *field)
{
    ProtobufCMessage **values;
    unsigned unknown = 0;
    size_t count;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return 0;
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return is_set(message, field)
                   ? options_unknown_field(*(ProtobufCMessage **)at(message, field->offset))
                   : 0;
    count = *(size_t *)at(message, field->quantifier_offset);
    values = *(ProtobufCMessage ***)at(message, field->offset);
    for (size_t i = 0; i < count && unknown == 0; i++)
        unknown = options_unknown_field(values[i]);
    return unknown;
}

unsigned options_unknown_field(const ProtobufCMessage *message)
{
    unsigned unknown = message->n_unknown_fields > 0 ? message->unknown_fields[0].tag : 0;

    for (unsigned i = 0; i < message->descriptor->n_fields && unknown == 0; i++)
        unknown = unknown_in_field(message, &message->descriptor->fields[i]);
    return unknown;
}
