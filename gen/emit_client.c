#include <string.h>

#include "gen/emit.h"
#include "gen/names.h"

/* One function of a client: what its declaration and its definition share. */
struct stub {
    const char *name;
    const char *arguments[3];
    size_t count;
};

static struct stub stub_new(struct output *out, const struct model_service *service,
                            const struct model_method *method, const char *suffix)
{
    return (struct stub){
        .name = arena_printf(out->arena, "%s_%s%s", service->client_name, method->base, suffix),
        .arguments = {"struct rpc_client_call *call"},
        .count = 1,
    };
}

static void stub_add(struct output *out, struct stub *stub, const char *format,
                     const struct model_message *message)
{
    /* The format is one of the literals below. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    stub->arguments[stub->count++] = arena_printf(out->arena, format, message->c_name);
#pragma GCC diagnostic pop
}

static void emit_stub(struct output *out, const struct stub *stub, const char *tail)
{
    emit_call(out, arena_printf(out->arena, "enum status %s(", stub->name), stub->arguments,
              stub->count, tail);
}

/* What a declaration ends with. */
#define DECLARED ") MUST_CHECK;\n"

/* The function that starts the call; for unary calls the only one. */
static struct stub opening_stub(struct output *out, const struct model_service *service,
                                const struct model_method *method)
{
    struct stub stub = stub_new(out, service, method, "");

    if (!method->request_streams)
        stub_add(out, &stub, "const %s *req", method->request);
    if (!method->request_streams && !method->response_streams)
        stub_add(out, &stub, "%s **ret_res", method->response);
    return stub;
}

static struct stub send_stub(struct output *out, const struct model_service *service,
                             const struct model_method *method)
{
    struct stub stub = stub_new(out, service, method, "_send");

    stub_add(out, &stub, "const %s *message", method->request);
    return stub;
}

static struct stub receive_stub(struct output *out, const struct model_service *service,
                                const struct model_method *method)
{
    struct stub stub = stub_new(out, service, method, "_receive");

    stub_add(out, &stub, "%s **ret_message", method->response);
    return stub;
}

/* --- header --- */

static void emit_declarations(struct output *out, const struct model_service *service,
                              const struct model_method *method)
{
    struct stub stub = opening_stub(out, service, method);

    emit(out, "\n");
    emit_comment(out, 0, method->comment);
    emit_stub(out, &stub, DECLARED);
    if (method->request_streams) {
        stub = send_stub(out, service, method);
        emit_stub(out, &stub, DECLARED);
        stub = stub_new(out, service, method, "_close_send");
        emit_stub(out, &stub, DECLARED);
    }
    if (method->request_streams || method->response_streams) {
        stub = receive_stub(out, service, method);
        emit_stub(out, &stub, DECLARED);
    }
}

static void emit_client_service(struct output *out, const struct model_service *service)
{
    emit(out, "\n/* --- %s --- */\n", service->name);
    for (size_t i = 0; i < service->method_count; i++)
        emit_declarations(out, service, &service->methods[i]);
}

static void emit_type_includes(struct output *out, const struct model_file *file)
{
    struct name_set seen = {.arena = out->arena};

    for (size_t i = 0; i < file->service_count; i++) {
        for (size_t j = 0; j < file->services[i].method_count; j++) {
            const struct model_method *method = &file->services[i].methods[j];
            if (name_set_add(&seen, method->request->file->stem))
                emit(out, "#include \"%s.h\"\n", method->request->file->stem);
            if (name_set_add(&seen, method->response->file->stem))
                emit(out, "#include \"%s.h\"\n", method->response->file->stem);
        }
    }
}

void emit_client_header(struct output *out, const struct model_file *file)
{
    emit_head(out, file,
              "calls, one function a method.\n\n"
              "A streaming method has one to open the stream, and typed ones to send, to close\n"
              "the sending side and to receive. Receiving gives STATUS_OUT_OF_RANGE at the end\n"
              "of the stream. Everything else, and who owns what, is told in client/client.h.");
    emit_guard_open(out);
    emit(out, "#include \"client/client.h\"\n");
    emit_type_includes(out, file);
    for (size_t i = 0; i < file->service_count; i++)
        emit_client_service(out, &file->services[i]);
    emit_guard_close(out);
}

/* --- source --- */

static const char *description(struct output *out, const struct model_service *service,
                               const struct model_method *method)
{
    return arena_printf(out->arena, "%s_%s_method", service->client_name, method->base);
}

static void emit_description(struct output *out, const struct model_service *service,
                             const struct model_method *method)
{
    emit(out,
         "static const struct client_method %s = {\n"
         "    .path = \"/%s/%s\",\n"
         "    .response = &%s_type,\n",
         description(out, service, method), service->full_name, method->name,
         method->response->c_name);
    if (method->idempotent)
        emit(out, "    .idempotent = true,\n");
    emit(out, "};\n\n");
}

/* "    return client_open(call, &echo_client_chat_method" and so on. */
static void emit_runtime_call(struct output *out, const struct model_service *service,
                              const struct model_method *method, const char *head,
                              const char *const *more, size_t count, const char *tail)
{
    const char *arguments[4] = {"call",
                                arena_printf(out->arena, "&%s", description(out, service, method))};

    for (size_t i = 0; i < count; i++)
        arguments[2 + i] = more[i];
    emit_call(out, head, arguments, 2 + count, tail);
}

static void emit_unary(struct output *out, const struct model_service *service,
                       const struct model_method *method)
{
    static const char *const more[] = {"&req->base", "&response"};
    struct stub stub = opening_stub(out, service, method);

    emit_stub(out, &stub, ")\n{\n");
    emit(out, "    ProtobufCMessage *response = NULL;\n\n");
    emit_runtime_call(out, service, method, "    TRY(client_unary(", more, 2, "));\n");
    emit(out, "    *ret_res = (%s *)response;\n    return STATUS_OK;\n}\n\n",
         method->response->c_name);
}

static void emit_open(struct output *out, const struct model_service *service,
                      const struct model_method *method)
{
    static const char *const more[] = {"&req->base"};
    struct stub stub = opening_stub(out, service, method);

    emit_stub(out, &stub, ")\n{\n");
    if (method->request_streams)
        emit_runtime_call(out, service, method, "    return client_open(", NULL, 0, ");\n}\n\n");
    else
        emit_runtime_call(out, service, method, "    return client_start(", more, 1, ");\n}\n\n");
}

static void emit_send(struct output *out, const struct model_service *service,
                      const struct model_method *method)
{
    struct stub stub = send_stub(out, service, method);

    emit_stub(out, &stub, ")\n{\n");
    emit(out, "    return client_send(call, &message->base);\n}\n\n");
    stub = stub_new(out, service, method, "_close_send");
    emit_stub(out, &stub, ")\n{\n");
    emit(out, "    return client_close_send(call);\n}\n\n");
}

static void emit_receive(struct output *out, const struct model_service *service,
                         const struct model_method *method)
{
    struct stub stub = receive_stub(out, service, method);

    emit_stub(out, &stub, ")\n{\n");
    emit(out,
         "    ProtobufCMessage *message = NULL;\n\n"
         "    TRY(client_receive(call, &message));\n"
         "    *ret_message = (%s *)message;\n    return STATUS_OK;\n}\n\n",
         method->response->c_name);
}

static void emit_definitions(struct output *out, const struct model_service *service,
                             const struct model_method *method)
{
    emit_description(out, service, method);
    if (!method->request_streams && !method->response_streams) {
        emit_unary(out, service, method);
        return;
    }
    emit_open(out, service, method);
    if (method->request_streams)
        emit_send(out, service, method);
    emit_receive(out, service, method);
}

void emit_client_source(struct output *out, const struct model_file *file)
{
    emit_head(out, file, NULL);
    emit(out,
         "#include \"%s_client.h\"\n\n#include <assert.h>\n\n"
         "static_assert(CLIENT_RUNTIME_VERSION == 1, \"generated for another runtime\");\n\n",
         file->stem);
    for (size_t i = 0; i < file->service_count; i++)
        for (size_t j = 0; j < file->services[i].method_count; j++)
            emit_definitions(out, &file->services[i], &file->services[i].methods[j]);
}
