#include "gen/generate.h"

#include <string.h>

#include "gen/check.h"
#include "gen/emit.h"
#include "gen/emit_descriptors.h"
#include "gen/emit_docs.h"
#include "gen/emit_scopes.h"
#include "gen/model.h"
#include "gen/names.h"
#include "gen/nesting.h"
#include "gen/output.h"

typedef Google__Protobuf__Compiler__CodeGeneratorRequest Request;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse Response;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File ResponseFile;

/* Files an input becomes at most. */
#define OUTPUTS_PER_FILE 6

static void freep_request(Request **request)
{
    if (*request != NULL)
        google__protobuf__compiler__code_generator_request__free_unpacked(*request, NULL);
}

static struct output output_open(const struct model *model, const struct model_file *file,
                                 const char *suffix)
{
    return (struct output){
        .arena = model->arena,
        .path = arena_printf(model->arena, "%s%s", file->stem, suffix),
    };
}

/* Moves the text into the response. */
static void output_close(struct output *out, Response *response)
{
    ResponseFile *file = arena_alloc(out->arena, sizeof(*file));

    google__protobuf__compiler__code_generator_response__file__init(file);
    file->name = (char *)out->path;
    file->content =
        arena_strndup(out->arena, (const char *)buffer_data(&out->text), out->text.length);
    buffer_free(&out->text);
    response->file[response->n_file++] = file;
}

static void write_services(const struct model *model, const struct model_file *file,
                           Response *response)
{
    static const struct {
        const char *suffix;
        void (*write)(struct output *out, const struct model_file *file);
    } parts[] = {
        {"_service.h", emit_service_header},
        {"_service.c", emit_service_source},
        {"_client.h", emit_client_header},
        {"_client.c", emit_client_source},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct output out = output_open(model, file, parts[i].suffix);
        parts[i].write(&out, file);
        output_close(&out, response);
    }
}

static void write_file(struct model *model, const struct model_file *file, Response *response)
{
    struct output header = output_open(model, file, ".h");
    struct output source = output_open(model, file, ".c");

    emit_messages_header(&header, file);
    emit_messages_source(&source, model, file);
    output_close(&header, response);
    output_close(&source, response);
    if (file->service_count > 0)
        write_services(model, file, response);
}

static void write_files(struct model *model, Response *response)
{
    response->file = arena_alloc_array(model->arena, model->file_count * OUTPUTS_PER_FILE,
                                       sizeof(ResponseFile *));
    for (size_t i = 0; i < model->file_count; i++)
        if (model->files[i].wanted)
            write_file(model, &model->files[i], response);
}

static void write_page(struct model *model, const char *package, Response *response)
{
    struct output out = {.arena = model->arena,
                         .path = arena_printf(model->arena, "%s.md", package)};

    emit_docs_page(&out, model, package);
    output_close(&out, response);
}

static void write_docs(struct model *model, Response *response)
{
    struct output index = {.arena = model->arena, .path = "README.md"};
    struct name_set written = {.arena = model->arena};

    response->file = arena_alloc_array(model->arena, model->file_count + 1, sizeof(ResponseFile *));
    for (size_t i = 0; i < model->file_count; i++) {
        const char *package = model->files[i].package;
        if (package_has_page(model, package) && name_set_add(&written, package))
            write_page(model, package, response);
    }
    emit_docs_index(&index, model);
    output_close(&index, response);
}

static void write_openapi(struct model *model, const struct openapi_info *info, Response *response)
{
    struct output out = {.arena = model->arena, .path = "openapi.json"};

    response->file = arena_alloc_array(model->arena, 1, sizeof(ResponseFile *));
    emit_openapi(&out, model, info);
    output_close(&out, response);
}

static void write_scopes(struct model *model, Response *response)
{
    struct output out = {.arena = model->arena, .path = "scopes.c"};

    response->file = arena_alloc_array(model->arena, 1, sizeof(ResponseFile *));
    emit_scopes(&out, model);
    output_close(&out, response);
}

static void write_descriptors(struct model *model, const Request *request, Response *response)
{
    struct output out = {.arena = model->arena, .path = "descriptors.c"};

    response->file = arena_alloc_array(model->arena, 1, sizeof(ResponseFile *));
    emit_descriptors(&out, request);
    output_close(&out, response);
}

struct parameters {
    const char *only; /* NULL: every file protoc asks for */
    const char *emit; /* "c", "descriptors", "docs", "openapi", "scopes" */
    struct openapi_info info;
};

static void read_parameter(struct model *model, char *text, struct parameters *ret)
{
    const struct {
        const char *name;
        const char **value;
    } known[] = {{"only=", &ret->only},
                 {"emit=", &ret->emit},
                 {"title=", &ret->info.title},
                 {"version=", &ret->info.version}};
    struct location nowhere = {0};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strncmp(text, known[i].name, strlen(known[i].name)) == 0) {
            *known[i].value = text + strlen(known[i].name);
            return;
        }
    model_fail(model, nowhere,
               "unknown parameter '%s': there are only=<path>, "
               "emit=c|descriptors|docs|openapi|scopes, title=<text> and version=<text>",
               text);
}

/* "name=value,name=value". */
static struct parameters read_parameters(struct model *model, const Request *request)
{
    struct parameters parameters = {.emit = "c", .info = {.title = "API", .version = "0"}};
    char *rest = arena_strdup(model->arena, request->parameter ? request->parameter : "");
    struct location nowhere = {0};
    char *text;

    while ((text = strsep(&rest, ",")) != NULL)
        if (*text != '\0')
            read_parameter(model, text, &parameters);
    if (strcmp(parameters.emit, "c") != 0 && strcmp(parameters.emit, "descriptors") != 0 &&
        strcmp(parameters.emit, "docs") != 0 && strcmp(parameters.emit, "openapi") != 0 &&
        strcmp(parameters.emit, "scopes") != 0)
        model_fail(model, nowhere, "emit=%s: it can be c, descriptors, docs, openapi or scopes",
                   parameters.emit);
    return parameters;
}

static void write_outputs(struct model *model, const Request *request,
                          const struct parameters *parameters, Response *response)
{
    if (strcmp(parameters->emit, "descriptors") == 0)
        write_descriptors(model, request, response);
    else if (strcmp(parameters->emit, "docs") == 0)
        write_docs(model, response);
    else if (strcmp(parameters->emit, "openapi") == 0)
        write_openapi(model, &parameters->info, response);
    else if (strcmp(parameters->emit, "scopes") == 0)
        write_scopes(model, response);
    else
        write_files(model, response);
}

static void respond(struct model *model, const Request *request, Response *response)
{
    struct parameters parameters = read_parameters(model, request);

    response->has_supported_features = true;
    response->supported_features =
        GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    if (model_read(model, request, parameters.only))
        write_outputs(model, request, &parameters, response);
    if (model->errors.length > 0) {
        response->n_file = 0;
        response->error = arena_strndup(model->arena, (const char *)buffer_data(&model->errors),
                                        model->errors.length);
    }
}

static void freep_buffer(struct buffer *buffer)
{
    buffer_free(buffer);
}

enum status generate(const void *data, size_t length, struct buffer *out)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(freep_request) Request *request = NULL;
    struct model model = {.arena = arena};
    CLEANUP(freep_buffer) struct buffer errors = {0};
    Response response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    size_t size;

    if (!nesting_is_bounded(&google__protobuf__compiler__code_generator_request__descriptor, data,
                            length))
        return STATUS_INVALID_ARGUMENT;
    request = google__protobuf__compiler__code_generator_request__unpack(NULL, length, data);
    if (request == NULL || !request_is_whole(request))
        return STATUS_INVALID_ARGUMENT;
    respond(&model, request, &response);
    errors = model.errors; // NOLINT(clang-analyzer-deadcode.DeadStores): CLEANUP reads it
    size = protobuf_c_message_get_packed_size(&response.base);
    protobuf_c_message_pack(&response.base, buffer_reserve(out, size));
    buffer_commit(out, size);
    return STATUS_OK;
}
