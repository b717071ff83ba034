#include "base/status.h"

static const char *const names[STATUS_COUNT] = {
    [STATUS_OK] = "OK",
    [STATUS_CANCELLED] = "CANCELLED",
    [STATUS_UNKNOWN] = "UNKNOWN",
    [STATUS_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [STATUS_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [STATUS_NOT_FOUND] = "NOT_FOUND",
    [STATUS_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [STATUS_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [STATUS_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [STATUS_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [STATUS_ABORTED] = "ABORTED",
    [STATUS_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [STATUS_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [STATUS_INTERNAL] = "INTERNAL",
    [STATUS_UNAVAILABLE] = "UNAVAILABLE",
    [STATUS_DATA_LOSS] = "DATA_LOSS",
    [STATUS_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

/* Connect spells CANCELLED with one l. */
static const char *const connect_names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_CANCELLED] = "canceled",
    [STATUS_UNKNOWN] = "unknown",
    [STATUS_INVALID_ARGUMENT] = "invalid_argument",
    [STATUS_DEADLINE_EXCEEDED] = "deadline_exceeded",
    [STATUS_NOT_FOUND] = "not_found",
    [STATUS_ALREADY_EXISTS] = "already_exists",
    [STATUS_PERMISSION_DENIED] = "permission_denied",
    [STATUS_RESOURCE_EXHAUSTED] = "resource_exhausted",
    [STATUS_FAILED_PRECONDITION] = "failed_precondition",
    [STATUS_ABORTED] = "aborted",
    [STATUS_OUT_OF_RANGE] = "out_of_range",
    [STATUS_UNIMPLEMENTED] = "unimplemented",
    [STATUS_INTERNAL] = "internal",
    [STATUS_UNAVAILABLE] = "unavailable",
    [STATUS_DATA_LOSS] = "data_loss",
    [STATUS_UNAUTHENTICATED] = "unauthenticated",
};

const char *status_name(enum status status)
{
    return names[status];
}

const char *status_connect_name(enum status status)
{
    return connect_names[status];
}
