#include "gen/naming.h"

#include <ctype.h>
#include <string.h>

#include "gen/names.h"

struct naming {
    struct model *model;
    struct arena *arena;
    struct name_set first;   /* short names seen once */
    struct name_set clashes; /* short names seen again, elsewhere */
    struct name_set taken;   /* identifiers of the generated code */
};

static void count_name(struct naming *naming, const char *name)
{
    if (!name_set_add(&naming->first, name))
        name_set_add(&naming->clashes, name);
}

/* --- short names, to see which clash --- */

static const char *service_base(struct arena *arena, const struct model_service *service)
{
    const char *snake = name_snake(arena, service->name);
    size_t length = strlen(snake);

    if (length > 8 && strcmp(snake + length - 8, "_service") == 0)
        return arena_strndup(arena, snake, length - 8);
    return snake;
}

static bool method_streams(const struct model_method *method)
{
    return method->request_streams || method->response_streams;
}

/* Services and streams live beside types, in snake case, so that one set does for all. */
static void count_names(struct naming *naming, const struct model_file *file)
{
    for (size_t i = 0; i < file->message_count; i++)
        count_name(naming, file->messages[i].joined);
    for (size_t i = 0; i < file->enum_count; i++) {
        count_name(naming, file->enums[i].joined);
        for (size_t j = 0; j < file->enums[i].value_count; j++)
            count_name(naming, file->enums[i].values[j].name);
    }
    for (size_t i = 0; i < file->service_count; i++) {
        const struct model_service *service = &file->services[i];
        count_name(naming, service_base(naming->arena, service));
        for (size_t j = 0; j < service->method_count; j++)
            if (method_streams(&service->methods[j]))
                count_name(naming,
                           arena_printf(naming->arena, "%s stream",
                                        name_snake(naming->arena, service->methods[j].name)));
    }
}

/* --- choosing --- */

/* Whether the program must not use the name, or a name derived from it. */
static bool is_taken(const struct naming *naming, const char *name, const char *const *suffixes)
{
    if (name_is_reserved(name))
        return true;
    for (size_t i = 0; suffixes[i] != NULL; i++) {
        const char *derived = arena_printf(naming->arena, "%s%s", name, suffixes[i]);
        if (name_is_reserved(derived) || name_set_has(&naming->taken, derived))
            return true;
    }
    return false;
}

/* The name, with underscores until it and all its derivations are free; takes them. The list
 * of suffixes ends with NULL. */
static const char *take(struct naming *naming, const char *name, const char *const *suffixes)
{
    name = name_spelled(naming->arena, name);
    while (is_taken(naming, name, suffixes))
        name = arena_printf(naming->arena, "%s_", name);
    for (size_t i = 0; suffixes[i] != NULL; i++)
        name_set_add(&naming->taken, arena_printf(naming->arena, "%s%s", name, suffixes[i]));
    return name;
}

/* Functions and variables, ours and those of C's library, start with a small letter: what the
 * schema declares does not, or ends with an underscore. */
static const char *set_apart(struct naming *naming, const char *name)
{
    return islower((unsigned char)*name) ? arena_printf(naming->arena, "%s_", name) : name;
}

static const char *const no_suffix[] = {"", NULL};

static const char *with_package(struct naming *naming, const struct model_file *file,
                                const char *joined)
{
    if (!name_set_has(&naming->clashes, joined) || *file->package == '\0')
        return set_apart(naming, joined);
    return arena_printf(naming->arena, "%s%s", name_camel(naming->arena, file->package), joined);
}

static void name_enum(struct naming *naming, struct model_enum *enumeration)
{
    static const char *const suffixes[] = {"",         "_descriptor", "_values",
                                           "_by_name", "_ranges",     NULL};

    enumeration->c_name =
        take(naming, with_package(naming, enumeration->file, enumeration->joined), suffixes);
    for (size_t i = 0; i < enumeration->value_count; i++) {
        struct model_value *value = &enumeration->values[i];
        const char *name = value->name;
        if (name_set_has(&naming->clashes, name))
            name = arena_printf(naming->arena, "%s_%s",
                                name_upper(naming->arena, enumeration->c_name), name);
        value->c_name = take(naming, set_apart(naming, name), no_suffix);
    }
}

static void name_oneof(struct naming *naming, struct model_message *message,
                       struct model_oneof *oneof)
{
    const char *prefix =
        arena_printf(naming->arena, "%s_%s", name_upper(naming->arena, message->c_name),
                     name_upper(naming->arena, oneof->name));

    oneof->case_type = take(naming,
                            arena_printf(naming->arena, "%s_%sCase", message->c_name,
                                         name_camel(naming->arena, oneof->name)),
                            no_suffix);
    oneof->none = take(naming, arena_printf(naming->arena, "%s_NOT_SET", prefix), no_suffix);
    for (size_t i = 0; i < message->field_count; i++) {
        struct model_field *field = &message->fields[i];
        if (field->oneof == oneof)
            field->case_value = take(naming,
                                     arena_printf(naming->arena, "%s_%s", prefix,
                                                  name_upper(naming->arena, field->name)),
                                     no_suffix);
    }
}

static void name_message(struct naming *naming, struct model_message *message)
{
    static const char *const suffixes[] = {"",        "_type",   "_new",      "_init",
                                           "_empty",  "_fields", "_by_name",  "_ranges",
                                           "_extras", "_names",  "_validate", NULL};

    message->c_name = take(naming, with_package(naming, message->file, message->joined), suffixes);
}

/* --- members of a struct --- */

/* Takes a member's name and those of the members that come with it. */
static const char *take_member(struct naming *naming, struct name_set *members, const char *name,
                               const char *companion)
{
    const char *other;

    name = name_spelled(naming->arena, name);
    for (;; name = arena_printf(naming->arena, "%s_", name)) {
        other = companion ? arena_printf(naming->arena, companion, name) : NULL;
        if (name_is_reserved(name) || name_set_has(members, name) ||
            (other != NULL && name_set_has(members, other)))
            continue;
        name_set_add(members, name);
        if (other != NULL)
            name_set_add(members, other);
        return name;
    }
}

static const char *companion_of(const struct model_field *field)
{
    if (field->repeated)
        return "n_%s";
    return field_has_flag(field) ? "has_%s" : NULL;
}

static void name_members(struct naming *naming, struct model_message *message)
{
    struct name_set members = {.arena = naming->arena};

    name_set_add(&members, "base");
    for (size_t i = 0; i < message->field_count; i++)
        message->fields[i].c_name = take_member(naming, &members, message->fields[i].name,
                                                companion_of(&message->fields[i]));
    for (size_t i = 0; i < message->oneof_count; i++) {
        struct model_oneof *oneof = &message->oneofs[i];
        const char *name = name_spelled(naming->arena, oneof->name);
        while (name_set_has(&members, arena_printf(naming->arena, "%s_case", name)))
            name = arena_printf(naming->arena, "%s_", name);
        name_set_add(&members, arena_printf(naming->arena, "%s_case", name));
        oneof->c_name = name;
    }
}

/* --- services --- */

/* The method in the names of functions: "send_message" of chat_client_send_message(), taken with
 * all the functions that come with it. */
static const char *take_base(struct naming *naming, const struct model_service *service,
                             const struct model_method *method)
{
    static const char *const unary[] = {"", "_method", NULL};
    static const char *const streaming[] = {"",         "_method", "_send", "_close_send",
                                            "_receive", NULL};
    const char *name = arena_printf(naming->arena, "%s_%s", service->client_name,
                                    name_snake(naming->arena, method->name));

    name = take(naming, name, method_streams(method) ? streaming : unary);
    return name + strlen(service->client_name) + 1;
}

static const char *take_stream(struct naming *naming, const struct model_service *service,
                               const struct model_method *method)
{
    static const char *const suffixes[] = {"_stream", "_send", "_receive", NULL};
    const char *snake = name_snake(naming->arena, method->name);
    const char *counted = arena_printf(naming->arena, "%s stream", snake);

    if (name_set_has(&naming->clashes, counted))
        snake = arena_printf(naming->arena, "%s_%s", service->c_name, snake);
    return take(naming, snake, suffixes);
}

static void name_method(struct naming *naming, const struct model_service *service,
                        struct name_set *members, struct model_method *method)
{
    const char *constant =
        arena_printf(naming->arena, "%s_%s", name_upper(naming->arena, service->c_name),
                     name_upper(naming->arena, method->name));

    method->base = take_base(naming, service, method);
    method->c_name = take_member(naming, members, name_snake(naming->arena, method->name), NULL);
    method->constant = take(naming, constant, no_suffix);
    if (method_streams(method))
        method->stream_name = take_stream(naming, service, method);
}

static void name_service(struct naming *naming, struct model_service *service)
{
    static const char *const suffixes[] = {"", "_register", "_description", NULL};
    struct name_set members = {.arena = naming->arena};
    const char *base = service_base(naming->arena, service);

    if (name_set_has(&naming->clashes, base) && *service->file->package != '\0')
        base = arena_printf(naming->arena, "%s_%s",
                            name_identifier(naming->arena, service->file->package), base);
    service->c_name = take(naming, arena_printf(naming->arena, "%s_service", base), suffixes);
    service->client_name = take(naming, arena_printf(naming->arena, "%s_client", base), no_suffix);
    for (size_t i = 0; i < service->method_count; i++)
        name_method(naming, service, &members, &service->methods[i]);
}

static void name_types(struct naming *naming, struct model_file *file)
{
    for (size_t i = 0; i < file->message_count; i++)
        name_message(naming, &file->messages[i]);
    for (size_t i = 0; i < file->enum_count; i++)
        name_enum(naming, &file->enums[i]);
}

static void name_contents(struct naming *naming, struct model_file *file)
{
    for (size_t i = 0; i < file->message_count; i++) {
        struct model_message *message = &file->messages[i];
        name_members(naming, message);
        for (size_t j = 0; j < message->oneof_count; j++)
            name_oneof(naming, message, &message->oneofs[j]);
    }
    for (size_t i = 0; i < file->service_count; i++)
        name_service(naming, &file->services[i]);
}

void naming_choose(struct model *model)
{
    struct naming naming = {
        .model = model,
        .arena = model->arena,
        .first = {.arena = model->arena},
        .clashes = {.arena = model->arena},
        .taken = {.arena = model->arena},
    };

    for (size_t i = 0; i < model->file_count; i++)
        if (model->files[i].is_proto3)
            count_names(&naming, &model->files[i]);
    for (size_t i = 0; i < model->file_count; i++)
        if (model->files[i].is_proto3)
            name_types(&naming, &model->files[i]);
    for (size_t i = 0; i < model->file_count; i++)
        if (model->files[i].is_proto3)
            name_contents(&naming, &model->files[i]);
}
