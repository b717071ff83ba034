/* Any bytes as CBOR: what is skipped as a whole must be what walking it piece by piece takes. */
#include <stdlib.h>

#include "handlers/cbor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool walk(struct cbor *cbor, unsigned depth);

static bool walk_items(struct cbor *cbor, uint64_t count, unsigned depth)
{
    if (depth == CBOR_MAX_DEPTH)
        return false;
    for (; count > 0; count--)
        if (!walk(cbor, depth + 1))
            return false;
    return true;
}

/* Strings have to lie in the input. */
static bool is_inside(const struct cbor *cbor, const uint8_t *start, struct bytes string)
{
    return string.data > start && string.data + string.length == cbor->at && cbor->at <= cbor->end;
}

static bool walk(struct cbor *cbor, unsigned depth)
{
    const uint8_t *start = cbor->at;
    struct bytes string;
    uint64_t count;
    int64_t number;

    switch (cbor_kind(cbor)) {
    case CBOR_INT:
        return cbor_int(cbor, &number);
    case CBOR_BYTES:
        return cbor_bytes(cbor, &string) && (is_inside(cbor, start, string) || (abort(), false));
    case CBOR_TEXT:
        return cbor_text(cbor, &string) && (is_inside(cbor, start, string) || (abort(), false));
    case CBOR_ARRAY:
        return cbor_array(cbor, &count) && walk_items(cbor, count, depth);
    case CBOR_MAP:
        return cbor_map(cbor, &count) && walk_items(cbor, 2 * count, depth);
    case CBOR_SIMPLE:
        return cbor_skip(cbor);
    default:
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cbor skipped, walked;
    bool good;

    cbor_open(&skipped, (struct bytes){data, size});
    cbor_open(&walked, (struct bytes){data, size});
    good = cbor_skip(&skipped);
    if (walk(&walked, 0) != good)
        abort();
    if (good && (skipped.at != walked.at || skipped.at > data + size))
        abort();
    return 0;
}
