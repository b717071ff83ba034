#include "server/violations.h"

#include <string.h>

#include "buf/validate/validate.pb-c.h"
#include "server/protocol/utf8.h"
#include "server/protocol/validate.h"

typedef Buf__Validate__FieldPath Path;
typedef Buf__Validate__FieldPathElement Element;
typedef Buf__Validate__Violation Violation;
typedef Buf__Validate__Violations Violations;

/* A key of a map is the client's text: no more of it than this goes back. */
#define KEY_BYTES_MAX 64

/* A rule is at most two levels of items, keys or values deep. */
#define RULE_STEPS_MAX 8

/* --- elements --- */

/* The number that FieldDescriptorProto.Type has for a type. */
static Google__Protobuf__FieldDescriptorProto__Type type_number(ProtobufCType type)
{
    static const uint8_t numbers[] = {
        [PROTOBUF_C_TYPE_INT32] = 5,     [PROTOBUF_C_TYPE_SINT32] = 17,
        [PROTOBUF_C_TYPE_SFIXED32] = 15, [PROTOBUF_C_TYPE_INT64] = 3,
        [PROTOBUF_C_TYPE_SINT64] = 18,   [PROTOBUF_C_TYPE_SFIXED64] = 16,
        [PROTOBUF_C_TYPE_UINT32] = 13,   [PROTOBUF_C_TYPE_FIXED32] = 7,
        [PROTOBUF_C_TYPE_UINT64] = 4,    [PROTOBUF_C_TYPE_FIXED64] = 6,
        [PROTOBUF_C_TYPE_FLOAT] = 2,     [PROTOBUF_C_TYPE_DOUBLE] = 1,
        [PROTOBUF_C_TYPE_BOOL] = 8,      [PROTOBUF_C_TYPE_ENUM] = 14,
        [PROTOBUF_C_TYPE_STRING] = 9,    [PROTOBUF_C_TYPE_BYTES] = 12,
        [PROTOBUF_C_TYPE_MESSAGE] = 11,
    };

    return numbers[type];
}

/* `field` is NULL of a oneof, which has a name alone. */
static Element *element_new(struct arena *arena, const char *name,
                            const ProtobufCFieldDescriptor *field)
{
    Element *element = arena_alloc(arena, sizeof(*element));

    buf__validate__field_path_element__init(element);
    element->field_name = (char *)name;
    if (field != NULL) {
        element->has_field_number = true;
        element->field_number = (int32_t)field->id;
        element->has_field_type = true;
        element->field_type = type_number(field->type);
    }
    return element;
}

static Path *path_new(struct arena *arena, size_t capacity)
{
    Path *path = arena_alloc(arena, sizeof(*path));

    buf__validate__field_path__init(path);
    path->elements = arena_alloc_array(arena, capacity, sizeof(*path->elements));
    return path;
}

/* --- the way to a field --- */

static void set_entry_types(Element *element, const ProtobufCFieldDescriptor *field)
{
    const ProtobufCMessageDescriptor *entry = field->descriptor;

    element->has_key_type = element->has_value_type = true;
    element->key_type = type_number(entry->fields[0].type);
    element->value_type = type_number(entry->fields[1].type);
}

static void set_subscript(struct arena *arena, Element *element, const struct violation_path *step)
{
    switch (step->step) {
    case VIOLATION_FIELD:
        break;
    case VIOLATION_INDEX:
        element->subscript_case = BUF__VALIDATE__FIELD_PATH_ELEMENT__SUBSCRIPT_INDEX;
        element->index = step->number;
        break;
    case VIOLATION_INT_KEY:
        element->subscript_case = BUF__VALIDATE__FIELD_PATH_ELEMENT__SUBSCRIPT_INT_KEY;
        element->int_key = (int64_t)step->number;
        break;
    case VIOLATION_UINT_KEY:
        element->subscript_case = BUF__VALIDATE__FIELD_PATH_ELEMENT__SUBSCRIPT_UINT_KEY;
        element->uint_key = step->number;
        break;
    case VIOLATION_BOOL_KEY:
        element->subscript_case = BUF__VALIDATE__FIELD_PATH_ELEMENT__SUBSCRIPT_BOOL_KEY;
        element->bool_key = step->number != 0;
        break;
    case VIOLATION_STRING_KEY:
        element->subscript_case = BUF__VALIDATE__FIELD_PATH_ELEMENT__SUBSCRIPT_STRING_KEY;
        element->string_key = arena_strndup(
            arena, step->text, utf8_truncate(step->text, strlen(step->text), KEY_BYTES_MAX));
        break;
    }
}

static Element *step_element(struct arena *arena, const struct violation_path *step)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(&step->type->descriptor, step->field);
    Element *element = element_new(arena, step->field, field);

    set_subscript(arena, element, step);
    if (field != NULL && step->step != VIOLATION_FIELD && step->step != VIOLATION_INDEX)
        set_entry_types(element, field);
    return element;
}

/* The steps are linked from the last one. */
static Path *field_path(struct arena *arena, const struct violation_path *last)
{
    size_t count = 0;
    Path *path;

    for (const struct violation_path *step = last; step != NULL; step = step->parent)
        count++;
    path = path_new(arena, count);
    path->n_elements = count;
    for (const struct violation_path *step = last; step != NULL; step = step->parent)
        path->elements[--count] = step_element(arena, step);
    return path;
}

/* --- the way to a rule: "repeated.items.string.min_len" --- */

static Path *rule_path(struct arena *arena, const char *text)
{
    const ProtobufCMessageDescriptor *type = &buf__validate__field_rules__descriptor;
    Path *path = path_new(arena, RULE_STEPS_MAX);

    while (type != NULL && *text != '\0' && path->n_elements < RULE_STEPS_MAX) {
        size_t length = strcspn(text, ".");
        const char *name = arena_strndup(arena, text, length);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(type, name);
        path->elements[path->n_elements++] = element_new(arena, name, field);
        type = field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
        text += length + (text[length] == '.');
    }
    return path;
}

static Violation *violation_new(struct arena *arena, const struct violation *from)
{
    Violation *violation = arena_alloc(arena, sizeof(*violation));

    buf__validate__violation__init(violation);
    if (from->path != NULL)
        violation->field = field_path(arena, from->path);
    if (*from->rule_path != '\0')
        violation->rule = rule_path(arena, from->rule_path);
    violation->rule_id = (char *)from->rule;
    violation->message = (char *)from->message;
    violation->has_for_key = violation->for_key =
        strncmp(from->rule_path, "map.keys.", strlen("map.keys.")) == 0;
    return violation;
}

void violations_encode(const struct violations *violations, struct buffer *out)
{
    Violations all = BUF__VALIDATE__VIOLATIONS__INIT;
    Violation *items[VIOLATIONS_MAX];
    size_t size;

    all.violations = items;
    for (size_t i = 0; i < violations->count; i++)
        items[all.n_violations++] = violation_new(violations->arena, &violations->items[i]);
    size = protobuf_c_message_get_packed_size(&all.base);
    protobuf_c_message_pack(&all.base, buffer_reserve(out, size));
    buffer_commit(out, size);
}
