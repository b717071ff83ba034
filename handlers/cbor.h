/* cbor.h - CBOR (RFC 8949), read value by value from front to back.
 *
 * Takes the canonical form that authenticators write (CTAP2): definite lengths, numbers in their
 * shortest form, no tags, no floating point. Nothing is copied: strings are pieces of the input.
 * The first mistake ends the input: every later call returns false. Bounded by the input's length
 * and, when values are skipped, by a depth of CBOR_MAX_DEPTH. Pure. */
#ifndef WAYSTONE_HANDLERS_CBOR_H
#define WAYSTONE_HANDLERS_CBOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define CBOR_MAX_DEPTH 8

enum cbor_kind {
    CBOR_NOTHING, /* the end, or a mistake */
    CBOR_INT,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_SIMPLE, /* false, true, null, undefined */
};

struct cbor {
    const uint8_t *at, *end;
    bool failed;
};

void cbor_open(struct cbor *cbor, struct bytes input);

/* What comes next. */
enum cbor_kind cbor_kind(const struct cbor *cbor);

/* Take the next value; false if it is of another kind or malformed. An integer beyond int64_t is a
 * mistake. */
bool cbor_int(struct cbor *cbor, int64_t *ret);
bool cbor_bytes(struct cbor *cbor, struct bytes *ret);
bool cbor_text(struct cbor *cbor, struct bytes *ret);

/* Into an array or a map: its items, or its keys and values in turn, come next. A count that the
 * rest of the input cannot hold is a mistake. */
bool cbor_array(struct cbor *cbor, uint64_t *ret_count);
bool cbor_map(struct cbor *cbor, uint64_t *ret_count);

/* Takes a value of any kind with all that is in it. */
bool cbor_skip(struct cbor *cbor);

/* Whether all has been read and was well. */
bool cbor_close(const struct cbor *cbor);

#endif
