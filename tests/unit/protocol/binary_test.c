/* The binary encoding. Bytes are written as hexadecimal digits: tag, then value. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec_test.h"
#include "tests/unit/protocol/support.h"

#define EXPECT_ROUND_TRIP(type, hex, json)                  \
    do {                                                    \
        EXPECT_TEXT(to_json(from_hex(&(type), hex)), json); \
        EXPECT_TEXT(to_hex(from_hex(&(type), hex)), hex);   \
    } while (0)

#define EXPECT_DECODED(type, hex, json) EXPECT_TEXT(to_json(from_hex(&(type), hex)), json)
#define EXPECT_HEX_REFUSED(type, hex, sentence) EXPECT_TEXT(hex_refusal(&(type), hex), sentence)

Test(binary, scalars_have_their_wire_forms)
{
    EXPECT_ROUND_TRIP(Scalars_type, "", "{}");
    EXPECT_ROUND_TRIP(Scalars_type, "0801", "{\"i32\":1}");
    EXPECT_ROUND_TRIP(Scalars_type, "08ffffffffffffffffff01", "{\"i32\":-1}");
    EXPECT_ROUND_TRIP(Scalars_type, "1003", "{\"s32\":-2}");
    EXPECT_ROUND_TRIP(Scalars_type, "10ffffffff0f", "{\"s32\":-2147483648}");
    EXPECT_ROUND_TRIP(Scalars_type, "1dfeffffff", "{\"sf32\":-2}");
    EXPECT_ROUND_TRIP(Scalars_type, "2080808080808080808001", "{\"i64\":\"-9223372036854775808\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "28ffffffffffffffffff01", "{\"s64\":\"-9223372036854775808\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "31feffffffffffffff", "{\"sf64\":\"-2\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "38ffffffff0f", "{\"u32\":4294967295}");
    EXPECT_ROUND_TRIP(Scalars_type, "45ffffffff", "{\"f32\":4294967295}");
    EXPECT_ROUND_TRIP(Scalars_type, "48ffffffffffffffffff01", "{\"u64\":\"18446744073709551615\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "51ffffffffffffffff", "{\"f64\":\"18446744073709551615\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "5d0000c03f", "{\"real\":1.5}");
    EXPECT_ROUND_TRIP(Scalars_type, "61000000000000f83f", "{\"bigReal\":1.5}");
    EXPECT_ROUND_TRIP(Scalars_type, "6801", "{\"flag\":true}");
    EXPECT_ROUND_TRIP(Scalars_type, "70ffffffffffffffffff01", "{\"colour\":\"COLOUR_BELOW\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "7063", "{\"colour\":99}");
    EXPECT_ROUND_TRIP(Scalars_type, "7a03c3a978", "{\"text\":\"\xc3\xa9x\"}");
    EXPECT_ROUND_TRIP(Scalars_type, "82010200ff", "{\"data\":\"AP8=\"}");
}

Test(binary, defaults_are_not_written_but_minus_zero_is)
{
    EXPECT_TEXT(to_hex(from_hex(&Scalars_type, "0800 1000 5d00000000 6800 7a00 820100")), "");
    EXPECT_ROUND_TRIP(Scalars_type, "5d00000080", "{\"real\":-0}");
    EXPECT_ROUND_TRIP(Scalars_type, "610000000000000080", "{\"bigReal\":-0}");
}

Test(binary, presence_is_kept)
{
    EXPECT_ROUND_TRIP(Optionals_type, "", "{}");
    EXPECT_ROUND_TRIP(Optionals_type, "0800", "{\"i32\":0}");
    EXPECT_ROUND_TRIP(Optionals_type, "6800", "{\"flag\":false}");
    EXPECT_ROUND_TRIP(Optionals_type, "7a00", "{\"text\":\"\"}");
    EXPECT_ROUND_TRIP(Optionals_type, "820100", "{\"data\":\"\"}");
    EXPECT_ROUND_TRIP(Optionals_type, "8a0100", "{\"node\":{}}");
}

Test(binary, numbers_wider_than_their_field_are_cut)
{
    EXPECT_DECODED(Scalars_type, "088180808010", "{\"i32\":1}");
    EXPECT_DECODED(Scalars_type, "388180808010", "{\"u32\":1}");
    EXPECT_DECODED(Scalars_type, "68808080808001", "{\"flag\":true}");
    EXPECT_DECODED(Scalars_type, "0881808080808080808000", "{\"i32\":1}"); /* overlong */
}

Test(binary, the_last_scalar_wins)
{
    EXPECT_DECODED(Scalars_type, "0801 0802", "{\"i32\":2}");
    EXPECT_DECODED(Scalars_type, "7a0161 7a0162", "{\"text\":\"b\"}");
    EXPECT_DECODED(Scalars_type, "0801 0800", "{}");
}

Test(binary, messages_are_merged)
{
    EXPECT_DECODED(Node_type, "1a02 0805 1a03 120178", "{\"child\":{\"id\":5,\"name\":\"x\"}}");
    EXPECT_DECODED(Node_type, "1a03 2a0101 1a03 2a0102", "{\"child\":{\"numbers\":[1,2]}}");
    EXPECT_DECODED(Node_type, "1a04 1a020801 1a05 1a03120179",
                   "{\"child\":{\"child\":{\"id\":1,\"name\":\"y\"}}}");
}

Test(binary, oneofs_merge_only_what_is_set)
{
    EXPECT_DECODED(Choice_type, "1007 1a0161", "{\"text\":\"a\"}");
    EXPECT_DECODED(Choice_type, "1a0161 1007", "{\"number\":7}");
    EXPECT_DECODED(Choice_type, "22020801 2203120162", "{\"node\":{\"id\":1,\"name\":\"b\"}}");
    /* Another member in between: nothing is left to merge with. */
    EXPECT_DECODED(Choice_type, "22020801 1007 2203120162", "{\"node\":{\"name\":\"b\"}}");
    EXPECT_DECODED(Choice_type, "22020801 2a03120162", "{\"otherNode\":{\"name\":\"b\"}}");
    EXPECT_ROUND_TRIP(Choice_type, "1000", "{\"number\":0}");
    EXPECT_ROUND_TRIP(Choice_type, "1a00", "{\"text\":\"\"}");
    EXPECT_ROUND_TRIP(Choice_type, "2200", "{\"node\":{}}");
    EXPECT_ROUND_TRIP(Choice_type, "3200", "{\"data\":\"\"}");
    EXPECT_ROUND_TRIP(Choice_type, "4000", "{\"nothing\":null}");
    EXPECT_ROUND_TRIP(Choice_type, "0801f8ffffff0f02", "{\"before\":1,\"after\":2}");
}

Test(binary, arrays_come_packed_and_unpacked)
{
    EXPECT_ROUND_TRIP(Repeated_type, "0a03010203", "{\"i32\":[1,2,3]}");
    EXPECT_DECODED(Repeated_type, "0801 0802 0a0103 0804", "{\"i32\":[1,2,3,4]}");
    EXPECT_ROUND_TRIP(Repeated_type, "50015002", "{\"unpacked\":[1,2]}");
    EXPECT_DECODED(Repeated_type, "5202 0102", "{\"unpacked\":[1,2]}");
    EXPECT_ROUND_TRIP(Repeated_type, "12020103", "{\"s64\":[\"-1\",\"-2\"]}");
    EXPECT_ROUND_TRIP(Repeated_type, "1a080100000002000000", "{\"f32\":[1,2]}");
    EXPECT_DECODED(Repeated_type, "1d01000000", "{\"f32\":[1]}");
    EXPECT_ROUND_TRIP(Repeated_type, "3a01613a00", "{\"text\":[\"a\",\"\"]}");
    EXPECT_ROUND_TRIP(Repeated_type, "4a004a020801", "{\"node\":[{},{\"id\":1}]}");
    EXPECT_DECODED(Repeated_type, "0a00", "{}");
    EXPECT_DECODED(Repeated_type, "0a0101 0a020203 0a020405 0a0106", "{\"i32\":[1,2,3,4,5,6]}");
}

Test(binary, maps_have_defaults_and_the_last_entry_wins)
{
    EXPECT_ROUND_TRIP(Maps_type, "0a050a01611001", "{\"textToNumber\":{\"a\":1}}");
    EXPECT_DECODED(Maps_type, "0a00", "{\"textToNumber\":{\"\":0}}");
    EXPECT_TEXT(to_hex(from_hex(&Maps_type, "0a00")), "0a040a001000");
    EXPECT_DECODED(Maps_type, "0a02 1005", "{\"textToNumber\":{\"\":5}}");
    EXPECT_DECODED(Maps_type, "1a02 0801", "{\"flagToNode\":{\"true\":{}}}");
    EXPECT_DECODED(Maps_type, "0a050a01611001 0a050a01621002 0a050a01611003",
                   "{\"textToNumber\":{\"a\":3,\"b\":2}}");
    /* Within one entry, messages are merged as anywhere. */
    EXPECT_DECODED(Maps_type, "1a0b 0801 12020801 1203120178",
                   "{\"flagToNode\":{\"true\":{\"id\":1,\"name\":\"x\"}}}");
}

/* More entries than are compared pair by pair. */
Test(binary, large_maps_lose_their_duplicates)
{
    struct buffer bytes = {0};
    const char *error;
    enum status status;
    Maps *maps;

    for (unsigned i = 0; i < 3000; i++) {
        uint8_t entry[] = {0x12,
                           7,
                           0x08,
                           (uint8_t)(0x80 | (i % 1000 & 0x7f)),
                           (uint8_t)(i % 1000 >> 7),
                           0x12,
                           2,
                           (uint8_t)('a' + i / 1000),
                           'x'};
        buffer_append(&bytes, entry, sizeof(entry));
    }
    maps = (Maps *)from_bytes(&Maps_type, buffer_data(&bytes), bytes.length, &status, &error);
    buffer_free(&bytes);
    cr_assert_eq(status, STATUS_OK);
    cr_assert_eq(maps->n_number_to_text, 1000);
    for (size_t i = 0; i < 1000; i++)
        EXPECT_TEXT(maps->number_to_text[i]->value, "cx");
}

Test(binary, what_is_unknown_is_skipped)
{
    EXPECT_DECODED(Node_type, "0801 f80101", "{\"id\":1}"); /* varint 31 */
    EXPECT_DECODED(Node_type, "f901 0102030405060708 0801", "{\"id\":1}");
    EXPECT_DECODED(Node_type, "fa0103 010203 0801", "{\"id\":1}");
    EXPECT_DECODED(Node_type, "fd01 01020304 0801", "{\"id\":1}");
    EXPECT_DECODED(Node_type, "fb01 0805 fb01 fc01 fc01 0801", "{\"id\":1}"); /* groups */
    EXPECT_DECODED(Node_type, "0a0161 0801", "{\"id\":1}"); /* wrong wire type: length */
    EXPECT_DECODED(Node_type, "1005 0801", "{\"id\":1}");   /* a number where text belongs */
    EXPECT_DECODED(Node_type, "0d01000000", "{}");
    EXPECT_DECODED(Repeated_type, "3801", "{}");
}

Test(binary, malformed_input_is_refused)
{
    EXPECT_HEX_REFUSED(Node_type, "08", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "0880", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "80", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "120261", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "12ffffffffffffffffff01", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "1a031202", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "1a03 120261 6161", "the message is cut off");
    EXPECT_HEX_REFUSED(Scalars_type, "1d010203", "the message is cut off");
    EXPECT_HEX_REFUSED(Scalars_type, "3101020304050607", "the message is cut off");
    EXPECT_HEX_REFUSED(Repeated_type, "0a0180", "the message is cut off");
    EXPECT_HEX_REFUSED(Repeated_type, "1a03010203", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "fb01", "the message is cut off");
    EXPECT_HEX_REFUSED(Node_type, "0001", "a field number is out of range");
    EXPECT_HEX_REFUSED(Node_type, "808080801001", "a field number is out of range");
    EXPECT_HEX_REFUSED(Node_type, "0effffffff", "a field has an invalid wire type");
    EXPECT_HEX_REFUSED(Node_type, "0f", "a field has an invalid wire type");
    EXPECT_HEX_REFUSED(Node_type, "fc01", "a group ends that was not begun");
    EXPECT_HEX_REFUSED(Node_type, "fb01 f401", "a group ends that was not begun");
    EXPECT_HEX_REFUSED(Node_type, "08ffffffffffffffffff02",
                       "a number on the wire is longer than 64 bits");
    EXPECT_HEX_REFUSED(Node_type, "08ffffffffffffffffffff01",
                       "a number on the wire is longer than 64 bits");
}

Test(binary, text_is_checked)
{
    EXPECT_HEX_REFUSED(Node_type, "1201ff", "field 'name' is not valid UTF-8");
    EXPECT_HEX_REFUSED(Node_type, "1a04 1202c328", "field 'name' is not valid UTF-8");
    EXPECT_HEX_REFUSED(Repeated_type, "3a01803a0161", "field 'text' is not valid UTF-8");
    EXPECT_HEX_REFUSED(Maps_type, "0a030a0180", "field 'key' is not valid UTF-8");
    EXPECT_HEX_REFUSED(Node_type, "1203610062", "field 'name' contains a NUL character");
}

/* `levels` messages within each other. */
static enum status decode_nested(unsigned levels, const char **reterr)
{
    struct buffer bytes = {0};
    enum status status;
    uint8_t *at;
    size_t length = 0;

    /* Written from the inside: each level adds a tag and a one- or two-byte length. */
    at = arena_alloc(test_arena(), 4 * levels + 4);
    at += 4 * levels + 4;
    for (unsigned i = 1; i < levels; i++) {
        size_t inner = length;
        if (inner >= 128) {
            *--at = (uint8_t)(inner >> 7);
            length++;
        }
        *--at = (uint8_t)(inner >= 128 ? (inner & 0x7f) | 0x80 : inner);
        *--at = 0x1a;
        length += 2;
    }
    (void)from_bytes(&Node_type, at, length, &status, reterr);
    buffer_free(&bytes);
    return status;
}

Test(binary, nesting_is_bounded)
{
    const char *error = NULL;

    cr_expect_eq(decode_nested(LIMIT_MESSAGE_DEPTH, &error), STATUS_OK);
    cr_expect_eq(decode_nested(LIMIT_MESSAGE_DEPTH + 1, &error), STATUS_INVALID_ARGUMENT);
    EXPECT_TEXT(error, "message nests deeper than 32");
    cr_expect_eq(decode_nested(2000, &error), STATUS_INVALID_ARGUMENT);
}

Test(binary, groups_nest_as_deep_as_messages)
{
    uint8_t bytes[2 * LIMIT_MESSAGE_DEPTH];
    enum status status;
    const char *error = NULL;

    for (size_t i = 0; i < sizeof(bytes) / 2; i++) {
        bytes[i] = 0x7b;
        bytes[sizeof(bytes) - 1 - i] = 0x7c;
    }
    (void)from_bytes(&Node_type, bytes, sizeof(bytes), &status, &error);
    cr_expect_eq(status, STATUS_INVALID_ARGUMENT);
    EXPECT_TEXT(error, "message nests deeper than 32");
    (void)from_bytes(&Node_type, bytes + 1, sizeof(bytes) - 2, &status, &error);
    cr_expect_eq(status, STATUS_OK);
}

/* Two bytes on the wire become a struct: the sum is bounded, not only the input. */
Test(binary, memory_is_bounded)
{
    size_t length = 4 * 1024 * 1024;
    uint8_t *bytes = malloc(length);
    enum status status;
    const char *error = NULL;

    for (size_t i = 0; i < length; i += 2) {
        bytes[i] = 0x22; /* children */
        bytes[i + 1] = 0;
    }
    (void)from_bytes(&Node_type, bytes, length, &status, &error);
    free(bytes);
    cr_expect_eq(status, STATUS_RESOURCE_EXHAUSTED);
    EXPECT_TEXT(error, "message takes more than 33554432 bytes of memory");
}

Test(binary, long_content_gets_a_long_length)
{
    char text[40000];
    Node *node = (Node *)message_new(test_arena(), &Node_type);
    Node *child = (Node *)message_new(test_arena(), &Node_type);
    ProtobufCMessage *again;
    struct buffer bytes = {0};
    enum status status;
    const char *error = NULL;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    child->name = text;
    node->child = child;
    node->name = "outer";
    message_encode(&node->base, &bytes);
    /* tag, 3 bytes of length, and the child's own tag and length; "outer" before them */
    cr_expect_eq(bytes.length, 7 + 4 + 4 + sizeof(text) - 1);
    again = from_bytes(&Node_type, buffer_data(&bytes), bytes.length, &status, &error);
    buffer_free(&bytes);
    cr_assert_eq(status, STATUS_OK, "%s", error);
    EXPECT_TEXT(((Node *)again)->child->name, text);
    EXPECT_TEXT(((Node *)again)->name, "outer");
}

Test(binary, encoding_appends)
{
    struct buffer bytes = {0};
    Node *node = (Node *)message_new(test_arena(), &Node_type);

    node->id = 1;
    buffer_append_string(&bytes, "before");
    message_encode(&node->base, &bytes);
    cr_expect_eq(bytes.length, 8);
    cr_expect(memcmp(buffer_data(&bytes), "before\x08\x01", 8) == 0);
    buffer_free(&bytes);
}

Test(binary, decoded_messages_do_not_point_into_the_input)
{
    uint8_t bytes[] = {0x12, 1, 'a'};
    ProtobufCMessage *message = NULL;
    const char *error;

    cr_assert_eq(message_decode(test_arena(), &Node_type, bytes, sizeof(bytes), &message, &error),
                 STATUS_OK);
    memset(bytes, 0xff, sizeof(bytes));
    EXPECT_TEXT(((Node *)message)->name, "a");
}

Test(binary, registry_finds_by_full_name)
{
    const char *name = "waystone.testing.codec.v1.Node";
    const struct message_type *types[] = {&Node_type, &Choice_type};

    message_registry_add(types, 2);
    message_registry_add(types, 2);
    cr_expect_eq(message_registry_find(name, strlen(name)), &Node_type);
    cr_expect_null(message_registry_find(name, strlen(name) - 1));
    cr_expect_null(message_registry_find("", 0));
    cr_expect_null(message_registry_find("waystone.testing.codec.v1.Nodes", strlen(name) + 1));
}

static void same_hex(const struct message_type *type, const char *hex, int line)
{
    char *plain = arena_alloc(test_arena(), strlen(hex) + 1), *at = plain;

    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            *at++ = *hex;
    expect_text(to_hex(from_hex(type, plain)), plain, __FILE__, line);
}

#define SAME_HEX(type, hex) same_hex(&(type), hex, __LINE__)

/* --- unknown fields --- */

Test(binary, unknown_fields_are_written_back)
{
    /* varint, fixed64, delimited, group, fixed32 */
    const char *all = "98069601"
                      "9906 0102030405060708"
                      "9a06 03 616263"
                      "9b06 0801 9c06"
                      "9d06 01020304";
    const char *hex = arena_printf(test_arena(), "0801%s", all);
    const ProtobufCMessage *message = from_hex(&Node_type, hex);

    cr_expect_eq(message->n_unknown_fields, 1);
    EXPECT_TEXT(to_hex(message), "08019806960199060102030405060708"
                                 "9a06036162639b0608019c069d0601020304");
    /* They go behind the known ones, and each message has its own. */
    EXPECT_TEXT(to_hex(from_hex(&Node_type, "980601 0801 980602 1a05 980603 0802 a00604")),
                "08011a050802980603980601980602a00604");
}

Test(binary, the_wrong_wire_type_makes_a_field_unknown)
{
    /* `id` as fixed32, `name` as varint, `child` as a group, `numbers` as fixed64. */
    SAME_HEX(Node_type, "0d01000000 1005 1b1c 290102030405060708");
    /* A number that is not repeated cannot be packed. */
    SAME_HEX(Node_type, "0a020102");
}

/* Any number of them costs about what they are long. */
Test(binary, unknown_fields_are_bounded)
{
    size_t length = 2 * 1024 * 1024;
    uint8_t *bytes = malloc(length);
    ProtobufCMessage *message;
    enum status status;
    const char *error = NULL;
    struct buffer again = {0};

    for (size_t i = 0; i < length; i += 2) {
        bytes[i] = 0x58; /* field 11 */
        bytes[i + 1] = 1;
    }
    message = from_bytes(&Node_type, bytes, length, &status, &error);
    cr_assert_eq(status, STATUS_OK, "%s", error);
    cr_expect_eq(message->n_unknown_fields, 1);
    message_encode(message, &again);
    cr_expect(again.length == length && memcmp(buffer_data(&again), bytes, length) == 0);
    buffer_free(&again);
    free(bytes);
}

Test(binary, depth_is_an_option)
{
    struct message_options deeper = {.max_depth = LIMIT_MESSAGE_DEPTH + 1};
    uint8_t bytes[4 * LIMIT_MESSAGE_DEPTH];
    size_t length = 0;
    ProtobufCMessage *message;
    const char *error = NULL;

    for (unsigned depth = 0; depth < LIMIT_MESSAGE_DEPTH; depth++) {
        bytes[length++] = 0x1a;
        bytes[length++] = (uint8_t)(2 * (LIMIT_MESSAGE_DEPTH - 1 - depth));
    }
    cr_expect_eq(message_decode(test_arena(), &Node_type, bytes, length, &message, &error),
                 STATUS_INVALID_ARGUMENT);
    cr_expect_eq(
        message_decode_with(test_arena(), &Node_type, bytes, length, &deeper, &message, &error),
        STATUS_OK, "%s", error);
}

/* Large ones point into the input, when that is asked for; small ones are copied. */
Test(binary, large_bytes_are_borrowed_on_request)
{
    const size_t sizes[] = {LIMIT_COPIED_BYTES - 1, LIMIT_COPIED_BYTES};

    for (size_t i = 0; i < 2; i++) {
        Scalars source = {0};
        struct buffer encoded = {0};
        bool borrowed = false;
        struct message_options options = {.ret_borrowed = &borrowed};
        ProtobufCMessage *message;
        const char *error = NULL;
        const Scalars *decoded;

        Scalars_type.descriptor.message_init(&source.base);
        source.data.len = sizes[i];
        source.data.data = calloc(1, sizes[i]);
        message_encode(&source.base, &encoded);
        cr_assert_eq(message_decode_with(test_arena(), &Scalars_type, buffer_data(&encoded),
                                         encoded.length, &options, &message, &error),
                     STATUS_OK, "%s", error);
        decoded = (const Scalars *)message;
        cr_expect_eq(decoded->data.len, sizes[i]);
        cr_expect_eq(borrowed, i == 1);
        cr_expect_eq(decoded->data.data >= buffer_data(&encoded) &&
                         decoded->data.data < buffer_data(&encoded) + encoded.length,
                     i == 1);
        free(source.data.data);
        buffer_free(&encoded);
    }
}

static ProtobufCBinaryData some_bytes(struct arena *arena, size_t length)
{
    ProtobufCBinaryData bytes = {length, arena_alloc_uninitialised(arena, length)};

    for (size_t i = 0; i < length; i++)
        bytes.data[i] = (uint8_t)(i * 31 + length);
    return bytes;
}

/* Bytes large and small, alone and within messages of messages. */
static ProtobufCMessage *message_with_bytes(struct arena *arena, size_t large_length)
{
    Everything *message = Everything_new(arena);

    message->scalars = Scalars_new(arena);
    message->scalars->text = arena_strdup(arena, "before");
    message->scalars->data = some_bytes(arena, large_length);
    message->maps = Maps_new(arena);
    message->maps->n_big_to_data = 3;
    message->maps->big_to_data = arena_alloc_array(arena, 3, sizeof(void *));
    for (size_t i = 0; i < 3; i++) {
        message->maps->big_to_data[i] = Maps_BigToDataEntry_new(arena);
        message->maps->big_to_data[i]->key = i + 1;
        message->maps->big_to_data[i]->value = some_bytes(arena, i == 1 ? 10 : large_length + i);
    }
    message->optionals = Optionals_new(arena);
    message->optionals->has_data = true;
    message->optionals->data = some_bytes(arena, large_length + 100);
    message->well_known = WellKnown_new(arena);
    message->well_known->wrapped_data = BytesValue_new(arena);
    message->well_known->wrapped_data->value = some_bytes(arena, large_length + 7);
    message->node = Node_new(arena);
    return &message->base;
}

static void stitch(const struct buffer *copied, const struct message_pieces *pieces,
                   struct buffer *out)
{
    size_t at = 0;

    for (unsigned i = 0; i < pieces->count; i++) {
        cr_assert_leq(at, pieces->items[i].position);
        buffer_append(out, buffer_data(copied) + at, pieces->items[i].position - at);
        buffer_append(out, pieces->items[i].bytes->data, pieces->items[i].bytes->length);
        at = pieces->items[i].position;
    }
    buffer_append(out, buffer_data(copied) + at, copied->length - at);
}

/* What an arena has taken is left out of an encoding; with it, it is what it would have been. */
Test(binary, taken_bytes_are_left_out)
{
    const size_t lengths[] = {LIMIT_COPIED_BYTES - 200, LIMIT_COPIED_BYTES, 100000, 3000000};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct buffer expected = {0}, taken = {0}, copied = {0}, stitched = {0};
        struct message_pieces pieces = {.arena = arena};
        bool borrowed = false;
        struct message_options options = {.ret_borrowed = &borrowed};
        ProtobufCMessage *message;
        const char *error = NULL;

        message_encode(message_with_bytes(arena, lengths[i]), &expected);
        buffer_append(&taken, buffer_data(&expected), expected.length);
        cr_assert_eq(message_decode_with(arena, &Everything_type, buffer_data(&taken), taken.length,
                                         &options, &message, &error),
                     STATUS_OK, "%s", error);
        cr_expect_eq(borrowed, i > 0);
        arena_take_buffer(arena, &taken);
        message_encode_around(message, &copied, &pieces);
        cr_expect_eq(pieces.count, i > 0 ? MESSAGE_PIECES_MAX : 0);
        cr_expect_eq(copied.length + message_pieces_length(&pieces), expected.length);
        stitch(&copied, &pieces, &stitched);
        cr_expect(stitched.length == expected.length &&
                  memcmp(buffer_data(&stitched), buffer_data(&expected), expected.length) == 0);
        message_pieces_free(&pieces);
        buffer_free(&expected);
        buffer_free(&copied);
        buffer_free(&stitched);
    }
}
