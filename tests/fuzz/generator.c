/* The code generator's input. The first byte chooses what the others are:
 *   0  a CodeGeneratorRequest, as protoc sends it
 *   1  rules (buf.validate.FieldRules) of a field in a whole schema; the second byte is its type
 *   2  a regular expression, NUL, a text to match
 * Whatever it is, there is an answer or an error, soon, and what is answered can be read. */
#include <stdlib.h>
#include <string.h>

#include "gen/generate.h"
#include "gen/pattern.h"
#include "google/protobuf/compiler/plugin.pb-c.h"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest Request;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse Response;
typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__FieldDescriptorProto Field;
typedef Google__Protobuf__FieldOptions FieldOptions;
typedef Google__Protobuf__FileDescriptorProto File;

#define RULES_MAX 2000 /* keeps the tag's length at two bytes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const uint8_t *data, size_t size)
{
    struct buffer out = {0};
    Response *response;

    if (generate(data, size, &out) == STATUS_OK) {
        response = google__protobuf__compiler__code_generator_response__unpack(
            NULL, out.length, out.length > 0 ? buffer_data(&out) : NULL);
        if (response == NULL || (response->error != NULL && response->n_file > 0))
            abort();
        google__protobuf__compiler__code_generator_response__free_unpacked(response, NULL);
    }
    buffer_free(&out);
}

static void check_packed(const Request *request)
{
    size_t size = google__protobuf__compiler__code_generator_request__get_packed_size(request);
    uint8_t *packed = malloc(size);

    google__protobuf__compiler__code_generator_request__pack(request, packed);
    check_request(packed, size);
    free(packed);
}

/* A field of the type, in one of several shapes; rules follow as its option 1159. */
static void fill_field(Field *field, uint8_t chosen)
{
    static const int types[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18};

    google__protobuf__field_descriptor_proto__init(field);
    field->name = "field";
    field->has_number = field->has_type = field->has_label = true;
    field->number = 1;
    field->type = types[chosen % (sizeof(types) / sizeof(types[0]))];
    field->label = chosen & 0x80 ? 3 : 1;
    if (field->type == 11)
        field->type_name = ".Holder";
    if (field->type == 14)
        field->type_name = ".Kind";
}

static void check_rules(const uint8_t *data, size_t size)
{
    uint8_t option[RULES_MAX + 2];
    ProtobufCMessageUnknownField unknown = {
        .tag = 1159,
        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        .data = option,
    };
    FieldOptions options = GOOGLE__PROTOBUF__FIELD_OPTIONS__INIT;
    Field field, *fields[] = {&field};
    Message holder = GOOGLE__PROTOBUF__DESCRIPTOR_PROTO__INIT, *messages[] = {&holder};
    Google__Protobuf__EnumValueDescriptorProto
        zero = GOOGLE__PROTOBUF__ENUM_VALUE_DESCRIPTOR_PROTO__INIT,
        *values[] = {&zero};
    Google__Protobuf__EnumDescriptorProto kind = GOOGLE__PROTOBUF__ENUM_DESCRIPTOR_PROTO__INIT,
                                          *kinds[] = {&kind};
    File file = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_PROTO__INIT, *files[] = {&file};
    Request request = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_REQUEST__INIT;
    char *wanted[] = {"fuzz.proto"};

    if (size == 0 || size - 1 > RULES_MAX)
        return;
    fill_field(&field, data[0]);
    option[0] = (uint8_t)((size - 1) | 0x80);
    option[1] = (uint8_t)((size - 1) >> 7);
    memcpy(option + 2, data + 1, size - 1);
    unknown.len = size + 1;
    options.base.n_unknown_fields = 1;
    options.base.unknown_fields = &unknown;
    field.options = &options;
    holder.name = "Holder";
    holder.n_field = 1;
    holder.field = fields;
    zero.name = "ZERO";
    zero.has_number = true;
    kind.name = "Kind";
    kind.n_value = 1;
    kind.value = values;
    file.name = wanted[0];
    file.syntax = "proto3";
    file.n_message_type = file.n_enum_type = 1;
    file.message_type = messages;
    file.enum_type = kinds;
    request.n_proto_file = request.n_file_to_generate = 1;
    request.proto_file = files;
    request.file_to_generate = wanted;
    check_packed(&request);
}

static void check_pattern(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *text = arena_strndup(arena, (const char *)data, size), *error = NULL;
    size_t length = strlen(text);
    struct pattern pattern;
    unsigned state = 1;

    if (!pattern_compile(arena, text, &pattern, &error)) {
        if (error == NULL)
            abort();
        return;
    }
    for (size_t i = length + 1; i < size; i++) {
        if (state >= pattern.state_count || pattern.classes[data[i]] >= pattern.class_count)
            abort();
        state = pattern.next[state * pattern.class_count + pattern.classes[data[i]]];
    }
    if (state >= pattern.state_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 3 == 0)
        check_request(data + 1, size - 1);
    else if (data[0] % 3 == 1)
        check_rules(data + 1, size - 1);
    else
        check_pattern(data + 1, size - 1);
    return 0;
}
