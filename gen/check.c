#include "gen/check.h"

#include <stddef.h>

#include "gen/nesting.h"

typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__EnumDescriptorProto Enum;
typedef Google__Protobuf__FieldDescriptorProto Field;
typedef Google__Protobuf__FileDescriptorProto File;
typedef Google__Protobuf__ServiceDescriptorProto Service;

/* A type's full name, which starts with a dot. */
static bool is_type_name(const char *name)
{
    return name != NULL && name[0] == '.';
}

static bool field_is_whole(const Field *field)
{
    bool typed = field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE ||
                 field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_ENUM;

    return field->name != NULL && field->has_type && (!typed || is_type_name(field->type_name));
}

static bool enum_is_whole(const Enum *enumeration)
{
    for (size_t i = 0; i < enumeration->n_value; i++)
        if (enumeration->value[i]->name == NULL)
            return false;
    return enumeration->name != NULL && enumeration->n_value > 0;
}

/* The entry type of a map has a key and a value. */
static bool map_entry_is_whole(const Message *message)
{
    return message->options == NULL || !message->options->map_entry ||
           (message->n_field == 2 && message->field[0]->number == 1 &&
            message->field[1]->number == 2);
}

static bool message_is_whole(const Message *message, int depth)
{
    if (message->name == NULL || depth > NESTING_MAX)
        return false;
    for (size_t i = 0; i < message->n_field; i++)
        if (!field_is_whole(message->field[i]))
            return false;
    for (size_t i = 0; i < message->n_oneof_decl; i++)
        if (message->oneof_decl[i]->name == NULL)
            return false;
    for (size_t i = 0; i < message->n_enum_type; i++)
        if (!enum_is_whole(message->enum_type[i]))
            return false;
    for (size_t i = 0; i < message->n_nested_type; i++)
        if (!message_is_whole(message->nested_type[i], depth + 1))
            return false;
    return map_entry_is_whole(message);
}

static bool service_is_whole(const Service *service)
{
    for (size_t i = 0; i < service->n_method; i++)
        if (service->method[i]->name == NULL || !is_type_name(service->method[i]->input_type) ||
            !is_type_name(service->method[i]->output_type))
            return false;
    return service->name != NULL;
}

static bool file_is_whole(const File *file)
{
    for (size_t i = 0; i < file->n_message_type; i++)
        if (!message_is_whole(file->message_type[i], 1))
            return false;
    for (size_t i = 0; i < file->n_enum_type; i++)
        if (!enum_is_whole(file->enum_type[i]))
            return false;
    for (size_t i = 0; i < file->n_service; i++)
        if (!service_is_whole(file->service[i]))
            return false;
    return file->name != NULL;
}

bool request_is_whole(const Google__Protobuf__Compiler__CodeGeneratorRequest *request)
{
    for (size_t i = 0; i < request->n_proto_file; i++)
        if (!file_is_whole(request->proto_file[i]))
            return false;
    return true;
}
