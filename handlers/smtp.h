/* smtp.h - one mail to one recipient through an SMTP server (libcurl). Blocks: for worker threads.
 */
#ifndef WAYSTONE_HANDLERS_SMTP_H
#define WAYSTONE_HANDLERS_SMTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/status.h"

struct smtp_config {
    const char *url;             /* "smtp://host:587" or "smtps://host:465" */
    const char *user, *password; /* NULL: without signing in */
    const char *ca;              /* PEM file; NULL: the system's */
    bool tls;                    /* with smtp://: STARTTLS or nothing is sent */
    const atomic_bool *interrupted;
};

/* Once, before other threads. */
bool smtp_start(void);
void smtp_stop(void);

/* INVALID_ARGUMENT if the server will never take it for that recipient; INTERNAL for whatever may
 * change. Words in `reterr`, without secrets. At most some 20 s. */
enum status smtp_send(const struct smtp_config *config, const char *from, const char *to,
                      struct bytes message, char *reterr, size_t reterr_size) MUST_CHECK;

#endif
