#include <string.h>

#include "gen/describe.h"
#include "gen/emit_openapi.h"
#include "gen/sample.h"

#define PRINT(json, ...) arena_printf((json)->out->arena, __VA_ARGS__)

/* --- errors --- */

struct error_code {
    const char *name;
    const char *http_status;
    const char *meaning;
};

/* What Connect maps codes to. */
static const struct error_code error_codes[] = {
    {"INVALID_ARGUMENT", "400", "The request cannot be read or breaks a rule."},
    {"FAILED_PRECONDITION", "400", NULL},
    {"OUT_OF_RANGE", "400", NULL},
    {"UNAUTHENTICATED", "401", "There is no valid access token."},
    {"PERMISSION_DENIED", "403", "The caller may not do this."},
    {"NOT_FOUND", "404", NULL},
    {"ALREADY_EXISTS", "409", NULL},
    {"ABORTED", "409", NULL},
    {"RESOURCE_EXHAUSTED", "429", "A limit on calls or sizes."},
    {"INTERNAL", "500", "A fault of the server's."},
    {"UNAVAILABLE", "503", "Try again after a while."},
    {"DEADLINE_EXCEEDED", "504", "Time was up. What was asked may have been done."},
};
#define ERROR_CODES (sizeof(error_codes) / sizeof(error_codes[0]))

/* What the method says the code means; the general meaning; NULL when it does not give it. */
static const char *error_meaning(struct json *json, const struct model *model,
                                 const struct model_method *method, const struct error_code *code)
{
    for (size_t i = 0; i < method->rules->n_errors; i++)
        if (strcmp(error_name(method, i), code->name) == 0)
            return text_in_one_line(json->out->arena, error_comment(model, method, i), " ");
    if (method_is_public(method) && strcmp(code->http_status, "403") == 0)
        return NULL;
    if (method_is_public(method) && strcmp(code->http_status, "401") == 0)
        return "What the request shows for its caller is not valid.";
    return code->meaning;
}

static void emit_error_response(struct json *json, const char *status, const char *description)
{
    json_open_member(json, status, '{');
    json_string_member(json, "description", description);
    json_open_member(json, "content", '{');
    json_raw_member(json, "application/json",
                    "{\"schema\": {\"$ref\": \"#/components/schemas/connect.error\"}}");
    json_close(json, '}');
    json_close(json, '}');
}

/* One response a status; codes that share it are told in its description. */
static void emit_errors(struct json *json, const struct model *model,
                        const struct model_method *method)
{
    const char *text = NULL;

    for (size_t i = 0; i < ERROR_CODES; i++) {
        const struct error_code *code = &error_codes[i];
        const char *meaning = error_meaning(json, model, method, code);
        if (meaning != NULL)
            text = PRINT(json, "%s%s`%s`: %s", text ? text : "", text ? "\n\n" : "", code->name,
                         meaning);
        if (i + 1 < ERROR_CODES && strcmp(code->http_status, error_codes[i + 1].http_status) == 0)
            continue;
        if (text != NULL)
            emit_error_response(json, code->http_status, text);
        text = NULL;
    }
    emit_error_response(json, "default", "Any other error.");
}

/* --- facts --- */

static void emit_rates(struct json *json, const Waystone__Options__V1__MethodRules *rules)
{
    static const char *const scopes[] = {"", "ip", "account", "key"};

    json_open_member(json, "rateLimits", '[');
    for (size_t i = 0; i < rules->n_rate_limits; i++) {
        const Waystone__Options__V1__RateLimit *rate = rules->rate_limits[i];
        json_open(json, '{');
        json_integer_member(json, "calls", rate->calls);
        json_integer_member(json, "periodSeconds", rate->period_seconds);
        json_string_member(json, "scope",
                           scopes[rate->scope % (sizeof(scopes) / sizeof(scopes[0]))]);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* What has no keyword in OpenAPI. */
static void emit_facts(struct json *json, const struct model *model,
                       const struct model_service *service, const struct model_method *method)
{
    const Waystone__Options__V1__MethodRules *rules = method->rules;
    struct arena *arena = json->out->arena;
    const char *rate = describe_rate(arena, method);

    json_open_member(json, "x-waystone", '{');
    json_string_member(json, "service", service->full_name);
    json_string_member(json, "method", method->name);
    json_string_member(json, "shape", describe_shape(method));
    json_string_member(json, "access",
                       text_in_one_line(arena, describe_access(model, method), " "));
    json_string_member(json, "time", describe_time(arena, method));
    if (rules->timeout_ms > 0)
        json_integer_member(json, "timeoutMs", rules->timeout_ms);
    json_string_member(json, "requestSize", describe_size(arena, method));
    if (rules->max_request_bytes > 0)
        json_integer_member(json, "maxRequestBytes", rules->max_request_bytes);
    if (rate != NULL) {
        json_string_member(json, "limit", rate);
        emit_rates(json, rules);
    }
    if (rules->scope[0] != '\0')
        json_string_member(json, "apiKeyScope", rules->scope);
    json_bool_member(json, "stepUp", rules->step_up);
    json_bool_member(json, "audited", rules->audit);
    json_bool_member(json, "sideEffects", !method->no_side_effects);
    json_bool_member(json, "idempotent", method->idempotent);
    json_open_member(json, "errors", '[');
    for (size_t i = 0; i < rules->n_errors; i++)
        json_string(json, error_name(method, i));
    json_close(json, ']');
    json_close(json, '}');
}

static void emit_streaming(struct json *json, const struct model_method *method)
{
    json_open_member(json, "x-streaming", '{');
    json_bool_member(json, "request", method->request_streams);
    json_bool_member(json, "response", method->response_streams);
    json_key(json, "requestMessage");
    emit_openapi_reference(json, method->request->full_name);
    json_key(json, "responseMessage");
    emit_openapi_reference(json, method->response->full_name);
    json_close(json, '}');
}

static const char *description(struct json *json, const struct model_method *method)
{
    const char *rate = describe_rate(json->out->arena, method);
    const char *text = method->comment != NULL ? method->comment : "";

    if (method_streams(method))
        text = PRINT(json,
                     "%s%sThis method streams (%s), which OpenAPI has no words for: bodies are "
                     "envelopes of one byte of flags, four bytes of length (big endian) and a "
                     "message in JSON. The last envelope of the response has flag 2 and tells how "
                     "the call ended; the HTTP status is 200 whatever that is.",
                     text, *text ? "\n\n" : "", describe_shape(method));
    if (rate != NULL)
        text = PRINT(json, "%s%sLimit: %s.", text, *text ? "\n\n" : "", rate);
    return text;
}

/* --- operations --- */

static void emit_parameters(struct json *json, const struct model_method *method, bool is_get)
{
    json_open_member(json, "parameters", '[');
    if (is_get) {
        json_text(json, "{\"name\": \"encoding\", \"in\": \"query\", \"required\": true, "
                        "\"schema\": {\"const\": \"json\"}}");
        json_open(json, '{');
        json_string_member(json, "name", "message");
        json_string_member(json, "in", "query");
        json_bool_member(json, "required", true);
        json_string_member(json, "description", "The request, as JSON.");
        json_open_member(json, "content", '{');
        json_open_member(json, "application/json", '{');
        json_key(json, "schema");
        emit_openapi_reference(json, method->request->full_name);
        json_close(json, '}');
        json_close(json, '}');
        json_close(json, '}');
        json_text(json, "{\"name\": \"connect\", \"in\": \"query\", "
                        "\"schema\": {\"const\": \"v1\"}}");
    } else {
        json_text(json, "{\"$ref\": \"#/components/parameters/protocolVersion\"}");
    }
    json_text(json, "{\"$ref\": \"#/components/parameters/timeout\"}");
    json_close(json, ']');
}

/* The content of a body: the message, or envelopes of them. */
static void emit_content(struct json *json, const struct model_message *message, bool streams,
                         const char *example)
{
    json_open_member(json, "content", '{');
    json_open_member(json, streams ? "application/connect+json" : "application/json", '{');
    json_key(json, "schema");
    if (streams)
        json_text(json, "{\"type\": \"string\", \"contentMediaType\": "
                        "\"application/octet-stream\", \"description\": \"Envelopes.\"}");
    else
        emit_openapi_reference(json, message->full_name);
    if (example != NULL)
        json_raw_member(json, streams ? "x-example-message" : "example", example);
    json_close(json, '}');
    json_close(json, '}');
}

static void emit_responses(struct json *json, const struct model *model,
                           const struct model_method *method)
{
    const char *summary = text_summary(json->out->arena, method->response->comment);

    json_open_member(json, "responses", '{');
    json_open_member(json, "200", '{');
    json_string_member(json, "description", *summary != '\0' ? summary : "The response.");
    emit_content(json, method->response, method_streams(method), NULL);
    json_close(json, '}');
    if (!method_streams(method))
        emit_errors(json, model, method);
    json_close(json, '}');
}

static void emit_operation(struct json *json, struct model *model,
                           const struct model_service *service, const struct model_method *method,
                           bool is_get)
{
    const char *summary = text_summary(json->out->arena, method->comment);

    json_open_member(json, is_get ? "get" : "post", '{');
    json_raw_member(json, "tags", PRINT(json, "[\"%s\"]", service->full_name));
    json_string_member(
        json, "operationId",
        PRINT(json, "%s.%s%s", service->full_name, method->name, is_get ? ".get" : ""));
    json_string_member(json, "summary", *summary != '\0' ? summary : method->name);
    json_string_member(json, "description", description(json, method));
    json_raw_member(json, "security", method_is_public(method) ? "[]" : "[{\"bearer\": []}]");
    emit_parameters(json, method, is_get);
    if (!is_get) {
        json_open_member(json, "requestBody", '{');
        json_bool_member(json, "required", true);
        emit_content(json, method->request, method_streams(method),
                     sample_message(model, method->request, SAMPLE_JSON));
        json_close(json, '}');
    }
    emit_responses(json, model, method);
    emit_facts(json, model, service, method);
    if (method_streams(method))
        emit_streaming(json, method);
    json_close(json, '}');
}

static void emit_path(struct json *json, struct model *model, const struct model_service *service,
                      const struct model_method *method)
{
    json_open_member(json, PRINT(json, "/%s/%s", service->full_name, method->name), '{');
    emit_operation(json, model, service, method, false);
    if (method->no_side_effects)
        emit_operation(json, model, service, method, true);
    json_close(json, '}');
}

/* --- the whole --- */

static const char error_schema[] =
    "{\n"
    "        \"title\": \"Error\",\n"
    "        \"description\": \"Why a call failed.\",\n"
    "        \"type\": \"object\",\n"
    "        \"required\": [\"code\"],\n"
    "        \"properties\": {\n"
    "          \"code\": {\n"
    "            \"description\": \"For programs.\",\n"
    "            \"enum\": [\"canceled\", \"unknown\", \"invalid_argument\", "
    "\"deadline_exceeded\", \"not_found\", \"already_exists\", \"permission_denied\", "
    "\"resource_exhausted\", \"failed_precondition\", \"aborted\", \"out_of_range\", "
    "\"unimplemented\", \"internal\", \"unavailable\", \"data_loss\", \"unauthenticated\"]\n"
    "          },\n"
    "          \"message\": {\"description\": \"A sentence for developers.\", "
    "\"type\": \"string\"},\n"
    "          \"details\": {\n"
    "            \"description\": \"More about it, such as the google.rpc.BadRequest of a request "
    "that breaks rules.\",\n"
    "            \"type\": \"array\",\n"
    "            \"items\": {\n"
    "              \"type\": \"object\",\n"
    "              \"required\": [\"type\", \"value\"],\n"
    "              \"properties\": {\n"
    "                \"type\": {\"description\": \"Full name of the message.\", "
    "\"type\": \"string\"},\n"
    "                \"value\": {\"description\": \"The message as protobuf.\", "
    "\"type\": \"string\", \"contentEncoding\": \"base64\"},\n"
    "                \"debug\": {\"description\": \"The message as JSON, for people.\"}\n"
    "              }\n"
    "            }\n"
    "          }\n"
    "        }\n"
    "      }";

static const char parameters[] =
    "{\n"
    "      \"protocolVersion\": {\n"
    "        \"name\": \"Connect-Protocol-Version\",\n"
    "        \"in\": \"header\",\n"
    "        \"description\": \"The version of Connect; may be left out.\",\n"
    "        \"schema\": {\"const\": \"1\"}\n"
    "      },\n"
    "      \"timeout\": {\n"
    "        \"name\": \"Connect-Timeout-Ms\",\n"
    "        \"in\": \"header\",\n"
    "        \"description\": \"Time the call may take, in milliseconds.\",\n"
    "        \"schema\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 9999999999}\n"
    "      }\n"
    "    }";

static const char security_schemes[] = "{\n"
                                       "      \"bearer\": {\n"
                                       "        \"type\": \"http\",\n"
                                       "        \"scheme\": \"bearer\",\n"
                                       "        \"bearerFormat\": \"JWT\",\n"
                                       "        \"description\": \"An access token.\"\n"
                                       "      }\n"
                                       "    }";

static const char info_text[] =
    "Every method is a POST of a JSON message; methods without side effects answer GET as well. "
    "The same paths speak gRPC and gRPC-Web, and take protobuf (application/proto) for JSON.\n\n"
    "64-bit integers are strings; numbers are taken too. Enums are names; numbers are taken too. "
    "Fields that have their type's zero value are left out of answers, and unknown fields of "
    "requests are passed over.";

static void emit_info(struct json *json, const struct openapi_info *info)
{
    json_string_member(json, "openapi", "3.1.0");
    json_open_member(json, "info", '{');
    json_string_member(json, "title", info->title);
    json_string_member(json, "version", info->version);
    json_string_member(json, "description", info_text);
    json_close(json, '}');
    json_raw_member(json, "servers", "[{\"url\": \"/\"}]");
}

static void emit_tags(struct json *json, const struct model *model)
{
    json_open_member(json, "tags", '[');
    for (size_t i = 0; i < model->file_count; i++)
        for (size_t j = 0; model->files[i].wanted && j < model->files[i].service_count; j++) {
            const struct model_service *service = &model->files[i].services[j];
            json_open(json, '{');
            json_string_member(json, "name", service->full_name);
            json_string_member(json, "description", service->comment ? service->comment : "");
            json_close(json, '}');
        }
    json_close(json, ']');
}

static void emit_paths(struct json *json, struct model *model, struct type_set *types)
{
    json_open_member(json, "paths", '{');
    for (size_t i = 0; i < model->file_count; i++)
        for (size_t j = 0; model->files[i].wanted && j < model->files[i].service_count; j++) {
            const struct model_service *service = &model->files[i].services[j];
            for (size_t k = 0; k < service->method_count; k++) {
                emit_path(json, model, service, &service->methods[k]);
                type_set_add(model, types, service->methods[k].request);
                type_set_add(model, types, service->methods[k].response);
            }
        }
    json_close(json, '}');
}

void emit_openapi(struct output *out, struct model *model, const struct openapi_info *info)
{
    struct json json = {.out = out};
    struct type_set types = {0};

    json_open(&json, '{');
    emit_info(&json, info);
    emit_tags(&json, model);
    emit_paths(&json, model, &types);
    json_open_member(&json, "components", '{');
    json_raw_member(&json, "securitySchemes", security_schemes);
    json_raw_member(&json, "parameters", parameters);
    json_open_member(&json, "schemas", '{');
    json_raw_member(&json, "connect.error", error_schema);
    emit_openapi_schemas(&json, model, &types);
    json_close(&json, '}');
    json_close(&json, '}');
    json_close(&json, '}');
}
