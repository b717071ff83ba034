/* protobuf-testee - our codecs as the protobuf conformance suite's testee.
 *
 * Reads conformance.ConformanceRequest from standard input, each behind its length in four
 * bytes little-endian, and answers each with a ConformanceResponse on standard output, until
 * the input ends. It reads and writes binary and JSON of TestAllTypesProto3; what asks for
 * something else is answered `skipped`. Everything is done by the generated code and the codecs
 * the server has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "google/protobuf/any.h"
#include "google/protobuf/duration.h"
#include "google/protobuf/field_mask.h"
#include "google/protobuf/struct.h"
#include "google/protobuf/timestamp.h"
#include "google/protobuf/wrappers.h"
#include "test_messages_proto3.h"

#define REQUEST_MAX_BYTES (64 * 1024 * 1024)

static const char tested_type[] = "protobuf_test_messages.proto3.TestAllTypesProto3";

static void skip(ConformanceResponse *response, const char *why)
{
    response->result_case = CONFORMANCE_RESPONSE_RESULT_SKIPPED;
    response->skipped = (char *)why;
}

/* False, with the answer given, if the payload is refused or of another format. */
static bool parse(struct arena *arena, const ConformanceRequest *request,
                  ConformanceResponse *response, ProtobufCMessage **ret)
{
    struct message_options options = {
        .keep_nul = true,
        .refuse_unknown = request->test_category != JSON_IGNORE_UNKNOWN_PARSING_TEST,
    };
    const ProtobufCBinaryData *binary = &request->protobuf_payload;
    const char *error = NULL;
    enum status status;

    switch (request->payload_case) {
    case CONFORMANCE_REQUEST_PAYLOAD_PROTOBUF_PAYLOAD:
        status = message_decode_with(arena, &TestAllTypesProto3_type, binary->data, binary->len,
                                     &options, ret, &error);
        break;
    case CONFORMANCE_REQUEST_PAYLOAD_JSON_PAYLOAD:
        status = message_decode_json_with(arena, &TestAllTypesProto3_type,
                                          (const uint8_t *)request->json_payload,
                                          strlen(request->json_payload), &options, ret, &error);
        break;
    default:
        skip(response, "only binary and JSON are read");
        return false;
    }
    if (status == STATUS_OK)
        return true;
    response->result_case = CONFORMANCE_RESPONSE_RESULT_PARSE_ERROR;
    response->parse_error = (char *)error;
    return false;
}

static void serialize_json(struct arena *arena, const ProtobufCMessage *message,
                           ConformanceResponse *response)
{
    struct message_options options = {.keep_nul = true};
    struct buffer out = {0};
    const char *error = NULL;

    if (message_encode_json_with(message, &options, &out, &error) == STATUS_OK) {
        response->result_case = CONFORMANCE_RESPONSE_RESULT_JSON_PAYLOAD;
        response->json_payload = arena_strndup(arena, (char *)buffer_data(&out), out.length);
    } else {
        response->result_case = CONFORMANCE_RESPONSE_RESULT_SERIALIZE_ERROR;
        response->serialize_error = (char *)error;
    }
    buffer_free(&out);
}

static void serialize_binary(struct arena *arena, const ProtobufCMessage *message,
                             ConformanceResponse *response)
{
    struct message_options options = {.keep_nul = true};
    struct buffer out = {0};

    message_encode_with(message, &options, &out);
    response->result_case = CONFORMANCE_RESPONSE_RESULT_PROTOBUF_PAYLOAD;
    response->protobuf_payload.len = out.length;
    response->protobuf_payload.data =
        arena_memdup(arena, out.length > 0 ? buffer_data(&out) : NULL, out.length);
    buffer_free(&out);
}

static void answer(struct arena *arena, const ConformanceRequest *request,
                   ConformanceResponse *response)
{
    ProtobufCMessage *message;

    if (strcmp(request->message_type, "conformance.FailureSet") == 0) {
        serialize_binary(arena, message_new(arena, &FailureSet_type), response); /* none */
        return;
    }
    if (strcmp(request->message_type, tested_type) != 0) {
        skip(response, "only TestAllTypesProto3 is known");
        return;
    }
    if (request->requested_output_format != PROTOBUF && request->requested_output_format != JSON) {
        skip(response, "only binary and JSON are written");
        return;
    }
    if (!parse(arena, request, response, &message))
        return;
    if (request->requested_output_format == JSON)
        serialize_json(arena, message, response);
    else
        serialize_binary(arena, message, response);
}

/* --- frames --- */

/* NULL at the end of the input. */
static uint8_t *read_frame(struct arena *arena, uint32_t *ret_length)
{
    uint8_t *frame;

    if (fread(ret_length, sizeof(*ret_length), 1, stdin) != 1)
        return NULL;
    if (*ret_length > REQUEST_MAX_BYTES) {
        fprintf(stderr, "protobuf-testee: a request of %u bytes\n", *ret_length);
        exit(1);
    }
    frame = arena_alloc_uninitialised(arena, *ret_length + 1);
    if (*ret_length > 0 && fread(frame, *ret_length, 1, stdin) != 1) {
        fprintf(stderr, "protobuf-testee: a request is cut off\n");
        exit(1);
    }
    return frame;
}

static void write_frame(const ConformanceResponse *response)
{
    struct buffer out = {0};
    uint32_t length;

    message_encode(&response->base, &out);
    length = (uint32_t)out.length;
    fwrite(&length, sizeof(length), 1, stdout);
    if (length > 0)
        fwrite(buffer_data(&out), length, 1, stdout);
    fflush(stdout);
    buffer_free(&out);
}

static bool serve_one(void)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    ConformanceResponse *response = ConformanceResponse_new(arena);
    ProtobufCMessage *request;
    const char *error = NULL;
    uint32_t length;
    uint8_t *frame = read_frame(arena, &length);

    if (frame == NULL)
        return false;
    if (message_decode(arena, &ConformanceRequest_type, frame, length, &request, &error) ==
        STATUS_OK) {
        answer(arena, (const ConformanceRequest *)request, response);
    } else {
        response->result_case = CONFORMANCE_RESPONSE_RESULT_RUNTIME_ERROR;
        response->runtime_error = (char *)error;
    }
    write_frame(response);
    return true;
}

int main(void)
{
    /* What a google.protobuf.Any may hold. */
    test_messages_proto3_register_types();
    google_protobuf_any_register_types();
    google_protobuf_duration_register_types();
    google_protobuf_field_mask_register_types();
    google_protobuf_struct_register_types();
    google_protobuf_timestamp_register_types();
    google_protobuf_wrappers_register_types();
    while (serve_one())
        ;
    return 0;
}
