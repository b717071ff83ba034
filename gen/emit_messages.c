#include <stdlib.h>
#include <string.h>

#include "gen/emit.h"
#include "gen/names.h"

/* --- shared parts --- */

void emit_head(struct output *out, const struct model_file *file, const char *what)
{
    const char *slash = strrchr(out->path, '/');
    const char *name = slash ? slash + 1 : out->path;
    const char *generated = arena_printf(out->arena, "Generated from %s. Do not edit.", file->path);

    if (what != NULL)
        generated = arena_printf(out->arena, "%s - %s\n\n%s", name, what, generated);
    emit_comment(out, 0, generated);
}

static const char *guard_of(const struct output *out)
{
    return name_upper(out->arena, arena_printf(out->arena, "generated_%s",
                                               name_identifier(out->arena, out->path)));
}

void emit_guard_open(struct output *out)
{
    const char *guard = guard_of(out);

    emit(out, "#ifndef %s\n#define %s\n\n", guard, guard);
}

void emit_guard_close(struct output *out)
{
    emit(out, "\n#endif\n");
}

/* --- header --- */

static const struct model_file *field_file(const struct model_field *field)
{
    if (field->message != NULL)
        return field->message->file;
    return field->enumeration != NULL ? field->enumeration->file : NULL;
}

/* Includes the headers of the files whose types this one uses. */
static void emit_includes(struct output *out, const struct model_file *file)
{
    struct name_set seen = {.arena = out->arena};
    bool any = false;

    for (size_t i = 0; i < file->message_count; i++) {
        for (size_t j = 0; j < file->messages[i].field_count; j++) {
            const struct model_file *other = field_file(&file->messages[i].fields[j]);
            if (other == NULL || other == file || !name_set_add(&seen, other->stem))
                continue;
            emit(out, "#include \"%s.h\"\n", other->stem);
            any = true;
        }
    }
    if (any)
        emit(out, "\n");
}

static void emit_enum(struct output *out, const struct model_enum *enumeration)
{
    emit_comment(out, 0, enumeration->comment);
    emit(out, "typedef enum %s {\n", enumeration->c_name);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        const struct model_value *value = &enumeration->values[i];
        emit_comment(out, 4, value->comment);
        if (value->number == INT32_MIN)
            emit(out, "    %s = -2147483647 - 1,\n", value->c_name);
        else
            emit(out, "    %s = %d,\n", value->c_name, value->number);
    }
    emit(out, "} %s;\n\n", enumeration->c_name);
    emit(out, "extern const ProtobufCEnumDescriptor %s_descriptor;\n\n", enumeration->c_name);
}

static void emit_oneof_cases(struct output *out, const struct model_message *message,
                             const struct model_oneof *oneof)
{
    emit(out, "/* Which member of %s.%s is set; the values are field numbers. */\n",
         message->c_name, oneof->c_name);
    emit(out, "enum %s {\n", oneof->case_type);
    emit(out, "    %s = 0,\n", oneof->none);
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].oneof == oneof)
            emit(out, "    %s = %d,\n", message->fields[i].case_value, message->fields[i].number);
    emit(out, "};\n\n");
}

/* "int64_t id", "char *name", "Message **items". */
static const char *declaration(struct output *out, const struct model_field *field)
{
    const char *type = field_c_type(out->arena, field);
    bool pointer = type[strlen(type) - 1] == '*';

    return arena_printf(out->arena, "%s%s%s%s", type, pointer ? "" : " ",
                        field->repeated ? "*" : "", field->c_name);
}

static void emit_member(struct output *out, int indent, const struct model_field *field)
{
    emit_comment(out, indent, field->comment);
    if (field->repeated)
        emit(out, "%*ssize_t n_%s;\n", indent, "", field->c_name);
    else if (field_has_flag(field))
        emit(out, "%*sprotobuf_c_boolean has_%s;\n", indent, "", field->c_name);
    emit(out, "%*s%s;\n", indent, "", declaration(out, field));
}

static void emit_oneof_member(struct output *out, const struct model_message *message,
                              const struct model_oneof *oneof)
{
    emit_comment(out, 4, oneof->comment);
    emit(out, "    enum %s %s_case;\n    union {\n", oneof->case_type, oneof->c_name);
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].oneof == oneof)
            emit_member(out, 8, &message->fields[i]);
    emit(out, "    };\n");
}

/* A oneof stands where its first member is declared. */
static bool is_first_of_oneof(const struct model_message *message, const struct model_field *field)
{
    for (const struct model_field *earlier = message->fields; earlier < field; earlier++)
        if (earlier->oneof == field->oneof)
            return false;
    return true;
}

static void emit_struct(struct output *out, const struct model_message *message)
{
    for (size_t i = 0; i < message->oneof_count; i++)
        emit_oneof_cases(out, message, &message->oneofs[i]);
    if (message->is_map_entry)
        emit(out, "/* One entry of a map. */\n");
    emit_comment(out, 0, message->comment);
    emit(out, "struct %s {\n    ProtobufCMessage base;\n", message->c_name);
    for (size_t i = 0; i < message->field_count; i++) {
        const struct model_field *field = &message->fields[i];
        if (field->oneof == NULL)
            emit_member(out, 4, field);
        else if (is_first_of_oneof(message, field))
            emit_oneof_member(out, message, field->oneof);
    }
    emit(out, "};\n\n");
    emit(out, "extern const struct message_type %s_type;\n", message->c_name);
    emit(out, "%s *%s_new(struct arena *arena);\n\n", message->c_name, message->c_name);
}

static const char *register_function(struct output *out, const struct model_file *file)
{
    return arena_printf(out->arena, "void %s_register_types(void)",
                        name_identifier(out->arena, file->stem));
}

void emit_messages_header(struct output *out, const struct model_file *file)
{
    emit_head(out, file, file->comment ? file->comment : "messages.");
    emit_guard_open(out);
    emit(out, "#include \"server/protocol/message.h\"\n\n");
    emit_includes(out, file);
    for (size_t i = 0; i < file->message_count; i++)
        emit(out, "typedef struct %s %s;\n", file->messages[i].c_name, file->messages[i].c_name);
    if (file->message_count > 0)
        emit(out, "\n");
    for (size_t i = 0; i < file->enum_count; i++)
        emit_enum(out, &file->enums[i]);
    for (size_t i = 0; i < file->message_count; i++)
        emit_struct(out, &file->messages[i]);
    emit(out, "/* Adds the types above to the registry; see message_registry_add(). */\n%s;\n",
         register_function(out, file));
    emit_guard_close(out);
}

/* --- source: enums --- */

static int compare_values(const void *left, const void *right)
{
    const struct model_value *a = *(const struct model_value *const *)left;
    const struct model_value *b = *(const struct model_value *const *)right;

    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a < b ? -1 : a > b; /* of aliases, the first declared */
}

static int compare_value_names(const void *left, const void *right)
{
    return strcmp((*(const struct model_value *const *)left)->name,
                  (*(const struct model_value *const *)right)->name);
}

/* Pointers to the values, sorted by number and without aliases; returns how many. */
static size_t distinct_values(const struct model_enum *enumeration,
                              const struct model_value **sorted)
{
    size_t count = 0;

    for (size_t i = 0; i < enumeration->value_count; i++)
        sorted[i] = &enumeration->values[i];
    qsort(sorted, enumeration->value_count, sizeof(*sorted), compare_values);
    for (size_t i = 0; i < enumeration->value_count; i++)
        if (count == 0 || sorted[count - 1]->number != sorted[i]->number)
            sorted[count++] = sorted[i];
    return count;
}

static void emit_enum_names(struct output *out, const struct model_enum *enumeration,
                            const struct model_value *const *values, size_t count)
{
    const struct model_value **by_name =
        arena_alloc_array(out->arena, enumeration->value_count, sizeof(*by_name));

    for (size_t i = 0; i < enumeration->value_count; i++)
        by_name[i] = &enumeration->values[i];
    qsort(by_name, enumeration->value_count, sizeof(*by_name), compare_value_names);
    emit(out, "static const ProtobufCEnumValueIndex %s_by_name[] = {\n", enumeration->c_name);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        size_t index = 0;
        while (index + 1 < count && values[index]->number != by_name[i]->number)
            index++;
        emit(out, "    {\"%s\", %zu},\n", by_name[i]->name, index);
    }
    emit(out, "};\n");
}

/* Runs of consecutive numbers, by which protobuf-c finds one; returns how many. */
static size_t emit_ranges(struct output *out, const char *c_name, const int32_t *numbers,
                          size_t count)
{
    size_t ranges = 0;

    emit(out, "static const ProtobufCIntRange %s_ranges[] = {\n", c_name);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && (int64_t)numbers[i] == (int64_t)numbers[i - 1] + 1)
            continue;
        if (numbers[i] == INT32_MIN)
            emit(out, "    {-2147483647 - 1, %zu},\n", i);
        else
            emit(out, "    {%d, %zu},\n", numbers[i], i);
        ranges++;
    }
    emit(out, "    {0, %zu},\n};\n", count);
    return ranges;
}

static void emit_enum_tables(struct output *out, const struct model_enum *enumeration)
{
    const char *name = enumeration->c_name;
    const struct model_value **values =
        arena_alloc_array(out->arena, enumeration->value_count, sizeof(*values));
    int32_t *numbers = arena_alloc_array(out->arena, enumeration->value_count, sizeof(*numbers));
    size_t count = distinct_values(enumeration, values), ranges;

    emit(out, "/* --- %s --- */\n\nstatic const ProtobufCEnumValue %s_values[] = {\n", name, name);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = values[i]->number;
        emit(out, "    {\"%s\", \"%s\", %s},\n", values[i]->name, values[i]->c_name,
             values[i]->c_name);
    }
    emit(out, "};\n");
    emit_enum_names(out, enumeration, values, count);
    ranges = emit_ranges(out, name, numbers, count);
    emit(out,
         "const ProtobufCEnumDescriptor %s_descriptor = {\n"
         "    .magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC,\n"
         "    .name = \"%s\",\n    .short_name = \"%s\",\n    .c_name = \"%s\",\n"
         "    .package_name = \"%s\",\n    .n_values = %zu,\n    .values = %s_values,\n"
         "    .n_value_names = %zu,\n    .values_by_name = %s_by_name,\n"
         "    .n_value_ranges = %zu,\n    .value_ranges = %s_ranges,\n};\n\n",
         name, enumeration->full_name, enumeration->name, name, enumeration->file->package, count,
         name, enumeration->value_count, name, ranges, name);
}

/* --- source: messages --- */

static int compare_numbers(const void *left, const void *right)
{
    const struct model_field *a = *(const struct model_field *const *)left;
    const struct model_field *b = *(const struct model_field *const *)right;

    return (a->number > b->number) - (a->number < b->number);
}

static const struct model_field **sorted_fields(struct arena *arena,
                                                const struct model_message *message)
{
    const struct model_field **sorted =
        arena_alloc_array(arena, message->field_count, sizeof(*sorted));

    for (size_t i = 0; i < message->field_count; i++)
        sorted[i] = &message->fields[i];
    qsort(sorted, message->field_count, sizeof(*sorted), compare_numbers);
    return sorted;
}

static const char *label_of(const struct model_field *field)
{
    if (field->repeated)
        return "REPEATED";
    return field_has_presence(field) ? "OPTIONAL" : "NONE";
}

static const char *quantifier_of(struct output *out, const struct model_field *field)
{
    if (field->repeated)
        return arena_printf(out->arena, "n_%s", field->c_name);
    if (field->oneof != NULL)
        return arena_printf(out->arena, "%s_case", field->oneof->c_name);
    return field_has_flag(field) ? arena_printf(out->arena, "has_%s", field->c_name) : NULL;
}

/* Strings that are never NULL in memory. */
static bool is_plain_string(const struct model_field *field)
{
    return field->type == FIELD_STRING && !field->repeated && !field_has_presence(field);
}

static void emit_field(struct output *out, const struct model_field *field)
{
    const char *message = field->parent->c_name;
    const char *quantifier = quantifier_of(out, field);
    const char *type = name_upper(out->arena, field_type_name(field->type));

    emit(out,
         "    {\n        .name = \"%s\",\n        .id = %d,\n"
         "        .label = PROTOBUF_C_LABEL_%s,\n        .type = PROTOBUF_C_TYPE_%s,\n",
         field->name, field->number, label_of(field), type);
    if (quantifier != NULL)
        emit(out, "        .quantifier_offset = offsetof(%s, %s),\n", message, quantifier);
    emit(out, "        .offset = offsetof(%s, %s),\n", message, field->c_name);
    if (field->message != NULL)
        emit(out, "        .descriptor = &%s_type.descriptor,\n", field->message->c_name);
    else if (field->enumeration != NULL)
        emit(out, "        .descriptor = &%s_descriptor,\n", field->enumeration->c_name);
    if (is_plain_string(field))
        emit(out, "        .default_value = protobuf_c_empty_string,\n");
    if (field->oneof != NULL)
        emit(out, "        .flags = PROTOBUF_C_FIELD_FLAG_ONEOF,\n");
    else if (field->packed)
        emit(out, "        .flags = PROTOBUF_C_FIELD_FLAG_PACKED,\n");
    emit(out, "    },\n");
}

static const char *c_bool(bool value)
{
    return value ? "true" : "false";
}

/* "\"sentAt\":", as an object has it before the value. */
static const char *json_key(struct arena *arena, const struct model_field *field)
{
    const char *key = "\"";

    for (const char *c = field->json_name; *c != '\0'; c++) {
        bool is_plain = (unsigned char)*c >= 0x20 && *c != '"' && *c != '\\' && *c != 0x7f;
        key = arena_printf(arena, is_plain ? "%s%c" : "%s\\u%04x", key, (unsigned char)*c);
    }
    return arena_printf(arena, "%s\":", key);
}

static void emit_extras(struct output *out, const char *name, const struct model_field **fields,
                        size_t count)
{
    emit(out, "static const struct message_field %s_extras[] = {\n", name);
    for (size_t i = 0; i < count; i++) {
        const char *key = json_key(out->arena, fields[i]);
        emit(out, "    {%s, %zu, %s, %s, %d},\n", c_string(out->arena, key, strlen(key)),
             strlen(key), c_bool(field_has_presence(fields[i])), c_bool(field_is_map(fields[i])),
             fields[i]->oneof ? fields[i]->oneof->index : -1);
    }
    emit(out, "};\n");
}

struct spelling {
    const char *name;
    size_t index; /* of the field */
    bool is_json;
};

/* In the order the decoder searches: by length, then by bytes. */
static int compare_spellings(const void *left, const void *right)
{
    const struct spelling *a = left, *b = right;
    size_t a_length = strlen(a->name), b_length = strlen(b->name);

    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    if (strcmp(a->name, b->name) != 0)
        return strcmp(a->name, b->name);
    return (int)b->is_json - (int)a->is_json; /* the one that is written is the one that counts */
}

/* Every name that JSON takes for a field; returns how many. */
static size_t emit_spellings(struct output *out, const char *name,
                             const struct model_field **fields, size_t count)
{
    struct spelling *all = arena_alloc_array(out->arena, 2 * count, sizeof(*all));
    size_t written = 0;

    for (size_t i = 0; i < count; i++) {
        all[2 * i] = (struct spelling){fields[i]->json_name, i, true};
        all[2 * i + 1] = (struct spelling){fields[i]->name, i, false};
    }
    qsort(all, 2 * count, sizeof(*all), compare_spellings);
    emit(out, "static const struct message_name %s_names[] = {\n", name);
    for (size_t i = 0; i < 2 * count; i++) {
        if (i > 0 && strcmp(all[i].name, all[i - 1].name) == 0)
            continue;
        emit(out, "    {%s, %zu, %zu},\n", c_string(out->arena, all[i].name, strlen(all[i].name)),
             strlen(all[i].name), all[i].index);
        written++;
    }
    emit(out, "};\n");
    return written;
}

static int compare_field_names(const void *left, const void *right, void *argument)
{
    const struct model_field **fields = argument;

    return strcmp(fields[*(const unsigned *)left]->name, fields[*(const unsigned *)right]->name);
}

static void emit_fields_by_name(struct output *out, const char *name,
                                const struct model_field **fields, size_t count)
{
    unsigned *order = arena_alloc_array(out->arena, count, sizeof(*order));

    for (size_t i = 0; i < count; i++)
        order[i] = (unsigned)i;
    qsort_r(order, count, sizeof(*order), compare_field_names, fields);
    emit(out, "static const unsigned %s_by_name[] = {\n", name);
    for (size_t i = 0; i < count; i++)
        emit(out, "    %u, /* %s */\n", order[i], fields[order[i]]->name);
    emit(out, "};\n");
}

struct table_sizes {
    size_t ranges, names;
};

static struct table_sizes emit_field_tables(struct output *out, const struct model_message *message)
{
    const struct model_field **fields = sorted_fields(out->arena, message);
    int32_t *numbers = arena_alloc_array(out->arena, message->field_count, sizeof(*numbers));
    struct table_sizes sizes = {0};

    if (message->field_count == 0)
        return sizes;
    emit(out, "static const ProtobufCFieldDescriptor %s_fields[] = {\n", message->c_name);
    for (size_t i = 0; i < message->field_count; i++) {
        numbers[i] = fields[i]->number;
        emit_field(out, fields[i]);
    }
    emit(out, "};\n");
    emit_fields_by_name(out, message->c_name, fields, message->field_count);
    sizes.ranges = emit_ranges(out, message->c_name, numbers, message->field_count);
    emit_extras(out, message->c_name, fields, message->field_count);
    if (!message->is_map_entry)
        sizes.names = emit_spellings(out, message->c_name, fields, message->field_count);
    emit(out, "\n");
    return sizes;
}

static void emit_init(struct output *out, const struct model_message *message)
{
    const char *name = message->c_name;

    emit(out, "static const %s %s_empty = {\n", name, name);
    emit(out, "    .base = PROTOBUF_C_MESSAGE_INIT(&%s_type.descriptor),\n", name);
    for (size_t i = 0; i < message->field_count; i++)
        if (is_plain_string(&message->fields[i]))
            emit(out, "    .%s = (char *)protobuf_c_empty_string,\n", message->fields[i].c_name);
    emit(out, "};\n\n");
    emit(out,
         "static void %s_init(ProtobufCMessage *message)\n{\n"
         "    *(%s *)message = %s_empty;\n}\n\n",
         name, name, name);
}

static const char *wellknown_of(const struct model_message *message)
{
    static const char *const forms[][2] = {
        {"google.protobuf.Timestamp", "MESSAGE_TIMESTAMP"},
        {"google.protobuf.Duration", "MESSAGE_DURATION"},
        {"google.protobuf.FieldMask", "MESSAGE_FIELD_MASK"},
        {"google.protobuf.Struct", "MESSAGE_STRUCT"},
        {"google.protobuf.Value", "MESSAGE_VALUE"},
        {"google.protobuf.ListValue", "MESSAGE_LIST_VALUE"},
        {"google.protobuf.Any", "MESSAGE_ANY"},
        {"google.protobuf.Empty", "MESSAGE_EMPTY"},
        {"google.protobuf.DoubleValue", "MESSAGE_WRAPPER"},
        {"google.protobuf.FloatValue", "MESSAGE_WRAPPER"},
        {"google.protobuf.Int64Value", "MESSAGE_WRAPPER"},
        {"google.protobuf.UInt64Value", "MESSAGE_WRAPPER"},
        {"google.protobuf.Int32Value", "MESSAGE_WRAPPER"},
        {"google.protobuf.UInt32Value", "MESSAGE_WRAPPER"},
        {"google.protobuf.BoolValue", "MESSAGE_WRAPPER"},
        {"google.protobuf.StringValue", "MESSAGE_WRAPPER"},
        {"google.protobuf.BytesValue", "MESSAGE_WRAPPER"},
    };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcmp(message->full_name, forms[i][0]) == 0)
            return forms[i][1];
    return NULL;
}

static void emit_descriptor(struct output *out, const struct model_message *message, size_t ranges)
{
    const char *name = message->c_name;

    emit(out,
         "        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,\n"
         "        .name = \"%s\",\n        .short_name = \"%s\",\n        .c_name = \"%s\",\n"
         "        .package_name = \"%s\",\n        .sizeof_message = sizeof(%s),\n",
         message->full_name, message->name, name, message->file->package, name);
    if (message->field_count > 0)
        emit(out,
             "        .n_fields = %zu,\n        .fields = %s_fields,\n"
             "        .fields_sorted_by_name = %s_by_name,\n"
             "        .n_field_ranges = %zu,\n        .field_ranges = %s_ranges,\n",
             message->field_count, name, name, ranges, name);
    emit(out, "        .message_init = %s_init,\n", name);
}

static void emit_message_tables(struct output *out, struct model *model,
                                const struct model_message *message)
{
    const char *name = message->c_name;
    struct table_sizes sizes;

    emit(out, "/* --- %s --- */\n\n", name);
    emit_init(out, message);
    sizes = emit_field_tables(out, message);
    emit_validate(out, model, message);
    emit(out, "const struct message_type %s_type = {\n    .descriptor = {\n", name);
    emit_descriptor(out, message, sizes.ranges);
    emit(out, "    },\n");
    if (message->field_count > 0)
        emit(out, "    .fields = %s_extras,\n", name);
    if (sizes.names > 0)
        emit(out, "    .names = %s_names,\n    .name_count = %zu,\n", name, sizes.names);
    if (wellknown_of(message) != NULL)
        emit(out, "    .wellknown = %s,\n", wellknown_of(message));
    if (message->is_map_entry)
        emit(out, "    .is_map_entry = true,\n");
    if (message->oneof_count > 0)
        emit(out, "    .oneof_count = %zu,\n", message->oneof_count);
    if (message->validates)
        emit(out, "    .validate = %s_validate,\n", name);
    emit(out, "};\n\n");
    emit(out,
         "%s *%s_new(struct arena *arena)\n{\n"
         "    return (%s *)message_new(arena, &%s_type);\n}\n\n",
         name, name, name, name);
}

static void emit_registration(struct output *out, const struct model_file *file)
{
    bool any = false;

    for (size_t i = 0; i < file->message_count; i++)
        any |= !file->messages[i].is_map_entry;
    emit(out, "%s\n{\n", register_function(out, file));
    if (any) {
        emit(out, "    static const struct message_type *const types[] = {\n");
        for (size_t i = 0; i < file->message_count; i++)
            if (!file->messages[i].is_map_entry)
                emit(out, "        &%s_type,\n", file->messages[i].c_name);
        emit(out, "    };\n\n");
        emit(out, "    message_registry_add(types, sizeof(types) / sizeof(types[0]));\n");
    }
    emit(out, "}\n");
}

static bool file_validates(const struct model_file *file)
{
    for (size_t i = 0; i < file->message_count; i++)
        if (file->messages[i].validates)
            return true;
    return false;
}

void emit_messages_source(struct output *out, struct model *model, const struct model_file *file)
{
    emit_head(out, file, NULL);
    emit(out, "#include \"%s.h\"\n\n#include <assert.h>\n", file->stem);
    if (file_validates(file))
        emit(out, "#include <stddef.h>\n#include <string.h>\n\n"
                  "#include \"server/protocol/validate.h\"\n");
    else
        emit(out, "#include <stddef.h>\n");
    emit(out,
         "\nstatic_assert(MESSAGE_RUNTIME_VERSION == 2, \"generated for another runtime\");\n\n");
    for (size_t i = 0; i < file->enum_count; i++)
        emit_enum_tables(out, &file->enums[i]);
    for (size_t i = 0; i < file->message_count; i++)
        emit_message_tables(out, model, &file->messages[i]);
    emit_registration(out, file);
}
