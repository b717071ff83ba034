/* limits.h - every bound on what a client controls, in one place.
 *
 * What an operator may want to change is in the configuration as well; these are then the
 * defaults. */
#ifndef WAYSTONE_BASE_LIMITS_H
#define WAYSTONE_BASE_LIMITS_H

/* HTTP */
#define LIMIT_HEADER_BYTES (32 * 1024)   /* names and values of one request, together */
#define LIMIT_HEADERS 100                /* header fields of one request */
#define LIMIT_STREAMS_PER_CONNECTION 256 /* concurrent HTTP/2 streams */
#define LIMIT_STREAM_WINDOW_BYTES (64 * 1024)
#define LIMIT_LARGE_WINDOW_BYTES                                    \
    (512 * 1024) /* of a stream whose request has shown to be large \
                  */
#define LIMIT_CONNECTION_WINDOW_BYTES (1024 * 1024)
#define LIMIT_SKIPPED_BODY_BYTES (4 * 1024 * 1024) /* read and dropped to answer in order */
#define LIMIT_HANDSHAKE_MS 10000                   /* TLS handshake, first bytes */
#define LIMIT_HEADER_MS 10000      /* from the first byte of a request to its head's end */
#define LIMIT_BODY_STALL_MS 10000  /* between two pieces of a request body */
#define LIMIT_WRITE_STALL_MS 10000 /* peer takes nothing of what is pending */
#define LIMIT_IDLE_MS 300000       /* connection without a stream */
#define LIMIT_LINGER_MS 1000       /* for a peer to read why its connection was broken off */
#define LIMIT_KEEPALIVE_MS 60000   /* silence before the peer is asked whether it is there */
#define LIMIT_KEEPALIVE_TIMEOUT_MS 20000
#define LIMIT_ACCEPT_PAUSE_MS 100     /* before accepting is tried again without descriptors */
#define LIMIT_RESERVED_DESCRIPTORS 64 /* never given to clients: database, logs, files */
#define LIMIT_CONNECTION_QUEUE_BYTES (16 * 1024 * 1024) /* answers one peer has not read */
#define LIMIT_DRAIN_MS 10000                            /* open calls, after SIGTERM */
#define LIMIT_ABUSE_TOKENS 1000 /* bucket of frames that cost us more than the peer */
#define LIMIT_ABUSE_TOKENS_PER_SECOND 100

/* RPC */
#define LIMIT_REQUEST_BYTES (4 * 1024 * 1024)          /* one request message, default */
#define LIMIT_REQUEST_MEMORY_BYTES (256 * 1024 * 1024) /* all requests at a time, default */
#define LIMIT_SMALL_REQUEST_BYTES 4096                 /* not counted there */
#define LIMIT_METADATA_BYTES (16 * 1024)               /* response metadata a handler may set */
#define LIMIT_STACKS 28000                   /* coroutines of all loops, for clients' sake */
#define LIMIT_TIMEOUT_MS 30000               /* a unary call, default */
#define LIMIT_STREAM_QUEUE_BYTES (64 * 1024) /* encoded, not yet taken by the transport */
#define LIMIT_ERROR_MESSAGE_BYTES 1024
#define LIMIT_COMPRESS_BYTES 1024 /* smaller messages are not worth compressing */
#define LIMIT_COPIED_BYTES 8192   /* from here on a reference costs less than a copy */

/* Memory that a loop keeps for its next large messages instead of returning it */
#define LIMIT_KEPT_BYTES (16 * 1024 * 1024)

/* Messages */
#define LIMIT_MESSAGE_DEPTH 32                 /* nesting of messages, JSON included */
#define LIMIT_JSON_VALUES 200000               /* of one message, skipped ones too */
#define LIMIT_DECODED_BYTES (32 * 1024 * 1024) /* memory of one decoded message */

/* Logs */
#define LIMIT_LOG_LINE_BYTES 4096

#endif
