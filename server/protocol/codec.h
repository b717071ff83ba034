/* codec.h - what the binary and the JSON codec share. Private to server/protocol.
 *
 * Decoding is paid from a budget, so that a small input that unfolds into much memory (two
 * bytes of wire can become a struct of fifty) is refused instead of served. */
#ifndef WAYSTONE_SERVER_PROTOCOL_CODEC_H
#define WAYSTONE_SERVER_PROTOCOL_CODEC_H

#include "base/arena.h"
#include "base/buffer.h"
#include "server/protocol/message.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "fixed-width fields are copied as they lie in memory");

/* --- memory of one decoded message --- */

struct budget {
    struct arena *arena;
    size_t left_bytes;
};

/* Memory the caller fills; NULL when the budget is spent. */
void *budget_alloc(struct budget *budget, size_t size_bytes);

/* An empty message; NULL when the budget is spent. */
ProtobufCMessage *budget_message(struct budget *budget, const struct message_type *type);

/* A copy with a NUL behind it; the shared empty string when there is nothing to copy. NULL when
 * the budget is spent. */
char *budget_string(struct budget *budget, const void *text, size_t length);

/* U+0000 in a string that keeps it; see message_options. */
#define KEPT_NUL "\xc0\x80"
#define KEPT_NUL_BYTES 2

/* The same for text that may hold U+0000, which becomes KEPT_NUL. */
char *budget_string_keeping_nul(struct budget *budget, const void *text, size_t length);

/* --- fields --- */

static inline void *field_member(const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->offset;
}

/* The has_f, n_f or o_case of a field. */
static inline void *field_quantifier(const ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *field)
{
    return (char *)message + field->quantifier_offset;
}

static inline size_t *field_count(const ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *field)
{
    return field_quantifier(message, field);
}

static inline bool field_is_repeated(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED;
}

static inline bool field_is_oneof(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* Which member of the field's oneof is set; 0: none. */
static inline uint32_t field_oneof_case(const ProtobufCMessage *message,
                                        const ProtobufCFieldDescriptor *field)
{
    return (uint32_t) * (const int *)field_quantifier(message, field);
}

static inline const struct message_type *field_type(const ProtobufCFieldDescriptor *field)
{
    return (const struct message_type *)field->descriptor;
}

/* Size of one value in a struct or array. */
size_t field_element_size(ProtobufCType type);

/* Notes that a singular field now has a value. */
void field_mark_present(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                        const struct message_field *extra);

/* Whether an encoder writes the singular field: it was set, or it has no presence and is not
 * its type's default (for numbers: all bits zero, so that -0.0 is written). */
bool field_is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      const struct message_field *extra);

/* Room for `count` more elements; the place of the first, or NULL when the budget is spent.
 * The caller adds to the count. Capacity is implied by the count: the next power of two. */
void *field_reserve(struct budget *budget, ProtobufCMessage *message,
                    const ProtobufCFieldDescriptor *field, size_t count);

/* The field with this number; NULL if there is none. */
const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *descriptor,
                                           uint32_t number);

/* --- maps --- */

/* Removes entries whose key occurs again later, whose value replaces theirs; true if there was
 * any. Linear in the number of entries, also for keys chosen to collide. */
bool map_remove_duplicates(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* --- writing --- */

/* A cursor into the end of a buffer, so that small writes need no call. Finish with
 * writer_flush(). */
struct writer {
    struct buffer *out;
    uint8_t *at, *end; /* reserved, not committed */
    uint8_t *start;
    bool keep_nul;                 /* KEPT_NUL is written as U+0000 */
    struct message_pieces *pieces; /* binary: what is left out; NULL: nothing */
};

void writer_open(struct writer *writer, struct buffer *out);
void writer_flush(struct writer *writer);
void writer_grow(struct writer *writer, size_t size_bytes);

/* Makes sure that `size_bytes` can be written at `at`. */
static inline void writer_ensure(struct writer *writer, size_t size_bytes)
{
    if ((size_t)(writer->end - writer->at) < size_bytes)
        writer_grow(writer, size_bytes);
}

void writer_append(struct writer *writer, const void *data, size_t length);

/* Bytes in the buffer, the uncommitted ones included: a position that outlives growth. */
static inline size_t writer_position(const struct writer *writer)
{
    return writer->out->length + (size_t)(writer->at - writer->start);
}

#endif
