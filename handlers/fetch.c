#include "handlers/fetch.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/workers.h"

#define THREADS 2
#define QUEUE 32
#define CONNECT_MS 3000L
#define TOTAL_MS 5000L

struct fetcher {
    struct workers *workers;
    char *ca_file;
    bool cleartext;
    atomic_bool interrupted;
};

struct job {
    struct fetcher *fetcher;
    const struct fetch_request *request;
    struct buffer body;
    long http_status;
    char why[CURL_ERROR_SIZE];
    bool too_large;
    bool ok;
};

bool fetch_start(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void fetch_stop(void)
{
    curl_global_cleanup();
}

struct fetcher *fetcher_new(const char *ca_file, bool cleartext)
{
    struct fetcher *fetcher = calloc(1, sizeof(*fetcher));

    if (fetcher == NULL)
        abort();
    fetcher->workers = workers_new(THREADS, QUEUE);
    fetcher->ca_file = ca_file != NULL ? strdup(ca_file) : NULL;
    fetcher->cleartext = cleartext;
    return fetcher;
}

void fetcher_interrupt(struct fetcher *fetcher)
{
    atomic_store(&fetcher->interrupted, true);
}

void fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    fetcher_interrupt(fetcher);
    workers_free(fetcher->workers);
    free(fetcher->ca_file);
    free(fetcher);
}

/* --- addresses --- */

static bool part_is(CURLU *url, CURLUPart part, const char *const *allowed)
{
    char *text = NULL;
    bool found = false;

    if (curl_url_get(url, part, &text, 0) != CURLUE_OK)
        return false;
    for (; !found && *allowed != NULL; allowed++)
        found = strcmp(text, *allowed) == 0;
    curl_free(text);
    return found;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return found;
}

static bool is_plain(const char *url)
{
    for (; *url != '\0'; url++)
        if (*url <= ' ' || *url >= 0x7f)
            return false;
    return true;
}

bool fetch_allows(const char *url, bool cleartext)
{
    static const char *const tls[] = {"https", NULL};
    static const char *const clear[] = {"http", NULL};
    static const char *const this_machine[] = {"127.0.0.1", "[::1]", "localhost", NULL};
    CURLU *parsed = curl_url();
    bool ok = parsed != NULL && is_plain(url) &&
              curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
              !has_part(parsed, CURLUPART_USER) && !has_part(parsed, CURLUPART_PASSWORD) &&
              !has_part(parsed, CURLUPART_FRAGMENT) &&
              (part_is(parsed, CURLUPART_SCHEME, tls) ||
               (cleartext && part_is(parsed, CURLUPART_SCHEME, clear) &&
                part_is(parsed, CURLUPART_HOST, this_machine)));

    curl_url_cleanup(parsed);
    return ok;
}

bool fetcher_allows(const struct fetcher *fetcher, const char *url)
{
    return fetch_allows(url, fetcher->cleartext);
}

/* --- forms --- */

void fetch_escape(struct buffer *out, const char *value)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *value != '\0'; value++)
        if (strchr(plain, *value) != NULL)
            buffer_append_char(out, *value);
        else
            buffer_printf(out, "%%%02X", (unsigned char)*value);
}

void fetch_add_field(struct buffer *out, const char *name, const char *value)
{
    uint8_t last = out->length > 0 ? buffer_data(out)[out->length - 1] : '?';

    if (last != '?' && last != '&')
        buffer_append_char(out, '&');
    buffer_append_string(out, name);
    buffer_append_char(out, '=');
    fetch_escape(out, value);
}

/* --- on a worker --- */

static size_t take(char *data, size_t size, size_t count, void *user)
{
    struct job *job = user;
    size_t length = size * count;

    if (length > job->request->max_bytes - job->body.length) {
        job->too_large = true;
        return 0;
    }
    buffer_append(&job->body, data, length);
    return length;
}

/* Called about once a second, whatever the server does. */
static int may_go_on(void *user, curl_off_t download, curl_off_t downloaded, curl_off_t upload,
                     curl_off_t uploaded)
{
    const struct job *job = user;

    return atomic_load(&job->fetcher->interrupted) ? 1 : 0;
}

static void set_bounds(CURL *curl, struct job *job)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, job->fetcher->cleartext ? "https,http" : "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (job->fetcher->ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, job->fetcher->ca_file);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, may_go_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, job);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, job);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, job->why);
}

static void set_request(CURL *curl, const struct fetch_request *request)
{
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "waystone");
    if (request->form != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->form->length);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, buffer_data(request->form));
    }
    if (request->user != NULL) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, request->password);
    }
}

static void perform(CURL *curl, struct job *job, struct curl_slist *headers)
{
    CURLcode code;

    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    set_bounds(curl, job);
    set_request(curl, job->request);
    code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &job->http_status);
    job->ok = code == CURLE_OK;
    if (!job->ok && job->why[0] == '\0')
        strncpy(job->why, curl_easy_strerror(code), sizeof(job->why) - 1);
}

static void run(void *argument)
{
    struct job *job = argument;
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    CURL *curl = curl_easy_init();

    if (curl != NULL && headers != NULL)
        perform(curl, job, headers);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
}

/* --- on the loop --- */

enum status fetch(struct fetcher *fetcher, struct arena *arena, const struct fetch_request *request,
                  struct fetch_answer *ret, const char **reterr)
{
    struct job job = {.fetcher = fetcher, .request = request};

    if (!fetcher_allows(fetcher, request->url)) {
        *reterr = "the address is not https://";
        return STATUS_UNAVAILABLE;
    }
    TRY(workers_run(fetcher->workers, run, &job));
    ret->http_status = (int)job.http_status;
    ret->body = (struct bytes){arena_memdup(arena, buffer_data(&job.body), job.body.length),
                               job.body.length};
    buffer_free(&job.body);
    if (job.ok)
        return STATUS_OK;
    *reterr = job.too_large ? "the answer is too large" : arena_strdup(arena, job.why);
    return STATUS_UNAVAILABLE;
}
