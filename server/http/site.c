/* What is not a call: the web client's files, pages, CORS preflights.
 *
 * The files are read once, at the start, and served from memory with a copy compressed at the
 * best level: the client is some hundred kilobytes, and a request costs no system call but the
 * write. Documents that are part of the program join them. A path without a dot is the page of that
 * name (/docs is docs.html) or else the client's own route, which gets index.html. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/log.h"
#include "server/http/connection.h"

#define MAX_FILES 1000
#define MAX_FILE_BYTES (8 * 1024 * 1024)
#define MAX_DEPTH 8

struct site_file {
    char *path; /* "/assets/index-abc.js" */
    const char *content_type;
    struct buffer content;
    struct buffer compressed; /* empty where that is no gain */
    char etag[24];
    char length[24], compressed_length[24];
};

struct site {
    struct site_file files[MAX_FILES];
    size_t file_count;
    bool has_client; /* some are of the web client */
};

/* --- loading --- */

static const char *content_type_of(const char *path)
{
    static const struct {
        const char *ending, *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".woff", "font/woff"},
        {".webmanifest", "application/manifest+json"},
        {".txt", "text/plain; charset=utf-8"},
    };
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t ending = strlen(types[i].ending);
        if (length > ending && strcmp(path + length - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

static void compress_file(struct site_file *file)
{
    z_stream stream = {0};
    uLong bound;

    if (file->content.length < 512 || strstr(file->content_type, "font/") != NULL ||
        strstr(file->content_type, "image/png") != NULL)
        return;
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return;
    bound = deflateBound(&stream, file->content.length);
    stream.next_in = buffer_data(&file->content);
    stream.avail_in = (uInt)file->content.length;
    stream.next_out = buffer_reserve(&file->compressed, bound);
    stream.avail_out = (uInt)bound;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out < file->content.length)
        buffer_commit(&file->compressed, stream.total_out);
    deflateEnd(&stream);
}

static bool read_whole(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "re");
    size_t length;
    bool whole;

    if (file == NULL)
        return false;
    do {
        length = fread(buffer_reserve(out, 65536), 1, 65536, file);
        buffer_commit(out, length);
    } while (length > 0 && out->length <= MAX_FILE_BYTES);
    whole = !ferror(file) && out->length <= MAX_FILE_BYTES;
    fclose(file);
    return whole;
}

static uint64_t fingerprint(const struct buffer *content)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a: tells versions apart, guards nothing */

    for (size_t i = 0; i < content->length; i++)
        value = (value ^ buffer_data(content)[i]) * 1099511628211u;
    return value;
}

/* Takes the file whose content has been read. */
static void keep_file(struct site *site, const char *path)
{
    struct site_file *file = &site->files[site->file_count];

    file->path = strdup(path);
    file->content_type = content_type_of(path);
    compress_file(file);
    snprintf(file->etag, sizeof(file->etag), "\"%016llx\"",
             (unsigned long long)fingerprint(&file->content));
    snprintf(file->length, sizeof(file->length), "%zu", file->content.length);
    snprintf(file->compressed_length, sizeof(file->compressed_length), "%zu",
             file->compressed.length);
    site->file_count++;
}

static void load_file(struct site *site, const char *full_path, const char *path)
{
    struct site_file *file = &site->files[site->file_count];

    if (site->file_count == MAX_FILES || !read_whole(full_path, &file->content)) {
        log_warning("file of the web client left out", LOG_STRING("path", full_path));
        buffer_free(&file->content);
        return;
    }
    keep_file(site, path);
}

static void load_documents(struct site *site, const struct http_config *config)
{
    for (size_t i = 0; i < config->document_count; i++) {
        buffer_append(&site->files[site->file_count].content, config->documents[i].data,
                      config->documents[i].length);
        keep_file(site, config->documents[i].path);
    }
}

static void load_directory(struct site *site, const char *root, const char *path, int depth)
{
    char full[1024], below[1024];
    struct dirent *entry;
    struct stat info;
    DIR *directory;

    snprintf(full, sizeof(full), "%s%s", root, path);
    directory = opendir(full);
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >= (int)sizeof(below) ||
            snprintf(full, sizeof(full), "%s%s", root, below) >= (int)sizeof(full) ||
            stat(full, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode) && depth < MAX_DEPTH)
            load_directory(site, root, below, depth + 1);
        else if (S_ISREG(info.st_mode))
            load_file(site, full, below);
    }
    closedir(directory);
}

struct site *site_load(const struct http_config *config)
{
    struct site *site = calloc(1, sizeof(*site));

    if (site == NULL)
        abort();
    load_documents(site, config);
    load_directory(site, config->web_root, "", 0);
    site->has_client = site->file_count > config->document_count;
    if (!site->has_client)
        log_warning("the web client is not built; the API works without it",
                    LOG_STRING("web_root", config->web_root));
    return site;
}

void site_free(struct site *site)
{
    if (site == NULL)
        return;
    for (size_t i = 0; i < site->file_count; i++) {
        free(site->files[i].path);
        buffer_free(&site->files[i].content);
        buffer_free(&site->files[i].compressed);
    }
    free(site);
}

static const struct site_file *find_file(const struct site *site, const char *path)
{
    for (size_t i = 0; i < site->file_count; i++)
        if (strcmp(site->files[i].path, path) == 0)
            return &site->files[i];
    return NULL;
}

/* --- events of exchanges that the site answers at once --- */

static void on_body(struct exchange *exchange, const uint8_t *data, size_t length, bool end)
{
    exchange->transport->consume(exchange, length);
}

static void on_writable(struct exchange *exchange)
{
}

static void on_closed(struct exchange *exchange, enum status why)
{
    exchange->transport->release(exchange);
}

static const struct exchange_events site_events = {
    .on_body = on_body,
    .on_writable = on_writable,
    .on_closed = on_closed,
};

/* --- answering --- */

#define MAX_ANSWER_HEADERS 16

struct answer {
    struct http_header headers[MAX_ANSWER_HEADERS];
    size_t count;
};

static void add(struct answer *answer, const char *name, const char *value)
{
    answer->headers[answer->count++] =
        (struct http_header){name, strlen(name), value, strlen(value)};
}

/* Scripts and styles from here only; nobody may frame the client, and it needs no device. What
 * every answer has is added by common_headers(). */
static void add_security(struct answer *answer)
{
    add(answer, "content-security-policy",
        "default-src 'self'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    add(answer, "referrer-policy", "same-origin");
    add(answer, "cross-origin-opener-policy", "same-origin");
    add(answer, "cross-origin-resource-policy", "same-origin");
    add(answer, "permissions-policy",
        "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), midi=(), "
        "payment=(), "
        "serial=(), usb=()");
}

static void answer_with(struct exchange *exchange, int status, const struct answer *answer,
                        const void *body, size_t length)
{
    bool is_head = strcmp(exchange->method, "HEAD") == 0;

    exchange->events = &site_events;
    exchange->transport->start(exchange, status, answer->headers, answer->count);
    if (length > 0 && !is_head)
        exchange->transport->write(exchange, body, length);
    exchange->transport->end(exchange, NULL, 0);
}

static void send_text(struct exchange *exchange, int status, const char *allow, const char *text)
{
    struct answer answer = {.count = 0};

    add(&answer, "content-type", "text/plain; charset=utf-8");
    add(&answer, "content-length", arena_printf(exchange->arena, "%zu", strlen(text)));
    if (allow != NULL)
        add(&answer, "allow", allow);
    add_security(&answer);
    answer_with(exchange, status, &answer, text, strlen(text));
}

static bool accepts_gzip(const struct exchange *exchange)
{
    const struct http_header *header = exchange_header(exchange, "accept-encoding");

    return header != NULL && memmem(header->value, header->value_length, "gzip", 4) != NULL;
}

static bool is_known(const struct exchange *exchange, const struct site_file *file)
{
    const struct http_header *header = exchange_header(exchange, "if-none-match");

    return header != NULL && header->value_length == strlen(file->etag) &&
           memcmp(header->value, file->etag, header->value_length) == 0;
}

static void send_file(struct exchange *exchange, const struct site_file *file)
{
    bool compressed = file->compressed.length > 0 && accepts_gzip(exchange);
    const struct buffer *body = compressed ? &file->compressed : &file->content;
    struct answer answer = {.count = 0};

    add(&answer, "etag", file->etag);
    /* The names of assets change with their content. */
    add(&answer, "cache-control",
        strncmp(file->path, "/assets/", 8) == 0 ? "public, max-age=31536000, immutable"
                                                : "no-cache");
    add(&answer, "vary", "accept-encoding");
    add_security(&answer);
    if (is_known(exchange, file)) {
        answer_with(exchange, 304, &answer, NULL, 0);
        return;
    }
    add(&answer, "content-type", file->content_type);
    add(&answer, "content-length", compressed ? file->compressed_length : file->length);
    if (compressed)
        add(&answer, "content-encoding", "gzip");
    answer_with(exchange, 200, &answer, body->length ? buffer_data(body) : NULL, body->length);
}

static bool send_page(const struct http_config *config, struct exchange *exchange)
{
    for (size_t i = 0; i < config->page_count; i++) {
        struct http_page page = {.status = 200, .content_type = "text/plain; charset=utf-8"};
        struct answer answer = {.count = 0};
        if (strcmp(config->pages[i].path, exchange->path) != 0)
            continue;
        config->pages[i].render(config->pages[i].user, &page);
        add(&answer, "content-type", page.content_type);
        add(&answer, "content-length", arena_printf(exchange->arena, "%zu", page.body.length));
        add_security(&answer);
        answer_with(exchange, page.status, &answer,
                    page.body.length ? buffer_data(&page.body) : NULL, page.body.length);
        buffer_free(&page.body);
        return true;
    }
    return false;
}

/* --- CORS --- */

static bool origin_is_allowed(const struct http_config *config, const struct http_header *origin)
{
    const char *at = config->origins;

    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, " ");
        if (length > 0 && length == origin->value_length && memcmp(at, origin->value, length) == 0)
            return true;
        at += length + (at[length] == ' ');
    }
    return false;
}

static size_t cors_headers(const struct http_config *config, const struct exchange *exchange,
                           struct http_header *out)
{
    static const char expose[] = "grpc-status, grpc-message, grpc-status-details-bin, "
                                 "x-request-id, retry-after, ratelimit, ratelimit-policy";
    const struct http_header *origin;

    if (config->origins == NULL || config->origins[0] == '\0')
        return 0;
    origin = exchange_header(exchange, "origin");
    if (origin == NULL || !origin_is_allowed(config, origin))
        return 0;
    out[0] = (struct http_header){"access-control-allow-origin", 27, origin->value,
                                  origin->value_length};
    out[1] = (struct http_header){"access-control-expose-headers", 29, expose, sizeof(expose) - 1};
    out[2] = (struct http_header){"vary", 4, "origin", 6};
    return 3;
}

/* --- what every answer has --- */

static const struct http_header *find_header(const struct http_header *headers, size_t count,
                                             const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < count; i++)
        if (headers[i].name_length == length && memcmp(headers[i].name, name, length) == 0)
            return &headers[i];
    return NULL;
}

/* Native gRPC, which no browser reads. */
static bool is_native(const struct http_header *own, size_t count)
{
    static const char type[] = "application/grpc";
    const struct http_header *header = find_header(own, count, "content-type");

    return header != NULL && header->value_length >= sizeof(type) - 1 &&
           memcmp(header->value, type, sizeof(type) - 1) == 0 &&
           (header->value_length == sizeof(type) - 1 || header->value[sizeof(type) - 1] == '+');
}

#define HEADER(name_, value_)                                    \
    (struct http_header)                                         \
    {                                                            \
        (name_), sizeof(name_) - 1, (value_), sizeof(value_) - 1 \
    }

size_t common_headers(const struct http_config *config, const struct exchange *exchange,
                      const struct http_header *own, size_t own_count, struct http_header *out)
{
    size_t count = 0;

    if (is_native(own, own_count))
        return 0;
    out[count++] = HEADER("x-content-type-options", "nosniff");
    if (exchange->secure)
        out[count++] = HEADER("strict-transport-security", "max-age=31536000; includeSubDomains");
    /* What is no page and no file is shown nowhere and kept nowhere: it may hold a secret. */
    if (find_header(own, own_count, "content-security-policy") == NULL)
        out[count++] =
            HEADER("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
    if (find_header(own, own_count, "cache-control") == NULL)
        out[count++] = HEADER("cache-control", "no-store");
    return count + cors_headers(config, exchange, out + count);
}

/* common_headers() names the origin, if it is allowed. */
static void send_preflight(struct exchange *exchange)
{
    struct answer answer = {.count = 0};

    add(&answer, "access-control-allow-methods", "GET, POST");
    add(&answer, "access-control-allow-headers",
        "authorization, content-type, connect-protocol-version, connect-timeout-ms, "
        "grpc-timeout, x-grpc-web, x-user-agent");
    add(&answer, "access-control-max-age", "7200");
    answer_with(exchange, 204, &answer, NULL, 0);
}

/* --- the whole --- */

void site_serve(const struct http_config *config, struct exchange *exchange)
{
    const struct site_file *file;
    bool is_route = strchr(exchange->path, '.') == NULL;

    if (strcmp(exchange->method, "OPTIONS") == 0) {
        send_preflight(exchange);
        return;
    }
    if (strcmp(exchange->method, "GET") != 0 && strcmp(exchange->method, "HEAD") != 0) {
        send_text(exchange, 405, "GET, HEAD", "Only GET and HEAD work here.\n");
        return;
    }
    if (send_page(config, exchange))
        return;
    file = find_file(config->site, exchange->path);
    if (file == NULL && is_route)
        file = find_file(config->site, arena_printf(exchange->arena, "%s.html", exchange->path));
    if (file == NULL && is_route)
        file = find_file(config->site, "/index.html");
    if (file != NULL)
        send_file(exchange, file);
    else if (!config->site->has_client)
        send_text(exchange, 404, NULL,
                  "The web client is not built: run \"./dev build\". The API works without it.\n");
    else
        send_text(exchange, 404, NULL, "There is nothing here.\n");
}
