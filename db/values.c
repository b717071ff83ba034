/* PostgreSQL's binary format. */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "db/internal.h"

/* PostgreSQL counts from 2000-01-01. */
#define EPOCH_OFFSET_US 946684800000000LL

Oid db_type_oid(enum db_type type)
{
    switch (type) {
    case DB_INT2:
        return 21;
    case DB_INT4:
        return 23;
    case DB_INT8:
        return 20;
    case DB_BOOL:
        return 16;
    case DB_FLOAT8:
        return 701;
    case DB_TEXT:
        return 25;
    case DB_BYTES:
        return 17;
    case DB_TIMESTAMPTZ:
        return 1184;
    case DB_UUID:
        return 2950;
    case DB_INT8_ARRAY:
        return 1016;
    case DB_TEXT_ARRAY:
        return 1009;
    }
    return 0;
}

/* --- encoding --- */

static const char *put_scalar(uint64_t *slot, const void *value, size_t size_bytes)
{
    memcpy(slot, value, size_bytes);
    return (const char *)slot;
}

static const char *put_u64(uint64_t *slot, uint64_t value)
{
    *slot = htobe64(value);
    return (const char *)slot;
}

static uint8_t *put_u32(uint8_t *out, uint32_t value)
{
    value = htobe32(value);
    memcpy(out, &value, sizeof(value));
    return out + sizeof(value);
}

/* One dimension, no NULLs: dimensions, flags, element type, size, lower bound. */
static uint8_t *put_array_head(uint8_t *out, Oid element, size_t count)
{
    out = put_u32(out, count > 0 ? 1 : 0);
    out = put_u32(out, 0);
    out = put_u32(out, element);
    if (count == 0)
        return out;
    out = put_u32(out, (uint32_t)count);
    return put_u32(out, 1);
}

static const char *encode_int8_array(struct arena *scratch, const struct db_int8_array *array,
                                     int *ret_length)
{
    uint8_t *start = arena_alloc_uninitialised(scratch, 20 + array->count * 12);
    uint8_t *out = put_array_head(start, 20, array->count);

    for (size_t i = 0; i < array->count; i++) {
        uint64_t value = htobe64((uint64_t)array->items[i]);
        out = put_u32(out, 8);
        memcpy(out, &value, 8);
        out += 8;
    }
    *ret_length = (int)(out - start);
    return (const char *)start;
}

static const char *encode_text_array(struct arena *scratch, const struct db_text_array *array,
                                     int *ret_length)
{
    size_t size = 20;
    uint8_t *start, *out;

    for (size_t i = 0; i < array->count; i++)
        size += 4 + strlen(array->items[i]);
    start = arena_alloc_uninitialised(scratch, size);
    out = put_array_head(start, 25, array->count);
    for (size_t i = 0; i < array->count; i++) {
        size_t length = strlen(array->items[i]);
        out = put_u32(out, (uint32_t)length);
        memcpy(out, array->items[i], length);
        out += length;
    }
    *ret_length = (int)(out - start);
    return (const char *)start;
}

static struct arena *array_memory(struct db_encoded *encoded)
{
    if (encoded->arrays == NULL)
        encoded->arrays = arena_new();
    return encoded->arrays;
}

static const char *encode_value(const struct db_field *field, const void *value,
                                struct db_encoded *encoded, uint64_t *slot, int *ret_length)
{
    const struct bytes *bytes = value;
    uint64_t bits;
    uint32_t half;
    uint16_t quarter;

    *ret_length = 8;
    switch (field->type) {
    case DB_INT8:
        return put_u64(slot, *(const uint64_t *)value);
    case DB_TIMESTAMPTZ:
        return put_u64(slot, (uint64_t)(*(const int64_t *)value - EPOCH_OFFSET_US));
    case DB_FLOAT8:
        memcpy(&bits, value, sizeof(bits));
        return put_u64(slot, bits);
    case DB_INT4:
        *ret_length = 4;
        half = htobe32(*(const uint32_t *)value);
        return put_scalar(slot, &half, sizeof(half));
    case DB_INT2:
        *ret_length = 2;
        quarter = htobe16(*(const uint16_t *)value);
        return put_scalar(slot, &quarter, sizeof(quarter));
    case DB_BOOL:
        *ret_length = 1;
        return *(const bool *)value ? "\1" : "\0";
    case DB_TEXT:
        *ret_length = (int)strlen(*(const char *const *)value);
        return *(const char *const *)value;
    case DB_BYTES:
        *ret_length = (int)bytes->length;
        return bytes->data ? (const char *)bytes->data : "";
    case DB_UUID:
        *ret_length = 16;
        return value;
    case DB_INT8_ARRAY:
        return encode_int8_array(array_memory(encoded), value, ret_length);
    case DB_TEXT_ARRAY:
        return encode_text_array(array_memory(encoded), value, ret_length);
    }
    return NULL;
}

static bool is_null(const struct db_field *field, const uint8_t *parameters)
{
    if (field->type == DB_TEXT)
        return *(const char *const *)(const void *)(parameters + field->offset) == NULL;
    return field->nullable && *(const bool *)(parameters + field->null_offset);
}

void db_encode(const struct db_query *query, const void *parameters, struct db_encoded *ret)
{
    const uint8_t *base = parameters;

    ret->arrays = NULL;
    assert(query->parameter_count <= DB_MAX_PARAMETERS);
    for (size_t i = 0; i < query->parameter_count; i++) {
        const struct db_field *field = &query->parameters[i];
        ret->formats[i] = 1;
        ret->lengths[i] = 0;
        ret->values[i] = NULL;
        if (!is_null(field, base))
            ret->values[i] =
                encode_value(field, base + field->offset, ret, &ret->scalars[i], &ret->lengths[i]);
    }
}

void db_encoded_free(struct db_encoded *encoded)
{
    arena_free(encoded->arrays);
}

/* --- decoding --- */

static uint64_t get_u64(const char *data)
{
    uint64_t value;

    memcpy(&value, data, sizeof(value));
    return be64toh(value);
}

static uint32_t read_u32(const uint8_t *data)
{
    uint32_t value;

    memcpy(&value, data, sizeof(value));
    return be32toh(value);
}

static bool has_length(enum db_type type, int length)
{
    switch (type) {
    case DB_INT2:
        return length == 2;
    case DB_INT4:
        return length == 4;
    case DB_INT8:
    case DB_FLOAT8:
    case DB_TIMESTAMPTZ:
        return length == 8;
    case DB_BOOL:
        return length == 1;
    case DB_UUID:
        return length == 16;
    default:
        return true;
    }
}

/* One dimension or none, without NULLs, as encode_int8_array() writes it. */
static enum status decode_int8_array(const uint8_t *data, size_t length, struct arena *arena,
                                     struct db_int8_array *ret)
{
    size_t count = 0;
    int64_t *items;

    if (length < 12 || read_u32(data) > 1 || read_u32(data + 4) != 0)
        return STATUS_INTERNAL;
    if (read_u32(data) == 1)
        count = length < 20 ? SIZE_MAX : read_u32(data + 12);
    if (count > length / 12 || (count > 0 && length != 20 + count * 12))
        return STATUS_INTERNAL;
    items = arena_alloc_array(arena, count, sizeof(*items));
    for (size_t i = 0; i < count; i++)
        items[i] = (int64_t)get_u64((const char *)data + 24 + i * 12);
    *ret = (struct db_int8_array){items, count};
    return STATUS_OK;
}

static enum status decode_value(const struct db_field *field, const char *data, int length,
                                struct arena *arena, void *out)
{
    uint64_t bits;
    uint32_t half;
    uint16_t quarter;

    if (!has_length(field->type, length))
        return STATUS_INTERNAL;
    switch (field->type) {
    case DB_INT8:
        *(int64_t *)out = (int64_t)get_u64(data);
        return STATUS_OK;
    case DB_TIMESTAMPTZ:
        *(int64_t *)out = (int64_t)get_u64(data) + EPOCH_OFFSET_US;
        return STATUS_OK;
    case DB_FLOAT8:
        bits = get_u64(data);
        memcpy(out, &bits, sizeof(bits));
        return STATUS_OK;
    case DB_INT4:
        memcpy(&half, data, sizeof(half));
        *(int32_t *)out = (int32_t)be32toh(half);
        return STATUS_OK;
    case DB_INT2:
        memcpy(&quarter, data, sizeof(quarter));
        *(int16_t *)out = (int16_t)be16toh(quarter);
        return STATUS_OK;
    case DB_BOOL:
        *(bool *)out = data[0] != 0;
        return STATUS_OK;
    case DB_TEXT:
        *(char **)out = arena_strndup(arena, data, (size_t)length);
        return STATUS_OK;
    case DB_BYTES:
        *(struct bytes *)out =
            (struct bytes){arena_memdup(arena, data, (size_t)length), (size_t)length};
        return STATUS_OK;
    case DB_UUID:
        memcpy(out, data, 16);
        return STATUS_OK;
    case DB_INT8_ARRAY:
        return decode_int8_array((const uint8_t *)data, (size_t)length, arena, out);
    default:
        return STATUS_INTERNAL;
    }
}

static enum status decode_row(const struct db_query *query, const PGresult *result, int row,
                              struct arena *arena, uint8_t *out)
{
    for (size_t i = 0; i < query->column_count; i++) {
        const struct db_field *field = &query->columns[i];
        if (!PQgetisnull(result, row, (int)i)) {
            TRY(decode_value(field, PQgetvalue(result, row, (int)i),
                             PQgetlength(result, row, (int)i), arena, out + field->offset));
        } else if (!field->nullable) {
            return STATUS_INTERNAL;
        } else if (field->type != DB_TEXT) {
            *(bool *)(out + field->null_offset) = true;
        }
    }
    return STATUS_OK;
}

enum status db_decode(const struct db_query *query, const PGresult *result, struct arena *arena,
                      void **ret_rows)
{
    size_t count = (size_t)PQntuples(result);
    uint8_t *rows;

    if ((size_t)PQnfields(result) != query->column_count)
        return STATUS_INTERNAL;
    rows = arena_alloc_array(arena, count, query->row_size_bytes);
    for (size_t i = 0; i < count; i++)
        TRY(decode_row(query, result, (int)i, arena, rows + i * query->row_size_bytes));
    *ret_rows = rows;
    return STATUS_OK;
}
