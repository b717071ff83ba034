/* The JSON encoding. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "codec_test.h"
#include "google/protobuf/any.h"
#include "google/protobuf/duration.h"
#include "google/protobuf/empty.h"
#include "google/protobuf/struct.h"
#include "google/protobuf/wrappers.h"
#include "tests/unit/protocol/support.h"

static void setup(void)
{
    codec_test_register_types();
    google_protobuf_duration_register_types();
    google_protobuf_empty_register_types();
    google_protobuf_struct_register_types();
    google_protobuf_wrappers_register_types();
}

TestSuite(json, .init = setup);

#define SAME(type, json) EXPECT_JSON(type, json, json)
#define REFUSED(type, json, sentence) EXPECT_JSON_REFUSED(type, json, sentence)
/* For refusals whose words are not this test's business. */
#define REFUSED_ANYHOW(type, json) (void)json_refusal(&(type), json)

/* `levels` objects within each other. */
static const char *nested(unsigned levels)
{
    struct buffer text = {0};
    const char *copy;

    for (unsigned i = 1; i < levels; i++)
        buffer_append_string(&text, "{\"child\":");
    buffer_append_string(&text, "{}");
    for (unsigned i = 1; i < levels; i++)
        buffer_append_string(&text, "}");
    copy = arena_strndup(test_arena(), (char *)buffer_data(&text), text.length);
    buffer_free(&text);
    return copy;
}

Test(json, scalars_have_their_forms)
{
    SAME(Scalars_type, "{}");
    SAME(Scalars_type, "{\"i32\":-2147483648,\"s32\":2147483647,\"sf32\":-1}");
    SAME(Scalars_type, "{\"i64\":\"-9223372036854775808\",\"s64\":\"9223372036854775807\"}");
    SAME(Scalars_type, "{\"u32\":4294967295,\"f32\":1,\"u64\":\"18446744073709551615\"}");
    SAME(Scalars_type, "{\"flag\":true,\"colour\":\"COLOUR_GREEN\"}");
    SAME(Scalars_type, "{\"text\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\",\"data\":\"AP8=\"}");
    SAME(Scalars_type, "{\"real\":1.5,\"bigReal\":-2.25}");
}

Test(json, integers_are_taken_in_every_spelling)
{
    EXPECT_JSON(Scalars_type, "{\"i32\":\"-12\"}", "{\"i32\":-12}");
    EXPECT_JSON(Scalars_type, "{\"i32\":1e3}", "{\"i32\":1000}");
    EXPECT_JSON(Scalars_type, "{\"i32\":1.0}", "{\"i32\":1}");
    EXPECT_JSON(Scalars_type, "{\"i32\":1.250e2}", "{\"i32\":125}");
    EXPECT_JSON(Scalars_type, "{\"i32\":1200e-2}", "{\"i32\":12}");
    EXPECT_JSON(Scalars_type, "{\"i32\":0e99999999999}", "{}");
    EXPECT_JSON(Scalars_type, "{\"i32\":-0}", "{}");
    EXPECT_JSON(Scalars_type, "{\"i64\":9223372036854775807}", "{\"i64\":\"9223372036854775807\"}");
    EXPECT_JSON(Scalars_type, "{\"u64\":1.8446744073709551615e19}",
                "{\"u64\":\"18446744073709551615\"}");
}

Test(json, integers_out_of_range_or_broken_are_refused)
{
    const char *const broken[] = {
        "{\"i32\":2147483648}",
        "{\"i32\":-2147483649}",
        "{\"i32\":1.5}",
        "{\"i32\":1e10}",
        "{\"i32\":1e-1}",
        "{\"i32\":\"\"}",
        "{\"i32\":\" 1\"}",
        "{\"i32\":\"1 \"}",
        "{\"i32\":\"0x1\"}",
        "{\"i32\":\"1x\"}",
        "{\"i32\":\"+1\"}",
        "{\"i32\":true}",
        "{\"i32\":[1]}",
        "{\"i32\":{}}",
        "{\"u32\":-1}",
        "{\"u32\":4294967296}",
        "{\"u64\":18446744073709551616}",
        "{\"i64\":9223372036854775808}",
        "{\"i64\":-9223372036854775809}",
        "{\"i64\":1e99999999999999999999}",
        "{\"i32\":01}",
        "{\"i32\":+1}",
        "{\"i32\":.5}",
        "{\"i32\":1.}",
        "{\"i32\":NaN}",
        "{\"i32\":\"NaN\"}",
        "{\"i32\":-}",
        "{\"i32\":\"01\"}",
    };

    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
        REFUSED_ANYHOW(Scalars_type, broken[i]);
}

Test(json, reals_are_shortest_and_have_three_names)
{
    SAME(Scalars_type, "{\"bigReal\":0.1}");
    SAME(Scalars_type, "{\"real\":0.1}");
    SAME(Scalars_type, "{\"real\":3.4028235e+38,\"bigReal\":1.7976931348623157e+308}");
    SAME(Scalars_type, "{\"real\":1e-45,\"bigReal\":5e-324}");
    SAME(Scalars_type, "{\"bigReal\":0.30000000000000004}");
    SAME(Scalars_type, "{\"real\":\"NaN\",\"bigReal\":\"-Infinity\"}");
    SAME(Scalars_type, "{\"real\":\"Infinity\",\"bigReal\":\"NaN\"}");
    SAME(Scalars_type, "{\"real\":-0,\"bigReal\":-0}");
    EXPECT_JSON(Scalars_type, "{\"bigReal\":\"1.5\"}", "{\"bigReal\":1.5}");
    EXPECT_JSON(Scalars_type, "{\"real\":\"-2.5e1\"}", "{\"real\":-25}");
    REFUSED_ANYHOW(Scalars_type, "{\"real\":3.5e38}");
    REFUSED_ANYHOW(Scalars_type, "{\"real\":\"-3.5e38\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":1.8e308}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":-1.8e308}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":\"inf\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":\"\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":NaN}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":Infinity}");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":\"0x10\"}");
}

Test(json, enums_are_names_or_numbers)
{
    EXPECT_JSON(Scalars_type, "{\"colour\":2}", "{\"colour\":\"COLOUR_GREEN\"}");
    EXPECT_JSON(Scalars_type, "{\"colour\":\"COLOUR_CRIMSON\"}", "{\"colour\":\"COLOUR_RED\"}");
    EXPECT_JSON(Scalars_type, "{\"colour\":-1}", "{\"colour\":\"COLOUR_BELOW\"}");
    SAME(Scalars_type, "{\"colour\":77}");
    REFUSED_ANYHOW(Scalars_type, "{\"colour\":1.5}");
    REFUSED_ANYHOW(Scalars_type, "{\"colour\":true}");
}

/* Who ignores fields newer than the program ignores values newer than it, as the conformance
 * suite wants: JSON has only the name, so that the number cannot be kept. */
Test(json, unknown_enum_names_are_passed_over)
{
    EXPECT_JSON(Scalars_type, "{\"colour\":\"COLOUR_BLUE\",\"i32\":1}", "{\"i32\":1}");
    EXPECT_JSON(Scalars_type, "{\"colour\":\"COLOUR_\"}", "{}");
    EXPECT_JSON(Scalars_type, "{\"colour\":\"COLOUR_REDD\"}", "{}");
    EXPECT_JSON(Scalars_type, "{\"colour\":\"\"}", "{}");
    EXPECT_JSON(Optionals_type, "{\"colour\":\"COLOUR_BLUE\"}", "{}");
    EXPECT_JSON(Repeated_type, "{\"colour\":[\"COLOUR_RED\",\"BLUE\",\"COLOUR_GREEN\"]}",
                "{\"colour\":[\"COLOUR_RED\",\"COLOUR_GREEN\"]}");
    EXPECT_JSON(Maps_type, "{\"signedToColour\":{\"1\":\"BLUE\",\"2\":\"COLOUR_RED\"}}",
                "{\"signedToColour\":{\"2\":\"COLOUR_RED\"}}");
    EXPECT_JSON(Choice_type, "{\"colour\":\"BLUE\",\"number\":3}", "{\"number\":3}");
}

/* The JSON decoded with options, as JSON written with them; or the refusal. */
static const char *with_options(const struct message_type *type, const char *json,
                                const struct message_options *options)
{
    ProtobufCMessage *message;
    struct buffer out = {0};
    const char *error = NULL, *text;

    if (message_decode_json_with(test_arena(), type, (const uint8_t *)json, strlen(json), options,
                                 &message, &error) != STATUS_OK ||
        message_encode_json_with(message, options, &out, &error) != STATUS_OK)
        return error;
    text = arena_strndup(test_arena(), (char *)buffer_data(&out), out.length);
    buffer_free(&out);
    return text;
}

Test(json, unknown_things_are_refused_on_request)
{
    struct message_options strict = {.refuse_unknown = true};

    EXPECT_TEXT(with_options(&Node_type, "{\"id\":1}", &strict), "{\"id\":1}");
    EXPECT_TEXT(with_options(&Node_type, "{\"child\":{\"x\":1}}", &strict),
                "child.x: there is no such field");
    EXPECT_TEXT(with_options(&Scalars_type, "{\"colour\":\"BLUE\"}", &strict),
                "colour: waystone.testing.codec.v1.Colour has no value 'BLUE'");
}

Test(json, a_nul_character_is_kept_on_request)
{
    struct message_options keeping = {.keep_nul = true};
    const char *json = "{\"text\":\"a\\u0000b\\u0000\"}";
    struct buffer binary = {0};
    ProtobufCMessage *message;
    const char *error;

    EXPECT_TEXT(with_options(&Scalars_type, json, &keeping), json);
    cr_assert_eq(message_decode_json_with(test_arena(), &Scalars_type, (const uint8_t *)json,
                                          strlen(json), &keeping, &message, &error),
                 STATUS_OK);
    EXPECT_TEXT(((Scalars *)message)->text, "a\xc0\x80"
                                            "b\xc0\x80");
    message_encode_with(message, &keeping, &binary);
    cr_expect_eq(binary.length, 6);
    cr_expect(memcmp(buffer_data(&binary),
                     "\x7a\x04"
                     "a\0b\0",
                     6) == 0);
    cr_assert_eq(message_decode_with(test_arena(), &Scalars_type, buffer_data(&binary),
                                     binary.length, &keeping, &message, &error),
                 STATUS_OK);
    EXPECT_TEXT(((Scalars *)message)->text, "a\xc0\x80"
                                            "b\xc0\x80");
    buffer_free(&binary);
}

Test(json, depth_is_an_option)
{
    struct message_options deeper = {.max_depth = LIMIT_MESSAGE_DEPTH + 1};
    const char *json = nested(LIMIT_MESSAGE_DEPTH + 1);

    EXPECT_TEXT(with_options(&Node_type, json, &deeper), json);
    EXPECT_TEXT(with_options(&Node_type, nested(LIMIT_MESSAGE_DEPTH + 2), &deeper),
                "the message nests deeper than 33");
}

Test(json, errors_tell_where_the_text_is_broken)
{
    REFUSED(Node_type, "{\"id\":1 \"name\":2}", "malformed JSON at byte 8: expected ',' or '}'");
    REFUSED(Node_type, "{\"numbers\":[1,]}", "malformed JSON at byte 14: expected a value");
    REFUSED(Node_type, "{\"name\":\"a\tb\"}",
            "malformed JSON at byte 10: a control character in a string");
    REFUSED(Node_type, "{\"name\":\"a", "malformed JSON: the text is cut off");
    REFUSED(Node_type, "{\"name\":\"a\"", "malformed JSON: the text is cut off");
    REFUSED(Node_type, "{} x", "malformed JSON at byte 3: something stands behind the value");
}

/* Numbers around where the quick ways of reading and writing them end. */
Test(json, numbers_read_the_same_in_every_way)
{
    static const char *const texts[] = {
        "0.1",
        "1e22",
        "1e23",
        "123456789012345e22",
        "123456789012345e23",
        "1e-22",
        "1e-23",
        "0.3e1",
        "9007199254740993",
        "179769313486231570e291",
        "2.5e-324",
        "5e-324",
        "0.00001",
        "123456789012345.6",
        "100000000000000000000",
        "-0.0",
        "-1.5e3",
        "999999999999999",
        "1000000000000000",
        "-999999.5",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *json = arena_printf(test_arena(), "{\"bigReal\":%s}", texts[i]);
        double got = ((Scalars *)from_json(&Scalars_type, json))->big_real;
        double expected = strtod(texts[i], NULL);
        cr_expect(got == expected && signbit(got) == signbit(expected), "%s: %.17g", texts[i], got);
        json = to_json(from_json(&Scalars_type, json));
        got = ((Scalars *)from_json(&Scalars_type, json))->big_real;
        cr_expect(got == expected && signbit(got) == signbit(expected), "%s", json);
    }
    SAME(Scalars_type, "{\"bigReal\":999999999999999}");
    SAME(Scalars_type, "{\"real\":1e+06,\"bigReal\":1e+15}");
    SAME(Scalars_type, "{\"real\":999999}");
    SAME(Scalars_type, "{\"i64\":\"999999999999999999\",\"u64\":\"1000000000000000000\"}");
}

/* 31 bits: the same ones in every run. */
static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245U + 12345U;
    return (*state >> 1 ^ *state << 15) & 0x7fffffff;
}

/* Short decimals are written in a quicker way than others: it must be the same text. */
Test(json, short_reals_are_written_as_long_ones_are)
{
    unsigned state = 20261121;

    for (int i = 0; i < 20000; i++) {
        const char *sign = (int)next_random(&state) % 2 ? "-" : "";
        const char *text =
            arena_printf(test_arena(), "%s%de%d", sign, (int)next_random(&state) % 10000000,
                         2 - (int)next_random(&state) % 18);
        double value = strtod(text, NULL);
        float single = (float)value;
        Scalars scalars = {.base = PROTOBUF_C_MESSAGE_INIT(&Scalars_type.descriptor)};
        char expected[80], real[32], single_real[32];
        int digits = 1;
        do
            snprintf(real, sizeof(real), "%.*g", digits++, value);
        while (strtod(real, NULL) != value);
        digits = 1;
        do
            snprintf(single_real, sizeof(single_real), "%.*g", digits++, (double)single);
        while (strtof(single_real, NULL) != single);
        if (value == 0)
            continue;
        if (strchr(real, 'e') || strchr(single_real, 'e'))
            continue; /* where %g goes over to exponents depends on the digits asked for */
        snprintf(expected, sizeof(expected), "{\"real\":%s,\"bigReal\":%s}", single_real, real);
        scalars.text = "";
        scalars.real = single;
        scalars.big_real = value;
        EXPECT_TEXT(to_json(&scalars.base), expected);
    }
}

Test(json, bytes_are_base64_of_either_alphabet)
{
    EXPECT_JSON(Scalars_type, "{\"data\":\"-_8\"}", "{\"data\":\"+/8=\"}");
    EXPECT_JSON(Scalars_type, "{\"data\":\"+/8=\"}", "{\"data\":\"+/8=\"}");
    EXPECT_JSON(Scalars_type, "{\"data\":\"\"}", "{}");
    REFUSED_ANYHOW(Scalars_type, "{\"data\":\"!\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"data\":[1]}");
}

Test(json, other_types_are_refused)
{
    REFUSED_ANYHOW(Scalars_type, "{\"flag\":\"true\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"flag\":1}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":1}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":[]}");
    REFUSED_ANYHOW(Node_type, "{\"child\":[]}");
    REFUSED_ANYHOW(Node_type, "{\"child\":\"x\"}");
    REFUSED_ANYHOW(Node_type, "{\"children\":{}}");
    REFUSED_ANYHOW(Node_type, "{\"numbers\":1}");
    REFUSED_ANYHOW(Node_type, "{\"numbers\":[[1]]}");
    REFUSED_ANYHOW(Maps_type, "{\"textToNumber\":[]}");
    REFUSED_ANYHOW(Node_type, "[]");
    REFUSED_ANYHOW(Node_type, "1");
    REFUSED_ANYHOW(Node_type, "null");
}

Test(json, errors_name_the_path)
{
    REFUSED(Node_type, "{\"children\":[{},{},{\"name\":5}]}",
            "children[2].name: expected a string, got a number");
    REFUSED(Node_type, "{\"child\":{\"child\":{\"id\":\"x\"}}}",
            "child.child.id: expected a whole number from -2147483648 to 2147483647, got x");
    REFUSED(Node_type, "[]", "expected an object, got an array");
    REFUSED(Node_type, "{\"numbers\":[1,null]}", "numbers[1]: null cannot be an element");
}

Test(json, both_names_are_taken_and_unknown_ones_ignored)
{
    EXPECT_JSON(Scalars_type, "{\"big_real\":1}", "{\"bigReal\":1}");
    EXPECT_JSON(Everything_type, "{\"odd_JSON_name\":\"x\"}", "{\"strange name\":\"x\"}");
    SAME(Everything_type, "{\"strange name\":\"x\"}");
    EXPECT_JSON(Node_type, "{\"x\":1,\"y\":{\"id\":[{}]},\"z\":[[]],\"id\":4,\"\":null}",
                "{\"id\":4}");
    EXPECT_JSON(Node_type, "{\"i\\u0064\":4}", "{\"id\":4}");
}

Test(json, a_field_may_be_there_once)
{
    REFUSED(Node_type, "{\"id\":1,\"id\":1}", "id: the field is given twice");
    REFUSED_ANYHOW(Scalars_type, "{\"bigReal\":1,\"big_real\":1}");
    REFUSED_ANYHOW(Choice_type, "{\"number\":1,\"text\":\"a\"}");
    REFUSED_ANYHOW(Maps_type, "{\"textToNumber\":{\"a\":1,\"a\":2}}");
    EXPECT_JSON(Choice_type, "{\"number\":null,\"text\":\"a\"}", "{\"text\":\"a\"}");
    EXPECT_JSON(Choice_type, "{\"text\":\"a\",\"number\":null}", "{\"text\":\"a\"}");
}

Test(json, null_is_absence)
{
    EXPECT_JSON(Scalars_type, "{\"i32\":null,\"text\":null,\"colour\":null}", "{}");
    EXPECT_JSON(Optionals_type, "{\"i32\":null,\"text\":null,\"node\":null}", "{}");
    EXPECT_JSON(Repeated_type, "{\"i32\":null,\"node\":null}", "{}");
    EXPECT_JSON(Maps_type, "{\"textToNumber\":null}", "{}");
    REFUSED_ANYHOW(Repeated_type, "{\"i32\":[null]}");
    REFUSED_ANYHOW(Repeated_type, "{\"node\":[null]}");
    REFUSED_ANYHOW(Maps_type, "{\"textToNumber\":{\"a\":null}}");
    SAME(Choice_type, "{\"nothing\":null}");
    SAME(WellKnown_type, "{\"value\":null}");
    SAME(WellKnown_type, "{\"values\":[null,1]}");
    SAME(WellKnown_type, "{\"namedValues\":{\"a\":null}}");
    EXPECT_JSON(WellKnown_type, "{\"wrappedNumber\":null,\"at\":null,\"any\":null}", "{}");
}

Test(json, presence_is_kept)
{
    SAME(Optionals_type, "{\"i32\":0,\"i64\":\"0\",\"flag\":false,\"text\":\"\",\"data\":\"\"}");
    SAME(Optionals_type, "{\"real\":0,\"colour\":\"COLOUR_UNSPECIFIED\",\"node\":{}}");
    SAME(Choice_type, "{\"number\":0}");
    SAME(Choice_type, "{\"text\":\"\"}");
    SAME(Choice_type, "{\"flag\":false}");
}

Test(json, arrays_and_maps)
{
    SAME(Repeated_type, "{\"i32\":[1,2,3],\"s64\":[\"-1\"],\"flag\":[true,false]}");
    SAME(Repeated_type,
         "{\"text\":[\"\",\"a\"],\"data\":[\"\",\"AA==\"],\"node\":[{},{\"id\":1}]}");
    SAME(Repeated_type, "{\"colour\":[\"COLOUR_UNSPECIFIED\",9]}");
    EXPECT_JSON(Repeated_type, "{\"i32\":[]}", "{}");
    SAME(Maps_type, "{\"textToNumber\":{\"\":0,\"a\":1}}");
    SAME(Maps_type, "{\"numberToText\":{\"-5\":\"a\"},\"flagToNode\":{\"true\":{\"id\":1}}}");
    SAME(Maps_type, "{\"bigToData\":{\"18446744073709551615\":\"AA==\"}}");
    SAME(Maps_type, "{\"signedToColour\":{\"-9223372036854775808\":\"COLOUR_RED\"}}");
    REFUSED_ANYHOW(Maps_type, "{\"numberToText\":{\"a\":\"\"}}");
    REFUSED_ANYHOW(Maps_type, "{\"numberToText\":{\"\":\"\"}}");
    REFUSED_ANYHOW(Maps_type, "{\"flagToNode\":{\"1\":{}}}");
}

Test(json, strings_are_escaped_and_unescaped)
{
    EXPECT_JSON(Scalars_type, "{\"text\":\"\\u00e9\\ud83d\\ude00\\n\\t\\\\\\/\\\"\"}",
                "{\"text\":\"\xc3\xa9\xf0\x9f\x98\x80\\n\\u0009\\\\/\\\"\"}");
    EXPECT_JSON(Scalars_type, "{\"text\":\"\\\\ud800\"}", "{\"text\":\"\\\\ud800\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\\ud83d\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\\ud83dx\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\\ude00\\ud83d\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\\ud83d\\u0041\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\\x41\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\\u12\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"a\\u0000b\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\n\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\xff\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\xed\xa0\x80\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"text\":\"\xc0\x80\"}");
    REFUSED_ANYHOW(Scalars_type, "{\"\xff\":1}");
}

/* The body of a request without one. */
Test(json, no_text_at_all_is_refused)
{
    ProtobufCMessage *message;
    const char *error = NULL;

    cr_expect_eq(message_decode_json(test_arena(), &Scalars_type, NULL, 0, &message, &error),
                 STATUS_INVALID_ARGUMENT);
    cr_expect_not_null(error);
}

Test(json, malformed_texts_are_refused)
{
    const char *const broken[] = {
        "",
        " ",
        "{",
        "}",
        "{\"id\"",
        "{\"id\":}",
        "{\"id\":1,}",
        "{,}",
        "{id:1}",
        "{'id':1}",
        "{\"id\":1}x",
        "{}{}",
        "{} {}",
        "{\"id\" 1}",
        "[",
        "{\"numbers\":[1,]}",
        "{\"numbers\":[,1]}",
        "{\"numbers\":[1 2]}",
        "{\"id\":tru}",
        "{\"id\":1}]",
        "{\"id\":1/**/}",
        "// {}\n{}",
        "\"x",
        "\xef\xbb\xbf{}",
        "{\"name\":\"x",
        "{\"a\":\"\\",
        "{\"x\":01}",
        "{\v}",
        "{\f}",
    };

    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
        REFUSED_ANYHOW(Node_type, broken[i]);
    EXPECT_JSON(Node_type, " \t\r\n{ \"id\" : 1 } \n", "{\"id\":1}");
}

static const char *repeated(const char *piece, size_t count)
{
    size_t length = strlen(piece);
    char *text = arena_alloc(test_arena(), length * count + 1);

    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, piece, length);
    return text;
}

Test(json, nesting_is_bounded)
{
    SAME(Node_type, nested(LIMIT_MESSAGE_DEPTH));
    REFUSED_ANYHOW(Node_type, nested(LIMIT_MESSAGE_DEPTH + 1));
    REFUSED_ANYHOW(Node_type, nested(100000));
    REFUSED_ANYHOW(Node_type, repeated("[", 1000000));
    REFUSED_ANYHOW(Node_type, repeated("{\"x\":", 200000));
    REFUSED_ANYHOW(WellKnown_type, arena_printf(test_arena(), "{\"value\":%s%s}",
                                                repeated("[", 1000), repeated("]", 1000)));
}

/* What JSON took, the binary form must be able to carry. */
Test(json, what_json_takes_binary_takes)
{
    const char *deep =
        arena_printf(test_arena(), "{\"value\":%s%s}", repeated("[", 15), repeated("]", 15));

    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, to_hex(from_json(&WellKnown_type, deep)))), deep);
}

Test(json, memory_is_bounded)
{
    REFUSED_ANYHOW(Node_type,
                   arena_printf(test_arena(), "{\"children\":[%s{}]}", repeated("{},", 1300000)));
    REFUSED_ANYHOW(Node_type, arena_printf(test_arena(), "{\"x\":[%s0]}", repeated("0,", 2000000)));
    /* Brackets are values too, though few commas stand between them. */
    REFUSED_ANYHOW(Node_type, arena_printf(test_arena(), "{\"x\":[%s0]}",
                                           repeated("[[[[[[[[]]]]]]]],", 200000)));
}

Test(json, timestamps)
{
    SAME(WellKnown_type, "{\"at\":\"1970-01-01T00:00:00Z\"}");
    SAME(WellKnown_type, "{\"at\":\"0001-01-01T00:00:00Z\"}");
    SAME(WellKnown_type, "{\"at\":\"9999-12-31T23:59:59.999999999Z\"}");
    SAME(WellKnown_type, "{\"at\":\"2024-02-29T12:00:00.500Z\"}");
    SAME(WellKnown_type, "{\"at\":\"1969-12-31T23:59:59.000001Z\"}");
    EXPECT_JSON(WellKnown_type, "{\"at\":\"2024-05-31T19:45:00.5+02:00\"}",
                "{\"at\":\"2024-05-31T17:45:00.500Z\"}");
    EXPECT_JSON(WellKnown_type, "{\"at\":\"2024-05-31T17:45:00-00:30\"}",
                "{\"at\":\"2024-05-31T18:15:00Z\"}");

    const char *const broken[] = {
        "2023-02-29T00:00:00Z",      "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",      "2024-01-32T00:00:00Z",
        "2024-01-01T24:00:00Z",      "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z",      "0000-01-01T00:00:00Z",
        "2024-01-01t00:00:00Z",      "2024-01-01T00:00:00z",
        "2024-01-01 00:00:00Z",      "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.Z",     "2024-01-01T00:00:00.1234567890Z",
        "2024-1-1T00:00:00Z",        "2024-01-01T00:00:00+0200",
        "2024-01-01T00:00:00Zx",     "",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "10000-01-01T00:00:00Z",     "2024-01-01",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
        REFUSED_ANYHOW(WellKnown_type, arena_printf(test_arena(), "{\"at\":\"%s\"}", broken[i]));
    REFUSED_ANYHOW(WellKnown_type, "{\"at\":0}");
}

Test(json, durations)
{
    SAME(WellKnown_type, "{\"lasts\":\"0s\"}");
    SAME(WellKnown_type, "{\"lasts\":\"-0.500s\"}");
    SAME(WellKnown_type, "{\"lasts\":\"1.000340012s\"}");
    SAME(WellKnown_type, "{\"lasts\":\"-315576000000s\"}");
    SAME(WellKnown_type, "{\"lasts\":\"315576000000s\"}");
    EXPECT_JSON(WellKnown_type, "{\"lasts\":\"1.5s\"}", "{\"lasts\":\"1.500s\"}");

    const char *const broken[] = {"",
                                  "1",
                                  "s",
                                  "-s",
                                  "1.s",
                                  ".5s",
                                  "1.0000000001s",
                                  "+1s",
                                  "1 s",
                                  "1S",
                                  "1e1s",
                                  "315576000001s",
                                  "99999999999999999999s",
                                  "--1s"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
        REFUSED_ANYHOW(WellKnown_type, arena_printf(test_arena(), "{\"lasts\":\"%s\"}", broken[i]));
}

Test(json, field_masks)
{
    SAME(WellKnown_type, "{\"mask\":\"userName,a.fooBar\"}");
    SAME(WellKnown_type, "{\"mask\":\"\"}");
    EXPECT_TEXT(
        ((WellKnown *)from_json(&WellKnown_type, "{\"mask\":\"userName,b\"}"))->mask->paths[0],
        "user_name");
    REFUSED_ANYHOW(WellKnown_type, "{\"mask\":\"user_name\"}");
    REFUSED_ANYHOW(WellKnown_type, "{\"mask\":[\"a\"]}");
    /* Paths that would not come back the same. */
    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, "1a050a03465f61")),
                "error: a path of the field mask has no JSON form");
    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, "1a050a03615f31")),
                "error: a path of the field mask has no JSON form");
    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, "1a060a04615f5f62")),
                "error: a path of the field mask has no JSON form");
}

Test(json, dynamic_values)
{
    SAME(WellKnown_type, "{\"object\":{\"a\":1,\"b\":[true,null,\"x\",{\"c\":{}}]}}");
    SAME(WellKnown_type, "{\"object\":{}}");
    SAME(WellKnown_type, "{\"list\":[]}");
    SAME(WellKnown_type, "{\"list\":[1,[2,[3]]]}");
    SAME(WellKnown_type, "{\"value\":\"text\"}");
    SAME(WellKnown_type, "{\"value\":{\"fields\":1}}");
    SAME(WellKnown_type, "{\"value\":false}");
    SAME(WellKnown_type, "{\"values\":[1,\"a\",[],{}]}");
    REFUSED_ANYHOW(WellKnown_type, "{\"object\":[]}");
    REFUSED_ANYHOW(WellKnown_type, "{\"list\":{}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"value\":1e999}");
    REFUSED_ANYHOW(WellKnown_type, "{\"object\":{\"a\":1,\"a\":2}}");
    /* Neither a Value of nothing nor NaN has a JSON form. */
    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, "2a00")),
                "error: a google.protobuf.Value without a value has no JSON form");
    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, "2a0911000000000000f87f")),
                "error: a google.protobuf.Value that is no finite number has no JSON form");
}

Test(json, wrappers_and_empty)
{
    SAME(WellKnown_type, "{\"wrappedNumber\":\"5\",\"wrappedText\":\"\",\"wrappedFlag\":false}");
    SAME(WellKnown_type, "{\"wrappedData\":\"AA==\",\"wrappedReal\":\"NaN\"}");
    SAME(WellKnown_type, "{\"empty\":{}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"wrappedNumber\":{\"value\":5}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"wrappedText\":5}");
    REFUSED_ANYHOW(WellKnown_type, "{\"empty\":[]}");
}

#define URL "type.googleapis.com/waystone.testing.codec.v1."
#define DURATION_URL "type.googleapis.com/google.protobuf.Duration"

/* The type may stand behind what it describes, and only once. */
Test(json, any_is_read_in_any_order)
{
    codec_test_register_types();
    google_protobuf_duration_register_types();
    EXPECT_JSON(WellKnown_type,
                "{\"any\":{\"children\":[{\"id\":1},{}],\"name\":\"x\",\"@type\":\"" URL "Node\"}}",
                "{\"any\":{\"@type\":\"" URL
                "Node\",\"name\":\"x\",\"children\":[{\"id\":1},{}]}}");
    EXPECT_JSON(WellKnown_type, "{\"any\":{\"value\":\"1s\",\"@type\":\"" DURATION_URL "\"}}",
                "{\"any\":{\"@type\":\"" DURATION_URL "\",\"value\":\"1s\"}}");
    REFUSED(WellKnown_type, "{\"any\":{\"@type\":\"" URL "Node\",\"@type\":\"" URL "Node\"}}",
            "any.@type: the field is given twice");
    REFUSED(WellKnown_type,
            "{\"any\":{\"@type\":\"" DURATION_URL "\",\"value\":\"1s\",\"value\":\"1s\"}}",
            "any.value: the field is given twice");
    REFUSED(WellKnown_type, "{\"any\":{\"name\":\"x\",}}",
            "malformed JSON at byte 19: expected a name in quotes");
}

Test(json, any)
{
    SAME(WellKnown_type, "{\"any\":{\"@type\":\"" URL "Node\",\"id\":5}}");
    SAME(WellKnown_type, "{\"any\":{}}");
    EXPECT_JSON(WellKnown_type, "{\"any\":{\"id\":5,\"@type\":\"" URL "Node\"}}",
                "{\"any\":{\"@type\":\"" URL "Node\",\"id\":5}}");
    SAME(WellKnown_type, "{\"any\":{\"@type\":\"" URL "WellKnown\",\"any\":{\"@type\":\"" URL
                         "Node\",\"name\":\"inner\"}}}");
    SAME(WellKnown_type, "{\"any\":{\"@type\":\"type.googleapis.com/"
                         "google.protobuf.Duration\",\"value\":\"1.500s\"}}");
    SAME(
        WellKnown_type,
        "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Int64Value\",\"value\":\"7\"}}");
    SAME(WellKnown_type,
         "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Value\",\"value\":null}}");
    SAME(
        WellKnown_type,
        "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Struct\",\"value\":{\"a\":1}}}");
    SAME(WellKnown_type, "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Empty\"}}");
    EXPECT_JSON(WellKnown_type,
                "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Empty\",\"value\":{}}}",
                "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Empty\"}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"any\":{\"@type\":\"" URL "Nodes\"}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"any\":{\"@type\":\"\"}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"any\":{\"@type\":5}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"any\":{\"id\":5}}");
    REFUSED_ANYHOW(WellKnown_type, "{\"any\":{\"@type\":\"" URL "Node\",\"id\":\"x\"}}");
    REFUSED_ANYHOW(WellKnown_type,
                   "{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Duration\"}}");
}

Test(json, any_that_cannot_be_written_is_an_error)
{
    EXPECT_TEXT(to_json(from_hex(&WellKnown_type, "3a050a03782f79")),
                "error: a google.protobuf.Any holds a type this server does not know");
}

/* An Any is bytes to the binary decoder, so that only the writer can stop at its depth. */
Test(json, anys_within_anys_are_bounded)
{
    WellKnown *outer = (WellKnown *)message_new(test_arena(), &WellKnown_type);

    for (int i = 0; i < 100; i++) {
        struct buffer bytes = {0};
        message_encode(&outer->base, &bytes);
        outer = (WellKnown *)message_new(test_arena(), &WellKnown_type);
        outer->any = Any_new(test_arena());
        outer->any->type_url = URL "WellKnown";
        outer->any->value.len = bytes.length;
        outer->any->value.data =
            arena_memdup(test_arena(), bytes.length > 0 ? buffer_data(&bytes) : (const uint8_t *)"",
                         bytes.length);
        buffer_free(&bytes);
    }
    EXPECT_TEXT(to_json(&outer->base), "error: google.protobuf.Any nests too deep");
    /* The failure leaves nothing behind. */
    SAME(WellKnown_type, "{\"any\":{\"@type\":\"" URL "Node\",\"id\":5}}");
}

Test(json, everything_at_once)
{
    SAME(Everything_type,
         "{\"scalars\":{\"i32\":1},\"optionals\":{\"node\":{\"id\":3}},\"repeatedFields\":{"
         "\"i32\":[1]},\"maps\":{\"textToReal\":{\"x\":\"NaN\"}},\"choices\":[{\"before\":1,"
         "\"text\":\"a\",\"after\":2},{}],\"node\":{\"children\":[{\"children\":[{}]}]}}");
}
