#include "tests/unit/protocol/support.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *arena;

static void free_arena(void)
{
    arena_free(arena);
}

struct arena *test_arena(void)
{
    if (arena == NULL) {
        arena = arena_new();
        atexit(free_arena);
    }
    return arena;
}

/* An exact copy on the heap, so that AddressSanitizer sees reads behind the end. */
static uint8_t *exact_copy(const void *data, size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);

    cr_assert_not_null(copy);
    memcpy(copy, data, length);
    return copy;
}

ProtobufCMessage *from_json(const struct message_type *type, const char *json)
{
    ProtobufCMessage *message = NULL;
    const char *error = NULL;
    uint8_t *copy = exact_copy(json, strlen(json));
    enum status status =
        message_decode_json(test_arena(), type, copy, strlen(json), &message, &error);

    free(copy);
    cr_assert_eq(status, STATUS_OK, "%s: %s", json, error);
    return message;
}

const char *json_refusal(const struct message_type *type, const char *json)
{
    ProtobufCMessage *message = NULL;
    const char *error = NULL;
    uint8_t *copy = exact_copy(json, strlen(json));
    enum status status =
        message_decode_json(test_arena(), type, copy, strlen(json), &message, &error);

    free(copy);
    cr_assert_neq(status, STATUS_OK, "%s was taken as %s", json, to_json(message));
    cr_assert_not_null(error);
    return error;
}

const char *to_json(const ProtobufCMessage *message)
{
    struct buffer out = {0};
    const char *error = NULL;
    const char *text;

    if (message_encode_json(message, &out, &error) != STATUS_OK) {
        text = arena_printf(test_arena(), "error: %s", error);
        cr_assert_eq(out.length, 0, "a failed writer left something");
    } else {
        text = arena_strndup(test_arena(), (const char *)buffer_data(&out), out.length);
    }
    buffer_free(&out);
    return text;
}

const char *to_hex(const ProtobufCMessage *message)
{
    struct buffer out = {0};
    char *text;

    message_encode(message, &out);
    text = arena_alloc(test_arena(), 2 * out.length + 1);
    for (size_t i = 0; i < out.length; i++)
        sprintf(text + 2 * i, "%02x", buffer_data(&out)[i]);
    buffer_free(&out);
    return text;
}

ProtobufCMessage *from_bytes(const struct message_type *type, const void *data, size_t length,
                             enum status *ret_status, const char **reterr)
{
    ProtobufCMessage *message = NULL;
    uint8_t *copy = exact_copy(data, length);

    *ret_status = message_decode(test_arena(), type, copy, length, &message, reterr);
    free(copy);
    return message;
}

static size_t parse_hex(const char *hex, uint8_t *out)
{
    size_t length = 0;
    unsigned byte;

    for (; *hex != '\0'; hex += 2) {
        hex += strspn(hex, " ");
        if (*hex == '\0')
            break;
        cr_assert_eq(sscanf(hex, "%2x", &byte), 1);
        out[length++] = (uint8_t)byte;
    }
    return length;
}

ProtobufCMessage *from_hex(const struct message_type *type, const char *hex)
{
    uint8_t *bytes = arena_alloc(test_arena(), strlen(hex) + 1);
    const char *error = NULL;
    enum status status;
    ProtobufCMessage *message = from_bytes(type, bytes, parse_hex(hex, bytes), &status, &error);

    cr_assert_eq(status, STATUS_OK, "%s: %s", hex, error);
    return message;
}

const char *hex_refusal(const struct message_type *type, const char *hex)
{
    uint8_t *bytes = arena_alloc(test_arena(), strlen(hex) + 1);
    const char *error = NULL;
    enum status status;

    (void)from_bytes(type, bytes, parse_hex(hex, bytes), &status, &error);
    cr_assert_neq(status, STATUS_OK, "%s was taken", hex);
    cr_assert_not_null(error);
    return error;
}

void expect_text(const char *actual, const char *expected, const char *file, int line)
{
    cr_expect(strcmp(actual, expected) == 0, "%s:%d\n  got      %s\n  expected %s", file, line,
              actual, expected);
}
