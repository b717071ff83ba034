/* How a call ended: from trailers, or from HTTP/2 where there are none. */
#include <stdlib.h>
#include <string.h>

#include "client/internal.h"
#include "server/protocol/percent.h"

static enum status status_of_http(int http_status)
{
    switch (http_status) {
    case 400:
        return STATUS_INTERNAL;
    case 401:
        return STATUS_UNAUTHENTICATED;
    case 403:
        return STATUS_PERMISSION_DENIED;
    case 404:
        return STATUS_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return STATUS_UNAVAILABLE;
    default:
        return STATUS_UNKNOWN;
    }
}

static enum status status_of_error(uint32_t error_code)
{
    switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
        return STATUS_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return STATUS_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
        return STATUS_RESOURCE_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return STATUS_PERMISSION_DENIED;
    default:
        return STATUS_INTERNAL;
    }
}

/* "0" to "16", and nothing else. */
static bool parse_status(const char *text, enum status *ret)
{
    size_t length = strlen(text);
    long code = strtol(text, NULL, 10);

    if (length == 0 || length > 2 || strspn(text, "0123456789") != length || code >= STATUS_COUNT)
        return false;
    *ret = (enum status)code;
    return true;
}

static const char *decode_message(struct arena *arena, const char *text)
{
    CLEANUP(buffer_free) struct buffer decoded = {0};

    if (text == NULL)
        return "";
    /* A message that is badly encoded is still better than none. */
    if (!percent_decode(&decoded, text, strlen(text), false) || decoded.length == 0)
        return text;
    return arena_strndup(arena, (const char *)buffer_data(&decoded), decoded.length);
}

static void finish_with_status(struct rpc_client_call *call, const char *text)
{
    const char *details = client_call_trailer(call, "grpc-status-details-bin");
    enum status status;

    if (!parse_status(text, &status)) {
        client_call_finish(
            call, STATUS_UNKNOWN,
            arena_printf(call->arena, "the server's grpc-status '%.16s' is none", text));
        return;
    }
    if (details != NULL)
        client_details_read(call->arena, details, &call->details, &call->detail_count);
    client_call_finish(call, status,
                       decode_message(call->arena, client_call_trailer(call, "grpc-message")));
}

void client_call_on_close(struct rpc_client_call *call, uint32_t error_code)
{
    const char *grpc_status = client_call_trailer(call, "grpc-status");

    call->unprocessed = error_code == NGHTTP2_REFUSED_STREAM && !call->started;
    if (grpc_status != NULL)
        finish_with_status(call, grpc_status);
    else if (error_code != NGHTTP2_NO_ERROR)
        client_call_finish(call, status_of_error(error_code),
                           arena_printf(call->arena, "the stream was reset: %s",
                                        nghttp2_http2_strerror(error_code)));
    else
        client_call_finish(call, STATUS_UNKNOWN, "the answer has no status");
}

/* --- answers of what is no gRPC server --- */

static bool is_grpc(const char *content_type)
{
    return content_type != NULL && strncmp(content_type, "application/grpc", 16) == 0 &&
           strchr("+;", content_type[16]) != NULL; /* its end, too */
}

void client_call_check_headers(struct rpc_client_call *call)
{
    const char *content_type = client_call_header(call, "content-type");
    const char *encoding = client_call_header(call, "grpc-encoding");

    if (client_call_header(call, "grpc-status") != NULL)
        return; /* there is nothing else */
    if (call->http_status != 200)
        client_call_end(
            call, status_of_http(call->http_status),
            arena_printf(call->arena, "the server answers with HTTP status %d", call->http_status));
    else if (!is_grpc(content_type))
        client_call_end(call, STATUS_UNKNOWN,
                        arena_printf(call->arena, "the server answers with content type '%.64s'",
                                     content_type != NULL ? content_type : ""));
    else if (encoding != NULL && !compression_find(encoding, strlen(encoding), &call->compression))
        client_call_end(call, STATUS_INTERNAL,
                        arena_printf(call->arena, "the server compresses with '%.32s'", encoding));
}
