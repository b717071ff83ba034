/* Budgets, field access and the write cursor. */
#include "server/protocol/codec.h"

#include <assert.h>
#include <string.h>

/* Arenas align to this, and small objects cost at least as much. */
#define ALLOCATION_UNIT 16

void *budget_alloc(struct budget *budget, size_t size_bytes)
{
    size_t cost = (size_bytes + ALLOCATION_UNIT - 1) & ~(size_t)(ALLOCATION_UNIT - 1);

    if (cost < size_bytes || cost > budget->left_bytes) {
        budget->left_bytes = 0;
        return NULL;
    }
    budget->left_bytes -= cost;
    return arena_alloc_uninitialised(budget->arena, size_bytes);
}

ProtobufCMessage *budget_message(struct budget *budget, const struct message_type *type)
{
    ProtobufCMessage *message = budget_alloc(budget, type->descriptor.sizeof_message);

    if (message != NULL)
        type->descriptor.message_init(message);
    return message;
}

char *budget_string(struct budget *budget, const void *text, size_t length)
{
    char *copy;

    if (length == 0)
        return (char *)protobuf_c_empty_string;
    copy = budget_alloc(budget, length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *budget_string_keeping_nul(struct budget *budget, const void *text, size_t length)
{
    const char *in = text;
    size_t nuls = 0;
    char *copy, *at;

    for (size_t i = 0; i < length; i++)
        nuls += in[i] == '\0';
    if (nuls == 0)
        return budget_string(budget, text, length);
    copy = at = budget_alloc(budget, length + nuls * (KEPT_NUL_BYTES - 1) + 1);
    for (size_t i = 0; copy != NULL && i < length; i++) {
        if (in[i] == '\0')
            at = mempcpy(at, KEPT_NUL, KEPT_NUL_BYTES);
        else
            *at++ = in[i];
    }
    if (copy != NULL)
        *at = '\0';
    return copy;
}

size_t field_element_size(ProtobufCType type)
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

/* Whether the struct has a has_f: strings and messages say it by their pointer. */
static bool has_flag(const ProtobufCFieldDescriptor *field, const struct message_field *extra)
{
    return extra->has_presence && field->label != PROTOBUF_C_LABEL_REQUIRED &&
           field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE;
}

void field_mark_present(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        const struct message_field *extra)
{
    if (field_is_oneof(field))
        *(int *)field_quantifier(message, field) = (int)field->id;
    else if (has_flag(field, extra))
        *(protobuf_c_boolean *)field_quantifier(message, field) = 1;
}

bool field_is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      const struct message_field *extra)
{
    const void *member = field_member(message, field);

    if (field_is_oneof(field))
        return field_oneof_case(message, field) == field->id;
    if (has_flag(field, extra))
        return *(const protobuf_c_boolean *)field_quantifier(message, field) != 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(ProtobufCMessage *const *)member != NULL;
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)member;
        return text != NULL && (extra->has_presence || text[0] != '\0');
    }
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)member)->len > 0;
    default:
        if (extra->has_presence)
            return true; /* proto2 required */
        if (field_element_size(field->type) == 8)
            return *(const uint64_t *)member != 0;
        return *(const uint32_t *)member != 0;
    }
}

static size_t implied_capacity(size_t count)
{
    size_t capacity = 4;

    if (count == 0)
        return 0;
    while (capacity < count)
        capacity *= 2;
    return capacity;
}

/* Counts are at most the bytes of an input, so that the products cannot overflow. */
void *field_reserve(struct budget *budget, ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, size_t count)
{
    size_t used = *field_count(message, field);
    size_t size = field_element_size(field->type);
    char **array = field_member(message, field);

    if (used + count > implied_capacity(used)) {
        char *larger = budget_alloc(budget, implied_capacity(used + count) * size);
        if (larger == NULL)
            return NULL;
        if (used > 0)
            memcpy(larger, *array, used * size);
        *array = larger;
    }
    return *array + used * size;
}

const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *descriptor,
                                           uint32_t number)
{
    unsigned low = 0, high = descriptor->n_fields;

    /* Most messages number their fields from 1 without gaps. */
    if (number - 1 < high && descriptor->fields[number - 1].id == number)
        return &descriptor->fields[number - 1];
    while (low < high) {
        unsigned middle = (low + high) / 2;
        uint32_t id = descriptor->fields[middle].id;
        if (id == number)
            return &descriptor->fields[middle];
        if (id < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void writer_open(struct writer *writer, struct buffer *out)
{
    *writer = (struct writer){.out = out};
}

void writer_flush(struct writer *writer)
{
    if (writer->at > writer->start)
        buffer_commit(writer->out, (size_t)(writer->at - writer->start));
    writer->start = writer->at = writer->end = NULL;
}

void writer_grow(struct writer *writer, size_t size_bytes)
{
    struct buffer *out = writer->out;

    writer_flush(writer);
    /* Whatever the buffer already has room for is ours too. */
    writer->start = writer->at = buffer_reserve(out, size_bytes < 256 ? 256 : size_bytes);
    writer->end = out->data + out->capacity;
    assert((size_t)(writer->end - writer->at) >= size_bytes);
}

void writer_append(struct writer *writer, const void *data, size_t length)
{
    if (length == 0)
        return;
    writer_ensure(writer, length);
    memcpy(writer->at, data, length);
    writer->at += length;
}
