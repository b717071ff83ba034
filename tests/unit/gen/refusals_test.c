/* Requests that protoc of Debian does not make, but others may: each is refused by name. */
#include <criterion/criterion.h>
#include <string.h>

#include "gen/generate.h"
#include "google/protobuf/compiler/plugin.pb-c.h"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest Request;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse Response;
typedef Google__Protobuf__FileDescriptorProto File;

/* The error for a file of one message with one field. */
static void expect_error(const char *syntax, int type, const char *expected)
{
    Google__Protobuf__FieldDescriptorProto field = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__INIT,
                                           *fields[] = {&field};
    Google__Protobuf__DescriptorProto message = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT,
                                      *messages[] = {&message};
    File file = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT, *files[] = {&file};
    Request request = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_REQUEST__INIT;
    char *wanted[] = {"odd.proto"};
    struct buffer out = {0};
    uint8_t packed[1000];
    Response *response;

    field.name = "field";
    field.has_type = field.has_number = true;
    field.type = (Google__Protobuf__FieldDescriptorProto__Type)type;
    field.number = 1;
    message.name = "Odd";
    message.n_field = 1;
    message.field = fields;
    file.name = wanted[0];
    file.syntax = (char *)syntax;
    file.n_message_type = 1;
    file.message_type = messages;
    request.n_proto_file = request.n_file_to_generate = 1;
    request.proto_file = files;
    request.file_to_generate = wanted;
    cr_assert_eq(generate(packed, protobuf_c_message_pack(&request.base, packed), &out), STATUS_OK);
    response = google__protobuf__compiler__code_generator_response__unpack(NULL, out.length,
                                                                           buffer_data(&out));
    cr_assert_not_null(response);
    cr_assert_not_null(response->error);
    cr_expect(strstr(response->error, expected), "%s", response->error);
    cr_expect(strncmp(response->error, "odd.proto:", 10) == 0, "%s", response->error);
    google__protobuf__compiler__code_generator_response__free_unpacked(response, NULL);
    buffer_free(&out);
}

Test(refusals, other_syntaxes)
{
    expect_error(NULL, 5, "only syntax = \"proto3\" is supported, and this file has proto2");
    expect_error("editions", 5,
                 "only syntax = \"proto3\" is supported, and this file has editions");
}

Test(refusals, groups)
{
    expect_error("proto3", 10, "field 'field' has a type that is not supported");
}

/* libprotobuf-c would recurse as deep as the input says. */
Test(refusals, nesting)
{
    uint8_t nested[3000];
    struct buffer out = {0};
    size_t length = 0;

    /* From the inside: lengths of two bytes, tags of nested_type (3), message_type (4) and
     * proto_file (15). */
    for (int i = 0; i < 900; i++) {
        size_t inner = 3 * (size_t)(900 - i) - 3;
        nested[length++] = i == 0 ? 0x7a : i == 1 ? 0x22 : 0x1a;
        nested[length++] = (uint8_t)(inner | 0x80);
        nested[length++] = (uint8_t)(inner >> 7);
    }
    cr_expect_eq(generate(nested, length, &out), STATUS_INVALID_ARGUMENT);
    cr_expect_eq(out.length, 0);
    buffer_free(&out);
}
