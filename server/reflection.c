#include "server/reflection.h"

#include <stdbool.h>
#include <string.h>

#include "grpc/reflection/v1/reflection_service.h"
#include "server/server.h"

/* Handlers have no room of their own: the server whose services are listed. Set before the
 * loops start. */
static const struct rpc_server *listed;

/* --- finding files --- */

static const struct reflection_file *find_file(const char *name)
{
    for (size_t i = 0; i < reflection_file_count; i++)
        if (strcmp(reflection_files[i].name, name) == 0)
            return &reflection_files[i];
    return NULL;
}

static bool declares(const struct reflection_file *file, const char *symbol)
{
    for (const char *const *known = file->symbols; *known != NULL; known++)
        if (strcmp(*known, symbol) == 0)
            return true;
    return false;
}

static const struct reflection_file *find_symbol(const char *symbol)
{
    for (size_t i = 0; i < reflection_file_count; i++)
        if (declares(&reflection_files[i], symbol))
            return &reflection_files[i];
    return NULL;
}

static const struct reflection_file *find_extension(const char *extendee, int32_t number)
{
    for (size_t i = 0; i < reflection_file_count; i++) {
        const struct reflection_extension *extension = reflection_files[i].extensions;
        for (; extension->extendee != NULL; extension++)
            if (extension->number == number && strcmp(extension->extendee, extendee) == 0)
                return &reflection_files[i];
    }
    return NULL;
}

/* --- answers --- */

static void answer_error(struct arena *arena, ServerReflectionResponse *res, enum status status,
                         const char *message)
{
    res->message_response_case = SERVER_REFLECTION_RESPONSE_MESSAGE_RESPONSE_ERROR_RESPONSE;
    res->error_response = ErrorResponse_new(arena);
    res->error_response->error_code = (int32_t)status;
    res->error_response->error_message = (char *)message;
}

/* The file and all it needs, each once, so that one question is enough. */
static void add_file(FileDescriptorResponse *files, bool *added, const struct reflection_file *file)
{
    size_t index = (size_t)(file - reflection_files);

    if (added[index])
        return;
    added[index] = true;
    files->file_descriptor_proto[files->n_file_descriptor_proto++] =
        (ProtobufCBinaryData){file->length, (uint8_t *)file->encoded};
    for (const char *const *name = file->dependencies; *name != NULL; name++) {
        const struct reflection_file *needed = find_file(*name);
        if (needed != NULL)
            add_file(files, added, needed);
    }
}

static void answer_file(struct arena *arena, ServerReflectionResponse *res,
                        const struct reflection_file *file)
{
    FileDescriptorResponse *files;

    if (file == NULL) {
        answer_error(arena, res, STATUS_NOT_FOUND, "this server has no such file or symbol");
        return;
    }
    files = FileDescriptorResponse_new(arena);
    files->file_descriptor_proto =
        arena_alloc_array(arena, reflection_file_count, sizeof(*files->file_descriptor_proto));
    add_file(files, arena_alloc_array(arena, reflection_file_count, sizeof(bool)), file);
    res->message_response_case =
        SERVER_REFLECTION_RESPONSE_MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    res->file_descriptor_response = files;
}

static size_t count_extensions(void)
{
    size_t count = 0;

    for (size_t i = 0; i < reflection_file_count; i++)
        for (const struct reflection_extension *at = reflection_files[i].extensions; at->extendee;
             at++)
            count++;
    return count;
}

static void answer_extensions(struct arena *arena, ServerReflectionResponse *res,
                              const char *extendee)
{
    ExtensionNumberResponse *numbers = ExtensionNumberResponse_new(arena);

    numbers->base_type_name = (char *)extendee;
    numbers->extension_number =
        arena_alloc_array(arena, count_extensions(), sizeof(*numbers->extension_number));
    for (size_t i = 0; i < reflection_file_count; i++)
        for (const struct reflection_extension *at = reflection_files[i].extensions; at->extendee;
             at++)
            if (strcmp(at->extendee, extendee) == 0)
                numbers->extension_number[numbers->n_extension_number++] = at->number;
    if (find_symbol(extendee) == NULL) {
        answer_error(arena, res, STATUS_NOT_FOUND, "this server has no such type");
        return;
    }
    res->message_response_case =
        SERVER_REFLECTION_RESPONSE_MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    res->all_extension_numbers_response = numbers;
}

/* v1alpha is left out: it has no schema of its own here, so that nobody could look into it. */
static void answer_services(struct arena *arena, ServerReflectionResponse *res)
{
    size_t count = rpc_server_service_count(listed);
    ListServiceResponse *list = ListServiceResponse_new(arena);

    list->service = arena_alloc_array(arena, count, sizeof(*list->service));
    for (size_t i = 0; i < count; i++) {
        const char *name = rpc_server_service(listed, i)->full_name;
        if (find_symbol(name) == NULL)
            continue;
        list->service[list->n_service] = ServiceResponse_new(arena);
        list->service[list->n_service++]->name = (char *)name;
    }
    res->message_response_case = SERVER_REFLECTION_RESPONSE_MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    res->list_services_response = list;
}

static void answer(struct arena *arena, const ServerReflectionRequest *req,
                   ServerReflectionResponse *res)
{
    res->valid_host = req->host;
    res->original_request = (ServerReflectionRequest *)req;
    switch (req->message_request_case) {
    case SERVER_REFLECTION_REQUEST_MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(arena, res, find_file(req->file_by_filename));
        return;
    case SERVER_REFLECTION_REQUEST_MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(arena, res, find_symbol(req->file_containing_symbol));
        return;
    case SERVER_REFLECTION_REQUEST_MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        answer_file(arena, res,
                    find_extension(req->file_containing_extension->containing_type,
                                   req->file_containing_extension->extension_number));
        return;
    case SERVER_REFLECTION_REQUEST_MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_extensions(arena, res, req->all_extension_numbers_of_type);
        return;
    case SERVER_REFLECTION_REQUEST_MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(arena, res);
        return;
    case SERVER_REFLECTION_REQUEST_MESSAGE_REQUEST_NOT_SET:
        answer_error(arena, res, STATUS_INVALID_ARGUMENT, "the request asks nothing");
        return;
    }
}

static enum status server_reflection_info(struct rpc_call *call,
                                          struct server_reflection_info_stream *stream)
{
    const ServerReflectionRequest *req;
    enum status status;

    while ((status = server_reflection_info_receive(stream, &req)) == STATUS_OK) {
        ServerReflectionResponse *res = ServerReflectionResponse_new(call->arena);
        answer(call->arena, req, res);
        TRY(server_reflection_info_send(stream, res));
    }
    return status == STATUS_OUT_OF_RANGE ? STATUS_OK : status;
}

/* The older name of the same service, which many tools still ask for. */
static void serve_alpha(struct rpc_server *server, const struct server_reflection_service *handlers)
{
    static struct rpc_method method;
    static struct rpc_service service = {
        .full_name = "grpc.reflection.v1alpha.ServerReflection",
        .methods = &method,
        .method_count = 1,
    };

    method = server_reflection_service_description.methods[0];
    method.path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
    rpc_server_add_service(server, &service, handlers);
}

void reflection_serve(struct rpc_server *server)
{
    static const struct server_reflection_service handlers = {
        .server_reflection_info = server_reflection_info,
    };

    listed = server;
    server_reflection_service_register(server, &handlers);
    serve_alpha(server, &handlers);
}
