#include "gen/generate.h"

#include <string.h>

#include "gen/check.h"
#include "gen/emit.h"
#include "gen/model.h"
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

/* The path of "only=path"; NULL without it. */
static const char *read_parameter(struct model *model, const Request *request)
{
    struct location nowhere = {0};

    if (request->parameter == NULL || *request->parameter == '\0')
        return NULL;
    if (strncmp(request->parameter, "only=", 5) == 0)
        return request->parameter + 5;
    model_fail(model, nowhere, "unknown parameter '%s': there is only only=<path>",
               request->parameter);
    return NULL;
}

static void respond(struct model *model, const Request *request, Response *response)
{
    const char *only = read_parameter(model, request);

    response->has_supported_features = true;
    response->supported_features =
        GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__FEATURE__FEATURE_PROTO3_OPTIONAL;
    if (model_read(model, request, only))
        write_files(model, response);
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
    CLEANUP(freep_request)
    Request *request =
        google__protobuf__compiler__code_generator_request__unpack(NULL, length, data);
    struct model model = {.arena = arena};
    CLEANUP(freep_buffer) struct buffer errors = {0};
    Response response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    size_t size;

    if (request == NULL || !request_is_whole(request))
        return STATUS_INVALID_ARGUMENT;
    respond(&model, request, &response);
    errors = model.errors;
    size = protobuf_c_message_get_packed_size(&response.base);
    protobuf_c_message_pack(&response.base, buffer_reserve(out, size));
    buffer_commit(out, size);
    return STATUS_OK;
}
