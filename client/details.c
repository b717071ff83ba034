#include "client/details.h"

#include "server/protocol/base64.h"

#include <string.h>

#define MAX_DETAILS 16

/* google.rpc.Status and google.protobuf.Any are published and frozen; the client, which stands
 * below the generated code, reads their few fields by itself. */
#define STATUS_DETAILS 3
#define ANY_TYPE_URL 1
#define ANY_VALUE 2

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

/* The next field; `ret_value` is empty unless it is length-delimited. */
static bool read_field(struct bytes *input, uint64_t *ret_number, struct bytes *ret_value)
{
    uint64_t tag, number;

    *ret_value = (struct bytes){0};
    if (!read_varint(input, &tag))
        return false;
    *ret_number = tag >> 3;
    switch (tag & 7) {
    case 0:
        return read_varint(input, &number);
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
    uint64_t number;

    *ret = (struct client_detail){.type_name = ""};
    while (input.length > 0 && read_field(&input, &number, &value)) {
        if (number == ANY_TYPE_URL)
            ret->type_name = type_name_of(arena, value);
        if (number == ANY_VALUE)
            ret->value =
                (struct bytes){arena_memdup(arena, value.data, value.length), value.length};
    }
}

void details_read(struct arena *arena, const char *text, struct client_detail **ret_details,
                  size_t *ret_count)
{
    CLEANUP(buffer_free) struct buffer status = {0};
    struct client_detail *details;
    struct bytes input, value;
    uint64_t number;
    size_t count = 0;

    if (!base64_decode(&status, text, strlen(text)))
        return;
    details = arena_alloc_array(arena, MAX_DETAILS, sizeof(*details));
    input = (struct bytes){buffer_data(&status), status.length};
    while (count < MAX_DETAILS && input.length > 0 && read_field(&input, &number, &value))
        if (number == STATUS_DETAILS)
            read_any(arena, value, &details[count++]);
    *ret_details = details;
    *ret_count = count;
}
