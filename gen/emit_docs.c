#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gen/describe.h"
#include "gen/emit_docs.h"
#include "gen/json_output.h"
#include "gen/sample.h"

#define PRINT(out, ...) arena_printf((out)->arena, __VA_ARGS__)

/* --- text --- */

/* The text without what starts a tag and, in a table, what ends a cell. */
static const char *escaped(struct output *out, const char *text, bool in_table)
{
    struct buffer result = {0};
    bool in_code = false;
    const char *copy;

    for (; *text != '\0'; text++) {
        in_code ^= *text == '`';
        if (*text == '|' && in_table)
            buffer_append_string(&result, "\\|");
        else if (*text == '<' && !in_code && !(in_table && strncmp(text, "<br>", 4) == 0))
            buffer_append_string(&result, "&lt;");
        else
            buffer_append_char(&result, *text);
    }
    copy = arena_strndup(out->arena, result.length ? (const char *)buffer_data(&result) : "",
                         result.length);
    buffer_free(&result);
    return copy;
}

/* For a table's cell: in one line. */
static const char *cell(struct output *out, const char *text)
{
    return escaped(out, text_in_one_line(out->arena, text, "<br>"), true);
}

static void emit_paragraphs(struct output *out, const char *text)
{
    if (text != NULL)
        emit(out, "%s\n\n", escaped(out, text, false));
}

/* The address of a heading, as GitHub makes it. */
static const char *anchor(struct output *out, const char *heading)
{
    char *name = arena_strdup(out->arena, heading), *end = name;

    for (const char *at = heading; *at != '\0'; at++)
        if (isalnum((unsigned char)*at) || *at == '-' || *at == '_')
            *end++ = (char)tolower((unsigned char)*at);
        else if (*at == ' ')
            *end++ = '-';
    *end = '\0';
    return name;
}

/* A type's name without the page's own package. */
static const char *short_name(const char *full_name, const char *package)
{
    size_t length = strlen(package);

    if (length > 0 && strncmp(full_name, package, length) == 0 && full_name[length] == '.')
        return full_name + length + 1;
    return full_name;
}

/* --- fields --- */

static const char *one_type(struct output *out, const char *package,
                            const struct model_field *field)
{
    const char *name;

    if (field->message != NULL && message_is_wellknown(field->message))
        return PRINT(out, "[%s](README.md#types-of-protobuf-itself)", field->message->name);
    if (field->message == NULL && field->enumeration == NULL)
        return field_type_name(field->type);
    name = short_name(field->message ? field->message->full_name : field->enumeration->full_name,
                      package);
    return PRINT(out, "[%s](#%s)", name, anchor(out, name));
}

static const char *type_words(struct output *out, const char *package,
                              const struct model_field *field)
{
    if (field_is_map(field))
        return PRINT(out, "map of %s to %s", one_type(out, package, &field->message->fields[0]),
                     one_type(out, package, &field->message->fields[1]));
    if (field->repeated)
        return PRINT(out, "list of %s", one_type(out, package, field));
    return PRINT(out, "%s%s", field->is_optional ? "optional " : "", one_type(out, package, field));
}

static const char *rules_words(struct model *model, const struct model_field *field)
{
    const char *words = describe_rules(model, field);
    const char *choice = describe_choice(model->arena, field);

    if (choice == NULL)
        return words != NULL ? words : "";
    return words != NULL ? arena_printf(model->arena, "%s; %s", choice, words) : choice;
}

static void emit_fields(struct output *out, struct model *model, const char *package,
                        const struct model_message *message)
{
    if (message->field_count == 0) {
        emit(out, "It has no fields.\n\n");
        return;
    }
    emit(out, "| field | in JSON | type | must be | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < message->field_count; i++) {
        const struct model_field *field = &message->fields[i];
        emit(out, "| `%s` | `%s` | %s | %s | %s |\n", field->name, field->json_name,
             type_words(out, package, field), cell(out, rules_words(model, field)),
             cell(out, field->comment));
    }
    emit(out, "\n");
}

static void emit_message(struct output *out, struct model *model, const char *package,
                         const struct model_message *message)
{
    emit(out, "### %s\n\n", short_name(message->full_name, package));
    emit_paragraphs(out, message->comment);
    emit_fields(out, model, package, message);
}

static void emit_enum(struct output *out, const char *package, const struct model_enum *enumeration)
{
    emit(out, "### %s\n\n", short_name(enumeration->full_name, package));
    emit_paragraphs(out, enumeration->comment);
    emit(out, "| value | number | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < enumeration->value_count; i++)
        emit(out, "| `%s` | %d | %s |\n", enumeration->values[i].name,
             enumeration->values[i].number, cell(out, enumeration->values[i].comment));
    emit(out, "\n");
}

/* --- a method: facts --- */

static void emit_fact(struct output *out, const char *name, const char *text)
{
    if (text != NULL)
        emit(out, "| %s | %s |\n", name, cell(out, text));
}

static const char *errors_words(struct output *out, const struct model *model,
                                const struct model_method *method)
{
    const char *words = "";

    for (size_t i = 0; i < method->rules->n_errors; i++)
        words = PRINT(out, "%s`%s`: %s<br>", words, error_name(method, i),
                      text_in_one_line(out->arena, error_comment(model, method, i), " "));
    return PRINT(out, "%sthose of [every call](README.md#errors)", words);
}

static const char *effects_words(const struct model_method *method)
{
    if (method->no_side_effects)
        return "none: it may be repeated, and called with GET";
    if (method_streams(method))
        return NULL;
    if (method->idempotent)
        return "yes, once: repeating the call changes nothing more";
    if (method->rules->secret)
        return "yes: its answer is never stored, so that a repeated call is a new one";
    return "yes: with the same `idempotency_key`, a repeated call gets the first answer for 24 "
           "hours";
}

static const char *keys_words(struct output *out, const struct model_method *method)
{
    if (method_is_public(method))
        return NULL;
    return method->rules->scope[0] != '\0' ? PRINT(out, "with scope `%s`", method->rules->scope)
                                           : "none may call";
}

static void emit_facts(struct output *out, const struct model *model,
                       const struct model_service *service, const struct model_method *method)
{
    emit(out, "| | |\n|---|---|\n");
    emit_fact(out, "path", PRINT(out, "`/%s/%s`", service->full_name, method->name));
    emit_fact(out, "shape", describe_shape(method));
    emit_fact(out, "who may call", describe_access(model, method));
    emit_fact(out, "API keys", keys_words(out, method));
    emit_fact(out, "step-up",
              method->rules->step_up ? "the session must have proved lately who it is" : NULL);
    emit_fact(out, "limit", describe_rate(out->arena, method));
    emit_fact(out, "time", describe_time(out->arena, method));
    emit_fact(out, "request size", describe_size(out->arena, method));
    emit_fact(out, "side effects", effects_words(method));
    emit_fact(out, "audit", method->rules->audit ? "each call is written to the audit log" : NULL);
    emit_fact(out, "errors", errors_words(out, model, method));
    emit(out, "\n");
}

/* --- a method: three ways to call it --- */

static const char *shell_quoted(struct output *out, const char *text)
{
    struct buffer quoted = {0};
    const char *result;

    buffer_append_char(&quoted, '\'');
    for (; *text != '\0'; text++)
        if (*text == '\'')
            buffer_append_string(&quoted, "'\\''");
        else
            buffer_append_char(&quoted, *text);
    buffer_append_char(&quoted, '\'');
    result = arena_strndup(out->arena, (const char *)buffer_data(&quoted), quoted.length);
    buffer_free(&quoted);
    return result;
}

/* A format of printf(1) that gives a Connect envelope: flags, four bytes of length, JSON. */
static const char *envelope_format(struct output *out, const char *text)
{
    size_t length = strlen(text);
    struct buffer format = {0};
    const char *result;

    buffer_printf(&format, "\\000\\000\\%03zo\\%03zo\\%03zo", length >> 16 & 255, length >> 8 & 255,
                  length & 255);
    for (; *text != '\0'; text++)
        if (*text == '%' || *text == '\\')
            buffer_printf(&format, "%c%c", *text, *text);
        else
            buffer_append_char(&format, *text);
    result = arena_strndup(out->arena, (const char *)buffer_data(&format), format.length);
    buffer_free(&format);
    return shell_quoted(out, result);
}

static void emit_curl(struct output *out, struct model *model, const struct model_service *service,
                      const struct model_method *method)
{
    const char *sample = sample_message(model, method->request, SAMPLE_JSON);
    const char *bearer =
        method_is_public(method) ? "" : " \\\n    -H \"authorization: Bearer $token\"";

    emit(out, "Connect, with curl:\n\n```sh\n");
    if (method_streams(method))
        emit(out,
             "printf %s |\n    curl -sN $api/%s/%s%s \\\n"
             "    -H 'content-type: application/connect+json' --data-binary @-\n",
             envelope_format(out, sample), service->full_name, method->name, bearer);
    else
        emit(out, "curl -s $api/%s/%s%s \\\n    -H 'content-type: application/json' -d %s\n",
             service->full_name, method->name, bearer, shell_quoted(out, sample));
    emit(out, "```\n\n");
}

static const char *dotted(struct output *out, const char *path)
{
    char *name = arena_strdup(out->arena, path);

    for (char *at = name; *at != '\0'; at++)
        if (*at == '/')
            *at = '.';
    return name;
}

/* The module of protoc's Python code for a file: package and last part. */
static void python_module(struct output *out, const struct model_file *file,
                          const char **ret_package, const char **ret_module)
{
    const char *slash = strrchr(file->stem, '/');

    *ret_module = slash != NULL ? slash + 1 : file->stem;
    *ret_package =
        slash != NULL
            ? dotted(out, arena_strndup(out->arena, file->stem, (size_t)(slash - file->stem)))
            : NULL;
}

static void emit_python(struct output *out, struct model *model,
                        const struct model_service *service, const struct model_method *method)
{
    const char *request_package, *request_module, *package, *module;
    const char *metadata = method_is_public(method) ? "" : ", metadata=metadata";
    const char *request;

    python_module(out, service->file, &package, &module);
    python_module(out, method->request->file, &request_package, &request_module);
    request = PRINT(out, "%s_pb2.%s(%s)", request_module,
                    short_name(method->request->full_name, method->request->file->package),
                    sample_message(model, method->request, SAMPLE_PYTHON));
    emit(out, "gRPC, with Python:\n\n```python\n");
    emit(out, "%s%s%simport %s_pb2_grpc\n", package ? "from " : "", package ? package : "",
         package ? " " : "", module);
    emit(out, "%s%s%simport %s_pb2\n\n", request_package ? "from " : "",
         request_package ? request_package : "", request_package ? " " : "", request_module);
    if (method->request_streams)
        request = PRINT(out, "iter([%s])", request);
    emit(out, "%s%s_pb2_grpc.%sStub(channel).%s(\n    %s%s)%s\n",
         method->response_streams ? "for answer in " : "answer = ", module, service->name,
         method->name, request, metadata, method->response_streams ? ":\n    print(answer)" : "");
    emit(out, "```\n\n");
}

static const char *lower_first(struct output *out, const char *name)
{
    char *lower = arena_strdup(out->arena, name);

    *lower = (char)tolower((unsigned char)*lower);
    return lower;
}

static void emit_typescript(struct output *out, struct model *model,
                            const struct model_service *service, const struct model_method *method)
{
    const char *request = sample_message(model, method->request, SAMPLE_TYPESCRIPT);
    const char *options = method_is_public(method) ? "" : ", { headers }";
    const char *call = PRINT(out, "createClient(%s, transport).%s(\n  %s%s)", service->name,
                             lower_first(out, method->name), request, options);

    emit(out, "gRPC-Web, with TypeScript:\n\n");
    if (method->request_streams) {
        emit(out, "Browsers cannot stream requests. connect-node can, with "
                  "`createGrpcTransport` and an\nasync iterable of requests.\n\n");
        return;
    }
    emit(out, "```ts\nimport { %s } from \"./gen/%s_pb.js\";\n\n", service->name,
         service->file->stem);
    if (method->response_streams)
        emit(out, "for await (const answer of %s) console.log(answer);\n", call);
    else
        emit(out, "const answer = await %s;\n", call);
    emit(out, "```\n\n");
}

/* --- a method: the whole --- */

static void emit_side(struct output *out, struct model *model, const char *package,
                      const char *title, const struct model_message *message)
{
    emit(out, "**%s** `%s`", title, short_name(message->full_name, package));
    if (message->comment != NULL)
        emit(out, ": %s", escaped(out, text_in_one_line(out->arena, message->comment, " "), false));
    emit(out, "\n\n");
    emit_fields(out, model, package, message);
}

static void emit_method(struct output *out, struct model *model,
                        const struct model_service *service, const struct model_method *method)
{
    const char *package = service->file->package;

    emit(out, "### %s.%s\n\n", service->name, method->name);
    emit_paragraphs(out, method->comment);
    emit_facts(out, model, service, method);
    emit_side(out, model, package, method->request_streams ? "Each request" : "Request",
              method->request);
    emit_side(out, model, package, method->response_streams ? "Each response" : "Response",
              method->response);
    emit_curl(out, model, service, method);
    emit_python(out, model, service, method);
    emit_typescript(out, model, service, method);
}

static void emit_service(struct output *out, struct model *model,
                         const struct model_service *service)
{
    emit(out, "## %s\n\n", service->name);
    emit_paragraphs(out, service->comment);
    for (size_t i = 0; i < service->method_count; i++)
        emit_method(out, model, service, &service->methods[i]);
}

/* --- the types of a page --- */

static void add_fields_types(struct model *model, struct type_set *set,
                             const struct model_message *message)
{
    struct type_set all = {0};
    bool used;

    type_set_add(model, &all, message);
    for (size_t i = 0; i < all.message_count; i++) {
        used = false;
        for (size_t j = 0; j < all.message_count; j++)
            for (size_t k = 0; k < all.messages[j]->field_count; k++) {
                const struct model_field *field = &all.messages[j]->fields[k];
                if (field_is_map(field))
                    field = &field->message->fields[1];
                used |= field->message == all.messages[i];
            }
        if (used && !message_is_wellknown(all.messages[i]))
            type_set_add(model, set, all.messages[i]);
    }
    if (set->messages == NULL) { /* makes room */
        type_set_add(model, set, message);
        set->message_count = set->enum_count = 0;
    }
    for (size_t i = 0; i < all.enum_count; i++)
        if (!type_set_has_enum(set, all.enums[i]))
            set->enums[set->enum_count++] = all.enums[i];
}

static int by_message_name(const void *left, const void *right)
{
    return strcmp((*(const struct model_message *const *)left)->full_name,
                  (*(const struct model_message *const *)right)->full_name);
}

static int by_enum_name(const void *left, const void *right)
{
    return strcmp((*(const struct model_enum *const *)left)->full_name,
                  (*(const struct model_enum *const *)right)->full_name);
}

static void emit_types(struct output *out, struct model *model, const char *package,
                       struct type_set *set)
{
    if (set->message_count + set->enum_count == 0)
        return;
    qsort(set->messages, set->message_count, sizeof(*set->messages), by_message_name);
    qsort(set->enums, set->enum_count, sizeof(*set->enums), by_enum_name);
    emit(out, "## Types\n\n");
    for (size_t i = 0; i < set->message_count; i++)
        if (!message_is_wellknown(set->messages[i]))
            emit_message(out, model, package, set->messages[i]);
    for (size_t i = 0; i < set->enum_count; i++)
        emit_enum(out, package, set->enums[i]);
}

/* --- pages --- */

static bool is_of_page(const struct model_file *file, const char *package)
{
    return file->wanted && file->service_count > 0 && strcmp(file->package, package) == 0;
}

bool package_has_page(const struct model *model, const char *package)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (is_of_page(&model->files[i], package))
            return true;
    return false;
}

static void emit_contents(struct output *out, const struct model_file *file)
{
    for (size_t i = 0; i < file->service_count; i++) {
        const struct model_service *service = &file->services[i];
        emit(out, "- [%s](#%s):", service->name, anchor(out, service->name));
        for (size_t j = 0; j < service->method_count; j++) {
            const char *heading = PRINT(out, "%s.%s", service->name, service->methods[j].name);
            emit(out, "%s [%s](#%s)", j > 0 ? "," : "", service->methods[j].name,
                 anchor(out, heading));
        }
        emit(out, "\n");
    }
}

static void emit_page_head(struct output *out, const struct model *model, const char *package)
{
    emit(out, "# %s\n\n", package);
    for (size_t i = 0; i < model->file_count; i++)
        if (is_of_page(&model->files[i], package))
            emit_paragraphs(out, model->files[i].comment);
    emit(out, "What is the same for every call is in [README.md](README.md).\n\n");
    for (size_t i = 0; i < model->file_count; i++)
        if (is_of_page(&model->files[i], package))
            emit_contents(out, &model->files[i]);
    emit(out, "\n");
}

void emit_docs_page(struct output *out, struct model *model, const char *package)
{
    struct type_set types = {0};

    emit(out, "<!-- Generated from the schema. Do not edit. -->\n\n");
    emit_page_head(out, model, package);
    for (size_t i = 0; i < model->file_count; i++) {
        const struct model_file *file = &model->files[i];
        for (size_t j = 0; is_of_page(file, package) && j < file->service_count; j++) {
            emit_service(out, model, &file->services[j]);
            for (size_t k = 0; k < file->services[j].method_count; k++) {
                add_fields_types(model, &types, file->services[j].methods[k].request);
                add_fields_types(model, &types, file->services[j].methods[k].response);
            }
        }
    }
    emit_types(out, model, package, &types);
    out->text.length--; /* the empty line at the end */
}

/* --- index --- */

static const char index_calls[] =
    "## Three ways to call\n\n"
    "Every method has one path and three protocols, which the content type tells apart. All\n"
    "three work over HTTP/1.1 and HTTP/2, in cleartext and TLS (gRPC needs HTTP/2).\n\n"
    "- **Connect** is plain HTTP: POST the request as JSON (`application/json`) or protobuf\n"
    "  (`application/proto`) and get the response with status 200. Methods without side effects "
    "answer\n"
    "  GET as well: `?connect=v1&encoding=json&message=...`. Streams\n"
    "  (`application/connect+json`) have envelopes: a byte of flags, four of length (big endian), "
    "the\n"
    "  message; the last one has flag 2 and tells how the call ended.\n"
    "- **gRPC** (`application/grpc`), from the stock library of any language.\n"
    "- **gRPC-Web** (`application/grpc-web`), from browsers.\n\n"
    "The examples of the pages take these names for granted:\n\n"
    "```sh\n"
    "api=http://localhost:8080\n"
    "token=...   # an access token, for methods that are not for anyone\n"
    "```\n\n"
    "```python\n"
    "channel = grpc.insecure_channel(\"localhost:8080\")\n"
    "metadata = [(\"authorization\", f\"Bearer {token}\")]\n"
    "```\n\n"
    "```ts\n"
    "const transport = createGrpcWebTransport({ baseUrl: \"http://localhost:8080\" });\n"
    "const headers = { authorization: `Bearer ${token}` };\n"
    "```\n\n"
    "A deadline goes along as `connect-timeout-ms` or `grpc-timeout`; what is not done by then "
    "ends with\n`DEADLINE_EXCEEDED`, here and at the server.\n\n";

static const char index_errors[] =
    "## Errors\n\n"
    "A failed call has a code, a sentence for developers and perhaps details. With Connect, it is\n"
    "`{\"code\": \"not_found\", \"message\": \"...\", \"details\": [...]}` under the HTTP status "
    "of "
    "the code. A\n"
    "method tells the codes a caller has to expect; every call can give these:\n\n"
    "| code | HTTP status | when |\n"
    "|---|---|---|\n"
    "| `INVALID_ARGUMENT` | 400 | The request cannot be read or breaks a rule; the detail "
    "`google.rpc.BadRequest` names each field and its rule. |\n"
    "| `UNAUTHENTICATED` | 401 | There is no valid access token. |\n"
    "| `PERMISSION_DENIED` | 403 | The caller may not do this. |\n"
    "| `RESOURCE_EXHAUSTED` | 429 | A limit on calls or sizes; `retry-after` tells when to come "
    "back. |\n"
    "| `DEADLINE_EXCEEDED` | 504 | Time was up. What was asked may have been done. |\n"
    "| `UNAVAILABLE` | 503 | Try again, after a while and a different one each time. |\n"
    "| `INTERNAL` | 500 | A fault of the server's. |\n\n"
    "The others: `NOT_FOUND` 404, `ALREADY_EXISTS` and `ABORTED` 409, `FAILED_PRECONDITION` and\n"
    "`OUT_OF_RANGE` 400, `UNIMPLEMENTED` 501, `CANCELLED` 499.\n\n";

static const char index_json[] =
    "## JSON\n\n"
    "The JSON form of protobuf. Field names are in lowerCamelCase; the schema's own spelling is "
    "taken too.\n"
    "64-bit integers are strings, and numbers are taken too; enums are names, and numbers are "
    "taken\n"
    "too; bytes are base64. A field that has its type's zero value is left out of answers. "
    "Unknown\nfields of requests are passed over.\n\n"
    "### Types of protobuf itself\n\n"
    "| type | in JSON |\n"
    "|---|---|\n"
    "| Timestamp | `\"2026-01-01T00:00:00Z\"`, in UTC, with up to nine decimals |\n"
    "| Duration | `\"1.5s\"` |\n"
    "| FieldMask | `\"userName,email\"` |\n"
    "| Struct, ListValue, Value | any object, list, value |\n"
    "| Any | the message's JSON with `\"@type\"`, its type's address |\n"
    "| StringValue, Int32Value and the like | the value itself, or `null` |\n"
    "| Empty | `{}` |\n";

/* The first file of each package stands for it. */
static bool is_first_of_page(const struct model *model, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (is_of_page(&model->files[i], model->files[index].package))
            return false;
    return is_of_page(&model->files[index], model->files[index].package);
}

void emit_docs_index(struct output *out, struct model *model)
{
    emit(out, "<!-- Generated from the schema. Do not edit. -->\n\n# API reference\n\n");
    emit(out, "| package | what it is |\n|---|---|\n");
    for (size_t i = 0; i < model->file_count; i++)
        if (is_first_of_page(model, i))
            emit(out, "| [%s](%s.md) | %s |\n", model->files[i].package, model->files[i].package,
                 cell(out, text_summary(out->arena, model->files[i].comment)));
    emit(out, "\n%s%s%s", index_calls, index_errors, index_json);
}
