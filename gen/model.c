#include "gen/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gen/names.h"
#include "gen/naming.h"
#include "gen/options.h"
#include "gen/source.h"

/* Numbers in descriptor.proto of what paths go through. */
enum {
    FILE_PACKAGE = 2,
    FILE_MESSAGE = 4,
    FILE_ENUM = 5,
    FILE_SERVICE = 6,
    FILE_SYNTAX = 12,
    MESSAGE_FIELD = 2,
    MESSAGE_NESTED = 3,
    MESSAGE_ENUM = 4,
    MESSAGE_OPTIONS = 7,
    MESSAGE_ONEOF = 8,
    FIELD_TYPE_NAME = 6,
    FIELD_OPTIONS = 8,
    ENUM_VALUE = 2,
    ONEOF_OPTIONS = 2,
    SERVICE_METHOD = 2,
    METHOD_OPTIONS = 4,
};

#define EXTENSION_VALIDATE 1159
#define EXTENSION_METHOD 51001

void model_fail(struct model *model, struct location location, const char *format, ...)
{
    va_list arguments;
    char *sentence;

    if (location.file != NULL && !location.file->wanted)
        return;
    va_start(arguments, format);
    sentence = arena_vprintf(model->arena, format, arguments);
    va_end(arguments);
    if (model->errors.length > 0)
        buffer_append_char(&model->errors, '\n');
    if (location.file != NULL)
        buffer_printf(&model->errors, "%s:", location.file->path);
    if (location.line > 0)
        buffer_printf(&model->errors, "%d:%d:", location.line, location.column);
    buffer_printf(&model->errors, " %s", sentence);
}

/* --- counting, so that arrays never move --- */

static size_t count_messages(Google__Protobuf__DescriptorProto **messages, size_t count)
{
    size_t total = count;

    for (size_t i = 0; i < count; i++)
        total += count_messages(messages[i]->nested_type, messages[i]->n_nested_type);
    return total;
}

static size_t count_enums(Google__Protobuf__DescriptorProto **messages, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += messages[i]->n_enum_type +
                 count_enums(messages[i]->nested_type, messages[i]->n_nested_type);
    return total;
}

/* --- enums --- */

/* "around.name", where `around` is a full name or a package and may be empty. */
static const char *join(struct arena *arena, const char *around, const char *name,
                        const char *separator)
{
    if (around == NULL || *around == '\0')
        return name;
    return arena_printf(arena, "%s%s%s", around, separator, name);
}

static void read_enum(struct model *model, struct model_file *file,
                      const struct model_message *around,
                      const Google__Protobuf__EnumDescriptorProto *proto,
                      const struct source_path *path)
{
    struct model_enum *enumeration = &file->enums[file->enum_count++];

    enumeration->file = file;
    enumeration->name = proto->name;
    enumeration->full_name =
        join(model->arena, around ? around->full_name : file->package, proto->name, ".");
    enumeration->joined = join(model->arena, around ? around->joined : NULL, proto->name, "_");
    enumeration->comment = source_comment(model->arena, path);
    enumeration->value_count = proto->n_value;
    enumeration->values =
        arena_alloc_array(model->arena, proto->n_value, sizeof(*enumeration->values));
    for (size_t i = 0; i < proto->n_value; i++) {
        struct source_path at = source_at(path, ENUM_VALUE, (int32_t)i);
        enumeration->values[i].name = proto->value[i]->name;
        enumeration->values[i].number = proto->value[i]->number;
        enumeration->values[i].comment = source_comment(model->arena, &at);
    }
}

/* --- messages: first all types, then their fields, which refer to types --- */

static void read_oneofs(struct model *model, struct model_message *message,
                        const Google__Protobuf__DescriptorProto *proto,
                        const struct source_path *path)
{
    message->oneofs =
        arena_alloc_array(model->arena, proto->n_oneof_decl, sizeof(*message->oneofs));
    for (size_t i = 0; i < proto->n_oneof_decl; i++) {
        struct source_path at = source_at(path, MESSAGE_ONEOF, (int32_t)i);
        struct model_oneof *oneof = &message->oneofs[i];

        oneof->name = proto->oneof_decl[i]->name;
        oneof->comment = source_comment(model->arena, &at);
        oneof->location = source_location(&at);
    }
}

static void read_message(struct model *model, struct model_file *file,
                         const struct model_message *around,
                         const Google__Protobuf__DescriptorProto *proto,
                         const struct source_path *path)
{
    struct model_message *message = &file->messages[file->message_count++];

    message->file = file;
    message->around = around;
    message->name = proto->name;
    message->full_name =
        join(model->arena, around ? around->full_name : file->package, proto->name, ".");
    message->joined = join(model->arena, around ? around->joined : NULL, proto->name, "_");
    message->comment = source_comment(model->arena, path);
    message->location = source_location(path);
    message->is_map_entry = proto->options != NULL && proto->options->map_entry;
    read_oneofs(model, message, proto, path);
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        struct source_path at = source_at(path, MESSAGE_ENUM, (int32_t)i);
        read_enum(model, file, message, proto->enum_type[i], &at);
    }
    for (size_t i = 0; i < proto->n_nested_type; i++) {
        struct source_path at = source_at(path, MESSAGE_NESTED, (int32_t)i);
        read_message(model, file, message, proto->nested_type[i], &at);
    }
}

/* Types are found by ".package.Type". */
static const struct model_message *find_message(const struct model *model, const char *name)
{
    for (size_t i = 0; name != NULL && i < model->file_count; i++)
        for (size_t j = 0; j < model->files[i].message_count; j++)
            if (strcmp(model->files[i].messages[j].full_name, name + 1) == 0)
                return &model->files[i].messages[j];
    return NULL;
}

static const struct model_enum *find_enum(const struct model *model, const char *name)
{
    for (size_t i = 0; name != NULL && i < model->file_count; i++)
        for (size_t j = 0; j < model->files[i].enum_count; j++)
            if (strcmp(model->files[i].enums[j].full_name, name + 1) == 0)
                return &model->files[i].enums[j];
    return NULL;
}

static void read_field_rules(struct model *model, struct model_field *field,
                             const Google__Protobuf__FieldDescriptorProto *proto,
                             const struct source_path *path)
{
    struct source_path options = source_field(path, FIELD_OPTIONS);
    struct source_path rules = source_field(&options, EXTENSION_VALIDATE);
    const char *error = NULL;
    unsigned unknown;

    field->rules = (const Buf__Validate__FieldRules *)options_extension(
        model->arena, proto->options ? &proto->options->base : NULL, EXTENSION_VALIDATE,
        &buf__validate__field_rules__descriptor, &error);
    field->rules_location = source_location_inside(&rules);
    if (error != NULL)
        model_fail(model, field->rules_location, "%s", error);
    if (field->rules == NULL)
        return;
    unknown = options_unknown_field(&field->rules->base);
    if (unknown != 0)
        model_fail(model, field->rules_location,
                   "field '%s' has a rule (number %u of buf.validate) that is not enforced",
                   field->name, unknown);
}

static bool is_declared_optional(const Google__Protobuf__FieldDescriptorProto *proto)
{
    return proto->has_proto3_optional && proto->proto3_optional;
}

static void read_field_type(struct model *model, struct model_field *field,
                            const Google__Protobuf__FieldDescriptorProto *proto)
{
    field->type = (enum field_type)proto->type;
    if (field->type == FIELD_MESSAGE)
        field->message = find_message(model, proto->type_name);
    else if (field->type == FIELD_ENUM)
        field->enumeration = find_enum(model, proto->type_name);
    if ((field->type == FIELD_MESSAGE && field->message == NULL) ||
        (field->type == FIELD_ENUM && field->enumeration == NULL) ||
        field_type_name(field->type) == NULL)
        model_fail(model, field->location, "field '%s' has a type that is not supported",
                   field->name);
    if (field->message != NULL && !field->message->file->is_proto3)
        model_fail(model, field->location, "field '%s' has a proto2 type, which is not supported",
                   field->name);
}

static bool is_packable(enum field_type type)
{
    return type != FIELD_STRING && type != FIELD_BYTES && type != FIELD_MESSAGE;
}

static void read_field(struct model *model, struct model_message *message,
                       struct model_field *field,
                       const Google__Protobuf__FieldDescriptorProto *proto,
                       const struct source_path *path)
{
    field->parent = message;
    field->name = proto->name;
    field->json_name = proto->json_name ? proto->json_name : proto->name;
    field->comment = source_comment(model->arena, path);
    field->location = source_location(path);
    field->number = proto->number;
    field->repeated =
        proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    field->is_optional = is_declared_optional(proto);
    read_field_type(model, field, proto);
    field->packed = field->repeated && is_packable(field->type) &&
                    !(proto->options && proto->options->has_packed && !proto->options->packed);
    if (proto->has_oneof_index && !field->is_optional &&
        (size_t)proto->oneof_index < message->oneof_count)
        field->oneof = &message->oneofs[proto->oneof_index];
    read_field_rules(model, field, proto, path);
}

/* protoc puts each `optional` field into a oneof of its own, after the declared ones. */
static size_t count_declared_oneofs(const Google__Protobuf__DescriptorProto *proto)
{
    size_t count = proto->n_oneof_decl;

    for (size_t i = 0; i < proto->n_field; i++)
        if (is_declared_optional(proto->field[i]) && count > 0)
            count--;
    return count;
}

static void read_oneof_rules(struct model *model, struct model_message *message,
                             const Google__Protobuf__DescriptorProto *proto)
{
    message->oneof_count = count_declared_oneofs(proto);
    for (size_t i = 0; i < message->oneof_count; i++) {
        const Google__Protobuf__OneofOptions *options = proto->oneof_decl[i]->options;
        struct model_oneof *oneof = &message->oneofs[i];
        const char *error = NULL;
        const Buf__Validate__OneofRules *rules;

        oneof->index = (int)i;
        rules = (const Buf__Validate__OneofRules *)options_extension(
            model->arena, options ? &options->base : NULL, EXTENSION_VALIDATE,
            &buf__validate__oneof_rules__descriptor, &error);
        if (error != NULL || (rules != NULL && options_unknown_field(&rules->base) != 0))
            model_fail(model, oneof->location, "oneof '%s' has a rule that is not enforced",
                       oneof->name);
        oneof->required = rules != NULL && rules->required;
    }
}

/* --- rules of whole messages: sets of fields that exclude each other --- */

static struct model_field *find_field(const struct model_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (strcmp(message->fields[i].name, name) == 0)
            return &message->fields[i];
    return NULL;
}

static bool has_field(const struct model_choice *choice, const struct model_field *field)
{
    for (size_t i = 0; i < choice->field_count; i++)
        if (choice->fields[i] == field)
            return true;
    return false;
}

static void read_choice(struct model *model, struct model_message *message,
                        const Buf__Validate__MessageOneofRule *rule, struct location location)
{
    struct model_choice *choice = &message->choices[message->choice_count++];

    choice->required = rule->required;
    choice->fields = arena_alloc_array(model->arena, rule->n_fields, sizeof(*choice->fields));
    if (rule->n_fields == 0)
        model_fail(model, location, "message '%s': a oneof rule needs fields", message->name);
    for (size_t i = 0; i < rule->n_fields; i++) {
        struct model_field *field = find_field(message, rule->fields[i]);
        if (field == NULL) {
            model_fail(model, location, "message '%s' has no field '%s', which its rule names",
                       message->name, rule->fields[i]);
            continue;
        }
        if (has_field(choice, field))
            model_fail(model, location, "message '%s': its rule names field '%s' twice",
                       message->name, field->name);
        field->is_chosen = true;
        choice->fields[choice->field_count++] = field;
    }
}

static void read_message_rules(struct model *model, struct model_message *message,
                               const Google__Protobuf__DescriptorProto *proto,
                               const struct source_path *path)
{
    struct source_path options = source_field(path, MESSAGE_OPTIONS);
    struct source_path extension = source_field(&options, EXTENSION_VALIDATE);
    struct location location = source_location_inside(&extension);
    const char *error = NULL;
    const Buf__Validate__MessageRules *rules =
        (const Buf__Validate__MessageRules *)options_extension(
            model->arena, proto->options ? &proto->options->base : NULL, EXTENSION_VALIDATE,
            &buf__validate__message_rules__descriptor, &error);

    if (error != NULL)
        model_fail(model, location, "%s", error);
    if (rules == NULL)
        return;
    if (options_unknown_field(&rules->base) != 0)
        model_fail(model, location,
                   "message '%s' has a rule (number %u of buf.validate) that is not enforced",
                   message->name, options_unknown_field(&rules->base));
    message->choices = arena_alloc_array(model->arena, rules->n_oneof, sizeof(*message->choices));
    for (size_t i = 0; i < rules->n_oneof; i++)
        read_choice(model, message, rules->oneof[i], location);
}

/* Walks the messages in the order of read_message(); `*next` counts them. */
static void read_fields(struct model *model, struct model_file *file, size_t *next,
                        const Google__Protobuf__DescriptorProto *proto,
                        const struct source_path *path)
{
    struct model_message *message = &file->messages[(*next)++];

    read_oneof_rules(model, message, proto);
    message->field_count = proto->n_field;
    message->fields = arena_alloc_array(model->arena, proto->n_field, sizeof(*message->fields));
    for (size_t i = 0; i < proto->n_field; i++) {
        struct source_path at = source_at(path, MESSAGE_FIELD, (int32_t)i);
        read_field(model, message, &message->fields[i], proto->field[i], &at);
    }
    read_message_rules(model, message, proto, path);
    for (size_t i = 0; i < proto->n_nested_type; i++) {
        struct source_path at = source_at(path, MESSAGE_NESTED, (int32_t)i);
        read_fields(model, file, next, proto->nested_type[i], &at);
    }
}

/* --- services --- */

/* A budget has a name of its own in the headers: its scope and period. */
static bool rate_is_repeated(const Waystone__Options__V1__MethodRules *rules, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (rules->rate_limits[i]->scope == rules->rate_limits[index]->scope &&
            rules->rate_limits[i]->period_seconds == rules->rate_limits[index]->period_seconds)
            return true;
    return false;
}

static void check_rate_limits(struct model *model, const struct model_method *method,
                              struct location location)
{
    const Waystone__Options__V1__MethodRules *rules = method->rules;

    if (rules->n_rate_limits > RATE_LIMITS_MAX)
        model_fail(model, location, "method '%s' has more than %d rate limits", method->name,
                   RATE_LIMITS_MAX);
    for (size_t i = 0; i < rules->n_rate_limits; i++) {
        const Waystone__Options__V1__RateLimit *rate = rules->rate_limits[i];
        if (rate->calls == 0 || rate->period_seconds == 0 || rate->scope == 0) {
            model_fail(model, location,
                       "method '%s': a rate limit needs calls, period_seconds and scope",
                       method->name);
            continue;
        }
        if (rate_is_repeated(rules, i))
            model_fail(model, location,
                       "method '%s' has two rate limits of the same scope and period",
                       method->name);
        if (rules->access == WAYSTONE__OPTIONS__V1__ACCESS__ACCESS_PUBLIC &&
            rate->scope != WAYSTONE__OPTIONS__V1__RATE_LIMIT_SCOPE__RATE_LIMIT_SCOPE_IP)
            model_fail(model, location,
                       "method '%s' is public: who calls it has no account to limit it by",
                       method->name);
    }
}

/* "chat.read": two words of small letters. */
static bool scope_is_well_formed(const char *scope)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    size_t first = strspn(scope, letters);
    size_t second = scope[first] == '.' ? strspn(scope + first + 1, letters) : 0;

    return first > 0 && second > 0 && scope[first + 1 + second] == '\0';
}

static void check_scope(struct model *model, const struct model_method *method,
                        struct location location)
{
    const Waystone__Options__V1__MethodRules *rules = method->rules;

    if (rules->scope[0] == '\0')
        return;
    if (!scope_is_well_formed(rules->scope))
        model_fail(model, location, "method '%s': a scope is two words, such as \"chat.read\"",
                   method->name);
    if (rules->access == WAYSTONE__OPTIONS__V1__ACCESS__ACCESS_PUBLIC)
        model_fail(model, location, "method '%s' is public: a scope would mean nothing",
                   method->name);
    if (rules->step_up)
        model_fail(model, location,
                   "method '%s' has a scope and step_up, which no API key ever satisfies",
                   method->name);
}

static bool has_idempotency_key(const struct model_message *request)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (strcmp(request->fields[i].name, "idempotency_key") == 0)
            return request->fields[i].type == FIELD_STRING && !request->fields[i].repeated;
    return false;
}

/* Whoever does not know whether a call was done may repeat it. */
static void check_repetition(struct model *model, const struct model_method *method,
                             struct location location)
{
    if (method->request_streams || method->response_streams || method->idempotent ||
        method->rules->secret || has_idempotency_key(method->request))
        return;
    model_fail(model, location,
               "method '%s' does not say what repeating it does: it needs an idempotency_level, a "
               "string idempotency_key in its request, or secret, whose answers are never stored",
               method->name);
}

static void check_method_rules(struct model *model, const struct model_method *method,
                               struct location location)
{
    const Waystone__Options__V1__MethodRules *rules = method->rules;

    if (rules == NULL || rules->access == 0) {
        model_fail(model, location,
                   "method '%s' does not say who may call it: it needs "
                   "(waystone.options.v1.method).access",
                   method->name);
        return;
    }
    if (options_unknown_field(&rules->base) != 0)
        model_fail(model, location, "method '%s' has an unknown option (number %u)", method->name,
                   options_unknown_field(&rules->base));
    check_rate_limits(model, method, location);
    check_scope(model, method, location);
    check_repetition(model, method, location);
    if (method->no_side_effects && (method->request_streams || method->response_streams))
        model_fail(model, location,
                   "method '%s' streams: only a unary method can be NO_SIDE_EFFECTS", method->name);
}

static void read_method(struct model *model, struct model_method *method,
                        const Google__Protobuf__MethodDescriptorProto *proto,
                        const struct source_path *path)
{
    struct source_path options = source_field(path, METHOD_OPTIONS);
    struct source_path rules = source_field(&options, EXTENSION_METHOD);
    const char *error = NULL;

    method->name = proto->name;
    method->comment = source_comment(model->arena, path);
    method->location = source_location(path);
    method->request = find_message(model, proto->input_type);
    method->response = find_message(model, proto->output_type);
    if (method->request == NULL || method->response == NULL || !method->request->file->is_proto3 ||
        !method->response->file->is_proto3)
        model_fail(model, method->location,
                   "method '%s' has a message of proto2, which is not supported", method->name);
    method->request_streams = proto->client_streaming;
    method->response_streams = proto->server_streaming;
    method->no_side_effects =
        proto->options != NULL &&
        proto->options->idempotency_level ==
            GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
    method->idempotent = method->no_side_effects ||
                         (proto->options != NULL &&
                          proto->options->idempotency_level ==
                              GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENT);
    method->rules = (const Waystone__Options__V1__MethodRules *)options_extension(
        model->arena, proto->options ? &proto->options->base : NULL, EXTENSION_METHOD,
        &waystone__options__v1__method_rules__descriptor, &error);
    if (error != NULL)
        model_fail(model, method->location, "%s", error);
    else
        check_method_rules(model, method,
                           method->rules ? source_location_inside(&rules) : method->location);
}

static void read_service(struct model *model, struct model_file *file,
                         struct model_service *service,
                         const Google__Protobuf__ServiceDescriptorProto *proto,
                         const struct source_path *path)
{
    service->file = file;
    service->name = proto->name;
    service->full_name = join(model->arena, file->package, proto->name, ".");
    service->comment = source_comment(model->arena, path);
    service->location = source_location(path);
    service->method_count = proto->n_method;
    service->methods = arena_alloc_array(model->arena, proto->n_method, sizeof(*service->methods));
    for (size_t i = 0; i < proto->n_method; i++) {
        struct source_path at = source_at(path, SERVICE_METHOD, (int32_t)i);
        read_method(model, &service->methods[i], proto->method[i], &at);
    }
}

/* --- files --- */

static const char *file_stem(struct arena *arena, const char *path)
{
    size_t length = strlen(path);

    if (length > 6 && strcmp(path + length - 6, ".proto") == 0)
        length -= 6;
    return arena_strndup(arena, path, length);
}

static void read_types(struct model *model, struct model_file *file)
{
    const Google__Protobuf__FileDescriptorProto *proto = file->proto;
    struct source_path path = {.file = file};
    struct source_path package = source_field(&path, FILE_PACKAGE);
    size_t messages = count_messages(proto->message_type, proto->n_message_type);
    size_t enums = proto->n_enum_type + count_enums(proto->message_type, proto->n_message_type);

    file->comment = source_comment(model->arena, &package);
    file->messages = arena_alloc_array(model->arena, messages, sizeof(*file->messages));
    file->enums = arena_alloc_array(model->arena, enums, sizeof(*file->enums));
    for (size_t i = 0; i < proto->n_enum_type; i++) {
        struct source_path at = source_at(&path, FILE_ENUM, (int32_t)i);
        read_enum(model, file, NULL, proto->enum_type[i], &at);
    }
    for (size_t i = 0; i < proto->n_message_type; i++) {
        struct source_path at = source_at(&path, FILE_MESSAGE, (int32_t)i);
        read_message(model, file, NULL, proto->message_type[i], &at);
    }
}

static void read_contents(struct model *model, struct model_file *file)
{
    const Google__Protobuf__FileDescriptorProto *proto = file->proto;
    struct source_path path = {.file = file};
    size_t next = 0;

    if (file->wanted && !file->is_proto3) {
        struct source_path syntax = source_field(&path, FILE_SYNTAX);
        model_fail(model, source_location(&syntax),
                   "only syntax = \"proto3\" is supported, and this file has %s",
                   proto->syntax ? proto->syntax : "proto2");
        file->wanted = false;
    }
    for (size_t i = 0; i < proto->n_message_type; i++) {
        struct source_path at = source_at(&path, FILE_MESSAGE, (int32_t)i);
        if (file->is_proto3)
            read_fields(model, file, &next, proto->message_type[i], &at);
    }
    file->service_count = proto->n_service;
    file->services = arena_alloc_array(model->arena, proto->n_service, sizeof(*file->services));
    for (size_t i = 0; i < proto->n_service; i++) {
        struct source_path at = source_at(&path, FILE_SERVICE, (int32_t)i);
        read_service(model, file, &file->services[i], proto->service[i], &at);
    }
}

/* A message validates if a field of it has rules or holds a message that does. Repeated until
 * nothing changes, since messages may contain each other. */
static bool mark_validating(struct model_message *message)
{
    if (message->validates)
        return false;
    for (size_t i = 0; i < message->oneof_count; i++)
        message->validates |= message->oneofs[i].required;
    message->validates |= message->choice_count > 0;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct model_field *field = &message->fields[i];
        bool ignored = field->rules != NULL && field->rules->has_ignore &&
                       field->rules->ignore == BUF__VALIDATE__IGNORE__IGNORE_ALWAYS;
        message->validates |= field->rules != NULL && !ignored;
        message->validates |= field->message != NULL && field->message->validates && !ignored;
    }
    return message->validates;
}

static void find_validating(struct model *model)
{
    bool changed;

    do {
        changed = false;
        for (size_t i = 0; i < model->file_count; i++)
            for (size_t j = 0; j < model->files[i].message_count; j++)
                changed |= mark_validating(&model->files[i].messages[j]);
    } while (changed);
}

static bool is_wanted(const Google__Protobuf__Compiler__CodeGeneratorRequest *request,
                      const char *only, const char *path)
{
    if (only != NULL && strcmp(path, only) != 0)
        return false;
    for (size_t i = 0; i < request->n_file_to_generate; i++)
        if (strcmp(request->file_to_generate[i], path) == 0)
            return true;
    return false;
}

bool model_read(struct model *model,
                const Google__Protobuf__Compiler__CodeGeneratorRequest *request, const char *only)
{
    model->file_count = request->n_proto_file;
    model->files = arena_alloc_array(model->arena, model->file_count, sizeof(*model->files));
    for (size_t i = 0; i < model->file_count; i++) {
        struct model_file *file = &model->files[i];
        file->proto = request->proto_file[i];
        file->path = file->proto->name ? file->proto->name : "";
        file->stem = file_stem(model->arena, file->path);
        file->package = file->proto->package ? file->proto->package : "";
        file->is_proto3 = file->proto->syntax != NULL && strcmp(file->proto->syntax, "proto3") == 0;
        file->wanted = is_wanted(request, only, file->path);
        source_index(model->arena, file);
        read_types(model, file);
    }
    for (size_t i = 0; i < model->file_count; i++)
        read_contents(model, &model->files[i]);
    find_validating(model);
    naming_choose(model);
    return model->errors.length == 0;
}

/* --- fields --- */

bool field_is_map(const struct model_field *field)
{
    return field->repeated && field->message != NULL && field->message->is_map_entry;
}

bool field_has_presence(const struct model_field *field)
{
    return !field->repeated &&
           (field->is_optional || field->oneof != NULL || field->type == FIELD_MESSAGE);
}

bool field_has_flag(const struct model_field *field)
{
    return field->is_optional && field->type != FIELD_MESSAGE && field->type != FIELD_STRING;
}

const char *field_type_name(enum field_type type)
{
    static const char *const names[] = {
        [FIELD_DOUBLE] = "double",   [FIELD_FLOAT] = "float",       [FIELD_INT64] = "int64",
        [FIELD_UINT64] = "uint64",   [FIELD_INT32] = "int32",       [FIELD_FIXED64] = "fixed64",
        [FIELD_FIXED32] = "fixed32", [FIELD_BOOL] = "bool",         [FIELD_STRING] = "string",
        [FIELD_MESSAGE] = "message", [FIELD_BYTES] = "bytes",       [FIELD_UINT32] = "uint32",
        [FIELD_ENUM] = "enum",       [FIELD_SFIXED32] = "sfixed32", [FIELD_SFIXED64] = "sfixed64",
        [FIELD_SINT32] = "sint32",   [FIELD_SINT64] = "sint64",
    };

    return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

const char *field_c_type(struct arena *arena, const struct model_field *field)
{
    switch (field->type) {
    case FIELD_DOUBLE:
        return "double";
    case FIELD_FLOAT:
        return "float";
    case FIELD_INT64:
    case FIELD_SINT64:
    case FIELD_SFIXED64:
        return "int64_t";
    case FIELD_UINT64:
    case FIELD_FIXED64:
        return "uint64_t";
    case FIELD_INT32:
    case FIELD_SINT32:
    case FIELD_SFIXED32:
        return "int32_t";
    case FIELD_UINT32:
    case FIELD_FIXED32:
        return "uint32_t";
    case FIELD_BOOL:
        return "protobuf_c_boolean";
    case FIELD_STRING:
        return "char *";
    case FIELD_BYTES:
        return "ProtobufCBinaryData";
    case FIELD_ENUM:
        return field->enumeration->c_name;
    case FIELD_MESSAGE:
        return arena_printf(arena, "%s *", field->message->c_name);
    }
    return "void";
}
