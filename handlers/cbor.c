#include "handlers/cbor.h"

#include <stddef.h>

/* Major types (RFC 8949, 3.1). */
enum { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, OTHER };

#define SIMPLE_FALSE 20
#define SIMPLE_UNDEFINED 23
#define FOLLOWS_1_BYTE 24
#define FOLLOWS_8_BYTES 27

static bool fail(struct cbor *cbor)
{
    cbor->failed = true;
    return false;
}

static size_t left(const struct cbor *cbor)
{
    return (size_t)(cbor->end - cbor->at);
}

void cbor_open(struct cbor *cbor, struct bytes input)
{
    *cbor = (struct cbor){.at = input.data, .end = input.data + input.length};
}

enum cbor_kind cbor_kind(const struct cbor *cbor)
{
    static const enum cbor_kind kinds[] = {
        [UNSIGNED] = CBOR_INT, [NEGATIVE] = CBOR_INT, [BYTES] = CBOR_BYTES, [TEXT] = CBOR_TEXT,
        [ARRAY] = CBOR_ARRAY,  [MAP] = CBOR_MAP,      [TAG] = CBOR_NOTHING, [OTHER] = CBOR_SIMPLE,
    };

    return cbor->failed || cbor->at == cbor->end ? CBOR_NOTHING : kinds[*cbor->at >> 5];
}

/* The number in a head: within its first byte below 24, else in the 1, 2, 4 or 8 bytes after it,
 * the fewest that hold it. */
static bool take_head(struct cbor *cbor, unsigned major, uint64_t *ret)
{
    static const uint64_t least[] = {24, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32};
    unsigned info, size;
    uint64_t value = 0;

    if (cbor->failed || left(cbor) == 0 || *cbor->at >> 5 != major)
        return fail(cbor);
    info = *cbor->at++ & 31;
    if (info < FOLLOWS_1_BYTE) {
        *ret = info;
        return true;
    }
    if (info > FOLLOWS_8_BYTES)
        return fail(cbor); /* reserved, or a length that is not told */
    size = 1U << (info - FOLLOWS_1_BYTE);
    if (left(cbor) < size)
        return fail(cbor);
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | *cbor->at++;
    *ret = value;
    return value >= least[info - FOLLOWS_1_BYTE] || fail(cbor);
}

bool cbor_int(struct cbor *cbor, int64_t *ret)
{
    bool negative = cbor_kind(cbor) == CBOR_INT && *cbor->at >> 5 == NEGATIVE;
    uint64_t value;

    if (!take_head(cbor, negative ? NEGATIVE : UNSIGNED, &value))
        return false;
    if (value > INT64_MAX)
        return fail(cbor);
    *ret = negative ? -1 - (int64_t)value : (int64_t)value;
    return true;
}

static bool take_string(struct cbor *cbor, unsigned major, struct bytes *ret)
{
    uint64_t length;

    if (!take_head(cbor, major, &length))
        return false;
    if (length > left(cbor))
        return fail(cbor);
    *ret = (struct bytes){cbor->at, (size_t)length};
    cbor->at += length;
    return true;
}

bool cbor_bytes(struct cbor *cbor, struct bytes *ret)
{
    return take_string(cbor, BYTES, ret);
}

bool cbor_text(struct cbor *cbor, struct bytes *ret)
{
    return take_string(cbor, TEXT, ret);
}

bool cbor_array(struct cbor *cbor, uint64_t *ret_count)
{
    return take_head(cbor, ARRAY, ret_count) && (*ret_count <= left(cbor) || fail(cbor));
}

bool cbor_map(struct cbor *cbor, uint64_t *ret_count)
{
    return take_head(cbor, MAP, ret_count) && (*ret_count <= left(cbor) / 2 || fail(cbor));
}

static bool skip_simple(struct cbor *cbor)
{
    uint64_t value;

    return take_head(cbor, OTHER, &value) &&
           ((value >= SIMPLE_FALSE && value <= SIMPLE_UNDEFINED) || fail(cbor));
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as CBOR_MAX_DEPTH */
static bool skip(struct cbor *cbor, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as CBOR_MAX_DEPTH */
static bool skip_items(struct cbor *cbor, uint64_t count, unsigned depth)
{
    if (depth == CBOR_MAX_DEPTH)
        return fail(cbor);
    while (count > 0 && skip(cbor, depth + 1))
        count--;
    return !cbor->failed;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as CBOR_MAX_DEPTH */
static bool skip(struct cbor *cbor, unsigned depth)
{
    struct bytes string;
    uint64_t count;
    int64_t number;

    switch (cbor_kind(cbor)) {
    case CBOR_INT:
        return cbor_int(cbor, &number);
    case CBOR_BYTES:
        return cbor_bytes(cbor, &string);
    case CBOR_TEXT:
        return cbor_text(cbor, &string);
    case CBOR_ARRAY:
        return cbor_array(cbor, &count) && skip_items(cbor, count, depth);
    case CBOR_MAP:
        return cbor_map(cbor, &count) && skip_items(cbor, count * 2, depth);
    case CBOR_SIMPLE:
        return skip_simple(cbor);
    default:
        return fail(cbor);
    }
}

bool cbor_skip(struct cbor *cbor)
{
    return skip(cbor, 0);
}

bool cbor_close(const struct cbor *cbor)
{
    return !cbor->failed && cbor->at == cbor->end;
}
