/* status.h - the one error type of every layer.
 *
 * The values are the codes of gRPC and Connect, so that a status travels from a query to the
 * wire without translation. Lower layers return a status and say nothing; handlers add words
 * with rpc_fail(). */
#ifndef WAYSTONE_BASE_STATUS_H
#define WAYSTONE_BASE_STATUS_H

enum status {
    STATUS_OK = 0,
    STATUS_CANCELLED = 1,
    STATUS_UNKNOWN = 2,
    STATUS_INVALID_ARGUMENT = 3,
    STATUS_DEADLINE_EXCEEDED = 4,
    STATUS_NOT_FOUND = 5,
    STATUS_ALREADY_EXISTS = 6,
    STATUS_PERMISSION_DENIED = 7,
    STATUS_RESOURCE_EXHAUSTED = 8,
    STATUS_FAILED_PRECONDITION = 9,
    STATUS_ABORTED = 10,
    STATUS_OUT_OF_RANGE = 11,
    STATUS_UNIMPLEMENTED = 12,
    STATUS_INTERNAL = 13,
    STATUS_UNAVAILABLE = 14,
    STATUS_DATA_LOSS = 15,
    STATUS_UNAUTHENTICATED = 16,
};

#define STATUS_COUNT 17

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_argument) \
    __attribute__((format(printf, format_index, first_argument)))

/* Runs `destructor(&variable)` when the variable leaves its scope. For what is not memory. */
#define CLEANUP(destructor) __attribute__((cleanup(destructor)))

/* Returns from the enclosing function with the status unless it is STATUS_OK: the only macro
 * that hides control flow. */
#define TRY(expression)                         \
    do {                                        \
        enum status try_status_ = (expression); \
        if (try_status_ != STATUS_OK)           \
            return try_status_;                 \
    } while (0)

/* "NOT_FOUND": the name used in logs, metrics and documentation. */
const char *status_name(enum status status);

/* "not_found": the name used in Connect's error JSON. */
const char *status_connect_name(enum status status);

#endif
