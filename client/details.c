/* Error details out of the `grpc-status-details-bin` trailer. */
#include <string.h>

#include "client/internal.h"
#include "server/protocol/base64.h"

#define MAX_DETAILS 16

/* google.rpc.Status and google.protobuf.Any are published and frozen; the client, which stands
 * below the generated code, reads their few fields by itself. */
#define STATUS_DETAILS 3
#define ANY_TYPE_URL 1
#define ANY_VALUE 2
#define RETRY_INFO_DELAY 1
#define DURATION_SECONDS 1
#define DURATION_NANOS 2

/* --- protobuf's wire format --- */

static bool read_varint(struct bytes *input, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && input->length > 0; shift += 7) {
        uint8_t byte = *input->data++;
        input->length--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool skip(struct bytes *input, uint64_t length)
{
    if (length > input->length)
        return false;
    input->data += length;
    input->length -= (size_t)length;
    return true;
}

/* The next field; `ret_value` is empty unless it is length-delimited, `ret_varint` 0 unless it is
 * a number. */
static bool read_field(struct bytes *input, uint64_t *ret_number, struct bytes *ret_value,
                       uint64_t *ret_varint)
{
    uint64_t tag, number;

    *ret_value = (struct bytes){0};
    *ret_varint = 0;
    if (!read_varint(input, &tag))
        return false;
    *ret_number = tag >> 3;
    switch (tag & 7) {
    case 0:
        return read_varint(input, ret_varint);
    case 1:
        return skip(input, 8);
    case 2:
        if (!read_varint(input, &number) || number > input->length)
            return false;
        *ret_value = (struct bytes){input->data, (size_t)number};
        return skip(input, number);
    case 5:
        return skip(input, 4);
    default:
        return false;
    }
}

/* --- details --- */

/* "type.googleapis.com/google.rpc.BadRequest" is "google.rpc.BadRequest". */
static const char *type_name_of(struct arena *arena, struct bytes url)
{
    const char *text = arena_strndup(arena, (const char *)url.data, url.length);
    const char *slash = strrchr(text, '/');

    return slash != NULL ? slash + 1 : text;
}

static void read_any(struct arena *arena, struct bytes input, struct client_detail *ret)
{
    struct bytes value;
    uint64_t number, unused;

    *ret = (struct client_detail){.type_name = ""};
    while (input.length > 0 && read_field(&input, &number, &value, &unused)) {
        if (number == ANY_TYPE_URL)
            ret->type_name = type_name_of(arena, value);
        if (number == ANY_VALUE)
            ret->value =
                (struct bytes){arena_memdup(arena, value.data, value.length), value.length};
    }
}

void client_details_read(struct arena *arena, const char *text, struct client_detail **ret_details,
                         size_t *ret_count)
{
    CLEANUP(buffer_free) struct buffer status = {0};
    struct client_detail *details;
    struct bytes input, value;
    uint64_t number, unused;
    size_t count = 0;

    if (!base64_decode(&status, text, strlen(text)))
        return;
    details = arena_alloc_array(arena, MAX_DETAILS, sizeof(*details));
    input = (struct bytes){buffer_data(&status), status.length};
    while (count < MAX_DETAILS && input.length > 0 && read_field(&input, &number, &value, &unused))
        if (number == STATUS_DETAILS)
            read_any(arena, value, &details[count++]);
    *ret_details = details;
    *ret_count = count;
}

bool client_details_retry_delay(struct bytes retry_info, uint64_t *ret_delay_us)
{
    uint64_t number, seconds = 0, nanos = 0, varint;
    struct bytes delay = {0}, value;

    while (retry_info.length > 0) {
        if (!read_field(&retry_info, &number, &value, &varint))
            return false;
        if (number == RETRY_INFO_DELAY)
            delay = value;
    }
    while (delay.length > 0) {
        if (!read_field(&delay, &number, &value, &varint))
            return false;
        if (number == DURATION_SECONDS)
            seconds = varint;
        if (number == DURATION_NANOS)
            nanos = varint;
    }
    if (seconds > 1000000000 || nanos > 999999999) /* negative ones as well */
        return false;
    *ret_delay_us = seconds * 1000000 + nanos / 1000;
    return true;
}
