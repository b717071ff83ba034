/* fetch.h - asking another server: HTTPS GET and POST (libcurl), on threads of their own.
 *
 * What is asked is the configuration's or comes from a server that the configuration names; still
 * nothing is taken for granted: TLS is verified, redirects are not followed, proxies of the
 * environment are not used, answers are bounded in size and time, compressed ones are not asked
 * for.
 *
 * A fetcher serves all loops; each one has its own threads, so that a server that hangs keeps
 * nobody waiting but those who ask it. */
#ifndef WAYSTONE_HANDLERS_FETCH_H
#define WAYSTONE_HANDLERS_FETCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

/* libcurl itself; once for the process, before and after all fetchers. */
bool fetch_start(void);
void fetch_stop(void);

struct fetcher;

/* `ca_file`: who may vouch for servers (PEM), instead of whom the system trusts; NULL: the
 * system's. `cleartext`: http:// as well, to this machine. Text is copied. */
struct fetcher *fetcher_new(const char *ca_file, bool cleartext);

/* What is asked ends within a second. Any thread. */
void fetcher_interrupt(struct fetcher *fetcher);
void fetcher_free(struct fetcher *fetcher); /* Accepts NULL. */

/* Whether an address may be asked: https://, or http:// to this machine if that is allowed; without
 * user and fragment. */
bool fetch_allows(const char *url, bool cleartext);
bool fetcher_allows(const struct fetcher *fetcher, const char *url);

struct fetch_request {
    const char *url;
    const struct buffer *form;   /* POST this application/x-www-form-urlencoded; NULL: GET */
    const char *user, *password; /* HTTP Basic; NULL: without */
    size_t max_bytes;            /* of the answer */
};

struct fetch_answer {
    int http_status;
    struct bytes body; /* in the arena */
};

/* UNAVAILABLE, with words in `reterr` (in the arena), if there is no answer, or one that is too
 * large; RESOURCE_EXHAUSTED if too many ask already. At most 5 s, and cannot be interrupted.
 * Suspends. */
enum status fetch(struct fetcher *fetcher, struct arena *arena, const struct fetch_request *request,
                  struct fetch_answer *ret, const char **reterr) MUST_CHECK;

/* Appends "name=value", escaped, with "&" in front unless `out` is empty or ends in "?" or "&". */
void fetch_add_field(struct buffer *out, const char *name, const char *value);

/* The value alone, escaped. */
void fetch_escape(struct buffer *out, const char *value);

#endif
