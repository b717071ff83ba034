#include <stdlib.h>
#include <string.h>

#include "gen/describe.h"
#include "gen/emit.h"
#include "gen/names.h"

static bool streams(const struct model_method *method)
{
    return method->request_streams || method->response_streams;
}

/* --- documentation --- */

static const char *access_name(uint32_t access)
{
    static const char *const names[] = {"",      "PUBLIC", "PLAYER", "MODERATOR", "GAME_MASTER",
                                        "ADMIN", "SERVICE"};

    return access < sizeof(names) / sizeof(names[0]) ? names[access] : "unknown";
}

/* "Access: PLAYER. Errors: NOT_FOUND, ABORTED." */
static const char *rules_text(struct arena *arena, const struct model_method *method)
{
    const Waystone__Options__V1__MethodRules *rules = method->rules;
    const char *text = arena_printf(arena, "Access: %s.", access_name(rules->access));

    for (size_t i = 0; i < rules->n_errors; i++)
        text =
            arena_printf(arena, "%s%s%s", text, i == 0 ? " Errors: " : ", ", error_name(method, i));
    return rules->n_errors > 0 ? arena_printf(arena, "%s.", text) : text;
}

/* --- header --- */

/* The includes for the types of requests and responses. */
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

static void emit_constants(struct output *out, const struct model_service *service)
{
    for (size_t i = 0; i < service->method_count; i++)
        emit(out, "#define %s \"/%s/%s\"\n", service->methods[i].constant, service->full_name,
             service->methods[i].name);
    if (service->method_count > 0)
        emit(out, "\n");
}

static void emit_stream_receive(struct output *out, const struct model_method *method)
{
    const char *name = method->stream_name;
    const char *arguments[] = {
        arena_printf(out->arena, "struct %s_stream *stream", name),
        arena_printf(out->arena, "const %s **ret_message", method->request->c_name),
    };

    emit(out,
         "/* Next message of the caller. STATUS_OUT_OF_RANGE when it has sent all. Suspends. */\n"
         "MUST_CHECK\n");
    emit_call(out, arena_printf(out->arena, "static inline enum status %s_receive(", name),
              arguments, 2, ")\n{\n");
    emit(out, "    const void *message = NULL;\n\n"
              "    TRY(rpc_receive(stream->call, &message));\n"
              "    *ret_message = message;\n    return STATUS_OK;\n}\n\n");
}

static void emit_stream_send(struct output *out, const struct model_method *method)
{
    const char *name = method->stream_name;
    const char *arguments[] = {
        arena_printf(out->arena, "struct %s_stream *stream", name),
        arena_printf(out->arena, "const %s *message", method->response->c_name),
    };

    emit(out, "/* Sends a message; suspends while the caller takes none. */\nMUST_CHECK\n");
    emit_call(out, arena_printf(out->arena, "static inline enum status %s_send(", name), arguments,
              2, ")\n{\n");
    emit(out, "    return rpc_send(stream->call, &message->base);\n}\n\n");
}

static void emit_stream(struct output *out, const struct model_method *method)
{
    emit(out, "/* The stream of %s. */\nstruct %s_stream {\n    struct rpc_call *call;\n};\n\n",
         method->name, method->stream_name);
    if (method->request_streams)
        emit_stream_receive(out, method);
    if (method->response_streams)
        emit_stream_send(out, method);
}

static void emit_handler(struct output *out, const struct model_method *method)
{
    const char *arguments[3] = {"struct rpc_call *call"};
    const char *stream = arena_printf(out->arena, "struct %s_stream *", method->stream_name);
    const char *rules = rules_text(out->arena, method);
    size_t count = 1;

    if (!method->request_streams)
        arguments[count++] = arena_printf(out->arena, "const %s *req", method->request->c_name);
    if (method->request_streams && method->response_streams)
        arguments[count++] = arena_printf(out->arena, "%sstream", stream);
    else if (method->request_streams)
        arguments[count++] = arena_printf(out->arena, "%sin", stream);
    if (!method->response_streams)
        arguments[count++] = arena_printf(out->arena, "%s *res", method->response->c_name);
    else if (!method->request_streams)
        arguments[count++] = arena_printf(out->arena, "%sout", stream);
    emit_comment(out, 4,
                 method->comment ? arena_printf(out->arena, "%s\n%s", method->comment, rules)
                                 : rules);
    emit_call(out, arena_printf(out->arena, "    enum status (*%s)(", method->c_name), arguments,
              count, ");\n");
}

static void emit_service_struct(struct output *out, const struct model_service *service)
{
    const char *arguments[] = {
        "struct rpc_server *server",
        arena_printf(out->arena, "const struct %s *impl", service->c_name),
    };

    for (size_t i = 0; i < service->method_count; i++)
        if (streams(&service->methods[i]))
            emit_stream(out, &service->methods[i]);
    emit_comment(out, 0,
                 arena_printf(out->arena,
                              "%s%sRequests arrive decoded, authorised and valid. A NULL method "
                              "answers UNIMPLEMENTED.",
                              service->comment ? service->comment : "",
                              service->comment ? "\n\n" : ""));
    emit(out, "struct %s {\n", service->c_name);
    for (size_t i = 0; i < service->method_count; i++) {
        if (i > 0)
            emit(out, "\n");
        emit_handler(out, &service->methods[i]);
    }
    if (service->method_count == 0)
        emit(out, "    char unused; /* no methods yet */\n");
    emit(out, "};\n\nextern const struct rpc_service %s_description;\n\n", service->c_name);
    emit(out, "/* Call before the server starts; `impl` outlives it. */\n");
    emit_call(out, arena_printf(out->arena, "void %s_register(", service->c_name), arguments, 2,
              ");\n");
}

static const char *first_line(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strcspn(text, "\n"));
}

void emit_service_header(struct output *out, const struct model_file *file)
{
    const char *comment = file->services[0].comment;

    emit_head(out, file, comment ? first_line(out->arena, comment) : "services.");
    emit_guard_open(out);
    emit(out, "#include \"server/rpc.h\"\n");
    emit_type_includes(out, file);
    for (size_t i = 0; i < file->service_count; i++) {
        emit(out, "\n");
        emit_constants(out, &file->services[i]);
        emit_service_struct(out, &file->services[i]);
    }
    emit_guard_close(out);
}

/* --- source --- */

static void emit_invoke(struct output *out, const struct model_service *service,
                        const struct model_method *method)
{
    const char *arguments[3] = {"call"};
    size_t count = 1;

    emit(out,
         "static enum status %s_invoke_%s(struct rpc_call *call, const void *service)\n{\n"
         "    const struct %s *impl = service;\n",
         service->c_name, method->base, service->c_name);
    if (streams(method))
        emit(out, "    struct %s_stream stream = {.call = call};\n", method->stream_name);
    if (!method->request_streams)
        arguments[count++] = "rpc_request(call)";
    if (streams(method))
        arguments[count++] = "&stream";
    if (!method->response_streams)
        arguments[count++] = "rpc_response(call)";
    emit(out, "\n    if (impl->%s == NULL)\n        return rpc_unimplemented(call);\n",
         method->c_name);
    emit_call(out, arena_printf(out->arena, "    return impl->%s(", method->c_name), arguments,
              count, ");\n}\n\n");
}

static const char *shape_of(const struct model_method *method)
{
    if (method->request_streams)
        return method->response_streams ? "RPC_BIDI" : "RPC_CLIENT_STREAM";
    return method->response_streams ? "RPC_SERVER_STREAM" : "RPC_UNARY";
}

static const char *scope_constant(const Waystone__Options__V1__RateLimit *rate)
{
    switch (rate->scope) {
    case WAYSTONE__OPTIONS__V1__RATE_LIMIT_SCOPE__RATE_LIMIT_SCOPE_IP:
        return "RPC_LIMIT_BY_IP";
    case WAYSTONE__OPTIONS__V1__RATE_LIMIT_SCOPE__RATE_LIMIT_SCOPE_ACCOUNT:
        return "RPC_LIMIT_BY_ACCOUNT";
    default:
        return "RPC_LIMIT_BY_KEY";
    }
}

static void emit_rate_limits(struct output *out, const Waystone__Options__V1__MethodRules *rules)
{
    if (rules->n_rate_limits == 0)
        return;
    emit(out, "        .rate_limits =\n            (const struct rpc_rate_limit[]){\n");
    for (size_t i = 0; i < rules->n_rate_limits; i++)
        emit(out, "                {.calls = %u, .period_s = %u, .scope = %s},\n",
             rules->rate_limits[i]->calls, rules->rate_limits[i]->period_seconds,
             scope_constant(rules->rate_limits[i]));
    emit(out, "            },\n        .rate_limit_count = %zu,\n", rules->n_rate_limits);
}

/* Error codes have the numbers of statuses. */
static void emit_errors(struct output *out, const struct model_method *method)
{
    for (size_t i = 0; i < method->rules->n_errors; i++)
        emit(out, "%s1u << STATUS_%s", i == 0 ? "        .errors = " : " | ",
             error_name(method, i));
    if (method->rules->n_errors > 0)
        emit(out, ",\n");
}

static void emit_method_limits(struct output *out, const Waystone__Options__V1__MethodRules *rules)
{
    if (rules->timeout_ms != 0)
        emit(out, "        .timeout_ms = %u,\n", rules->timeout_ms);
    if (rules->max_request_bytes != 0)
        emit(out, "        .max_request_bytes = %u,\n", rules->max_request_bytes);
    emit_rate_limits(out, rules);
    if (rules->audit)
        emit(out, "        .audit = true,\n");
    if (rules->step_up)
        emit(out, "        .step_up = true,\n");
    if (rules->scope[0] != '\0')
        emit(out, "        .scope = \"%s\",\n", rules->scope);
}

static void emit_method_entry(struct output *out, const struct model_service *service,
                              const struct model_method *method)
{
    emit(out,
         "    {\n        .path = %s,\n        .name = \"%s\",\n        .shape = %s,\n"
         "        .request = &%s_type,\n        .response = &%s_type,\n",
         method->constant, method->name, shape_of(method), method->request->c_name,
         method->response->c_name);
    if (method->no_side_effects)
        emit(out, "        .no_side_effects = true,\n");
    emit(out, "        .access = RPC_ACCESS_%s,\n", access_name(method->rules->access));
    emit_method_limits(out, method->rules);
    emit_errors(out, method);
    emit(out, "        .invoke = %s_invoke_%s,\n    },\n", service->c_name, method->base);
}

static void emit_service_tables(struct output *out, const struct model_service *service)
{
    const char *name = service->c_name;

    for (size_t i = 0; i < service->method_count; i++)
        emit_invoke(out, service, &service->methods[i]);
    if (service->method_count > 0) {
        emit(out, "static const struct rpc_method %s_methods[] = {\n", name);
        for (size_t i = 0; i < service->method_count; i++)
            emit_method_entry(out, service, &service->methods[i]);
        emit(out, "};\n\n");
    }
    emit(out, "const struct rpc_service %s_description = {\n    .full_name = \"%s\",\n", name,
         service->full_name);
    if (service->method_count > 0)
        emit(out, "    .methods = %s_methods,\n    .method_count = %zu,\n", name,
             service->method_count);
    emit(out, "};\n\n");
    emit(out,
         "void %s_register(struct rpc_server *server, const struct %s *impl)\n{\n"
         "    rpc_server_add_service(server, &%s_description, impl);\n}\n",
         name, name, name);
}

void emit_service_source(struct output *out, const struct model_file *file)
{
    emit_head(out, file, NULL);
    emit(out,
         "#include \"%s_service.h\"\n\n#include <assert.h>\n\n"
         "static_assert(RPC_RUNTIME_VERSION == 1, \"generated for another runtime\");\n",
         file->stem);
    for (size_t i = 0; i < file->service_count; i++) {
        emit(out, "\n");
        emit_service_tables(out, &file->services[i]);
    }
}
