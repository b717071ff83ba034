#include "server/http/h1_head.h"

#include <string.h>
#include <strings.h>
#include <sys/types.h>

/* picohttpparser, which libh2o is built with and exports, but installs no header for. */
struct phr_header {
    const char *name;
    size_t name_len;
    const char *value;
    size_t value_len;
};
extern int phr_parse_request(const char *buffer, size_t length, const char **method,
                             size_t *method_length, const char **path, size_t *path_length,
                             int *minor_version, struct phr_header *headers, size_t *header_count,
                             size_t last_length);

#define BAD_REQUEST 400
#define TOO_LARGE 431
#define NOT_IMPLEMENTED 501
#define MORE (-1)

#define CHUNK_LINE_BYTES 256
#define TRAILER_BYTES 8192

/* Parsers differ over a bare LF, a bare CR and NUL: nobody may mean them. */
static bool has_stray_control(const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\0')
            return true;
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            return true;
        if (data[i] == '\r' && i + 1 < length && data[i + 1] != '\n')
            return true;
    }
    return false;
}

static bool name_is(const struct h1_field *field, const char *name)
{
    return field->name_length == strlen(name) &&
           strncasecmp(field->name, name, field->name_length) == 0;
}

static bool value_is(const struct h1_field *field, const char *value)
{
    return field->value_length == strlen(value) &&
           strncasecmp(field->value, value, field->value_length) == 0;
}

static bool parse_length(const struct h1_field *field, uint64_t *ret)
{
    uint64_t value = 0;

    if (field->value_length == 0 || field->value_length > 15)
        return false;
    for (size_t i = 0; i < field->value_length; i++) {
        if (field->value[i] < '0' || field->value[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(field->value[i] - '0');
    }
    *ret = value;
    return true;
}

/* Whether the comma-separated list has the token. */
static bool has_token(const struct h1_field *field, const char *token)
{
    size_t length = strlen(token), at = 0;

    while (at < field->value_length) {
        const char *item = field->value + at;
        const char *comma = memchr(item, ',', field->value_length - at);
        size_t size = comma ? (size_t)(comma - item) : field->value_length - at;
        at += size + 1;
        for (; size > 0 && (*item == ' ' || *item == '\t'); size--)
            item++;
        while (size > 0 && (item[size - 1] == ' ' || item[size - 1] == '\t'))
            size--;
        if (size == length && strncasecmp(item, token, length) == 0)
            return true;
    }
    return false;
}

static bool is_letter_or_digit(char character)
{
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z');
}

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_letter_or_digit(text[i]) &&
            (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL))
            return false;
    return length > 0;
}

/* A name or address with an optional port; nothing that another parser could take for two of them,
 * for a user's name or for a path. */
static bool is_host(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_letter_or_digit(text[i]) &&
            (text[i] == '\0' || strchr("-._~%!$&'()*+;=:[]", text[i]) == NULL))
            return false;
    return true;
}

static bool is_visible(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return true;
}

struct framing {
    size_t hosts, lengths, encodings;
    const struct h1_field *host;
};

static int check_field(struct h1_head *head, const struct h1_field *field, struct framing *framing)
{
    uint64_t length;

    if (field->name == NULL || !is_token(field->name, field->name_length))
        return BAD_REQUEST; /* without a name: a continued line */
    if (name_is(field, "host")) {
        framing->hosts++;
        framing->host = field;
        if (!is_host(field->value, field->value_length))
            return BAD_REQUEST;
    } else if (name_is(field, "content-length")) {
        if (!parse_length(field, &length) ||
            (framing->lengths++ > 0 && length != head->content_length))
            return BAD_REQUEST;
        head->content_length = length;
    } else if (name_is(field, "transfer-encoding")) {
        if (framing->encodings++ > 0)
            return BAD_REQUEST;
        if (!value_is(field, "chunked"))
            return NOT_IMPLEMENTED;
        head->chunked = true;
    } else if (name_is(field, "connection")) {
        if (has_token(field, "close"))
            head->keep_alive = false;
    } else if (name_is(field, "expect")) {
        head->expects_continue = value_is(field, "100-continue");
    }
    return 0;
}

static int check_fields(struct h1_head *head, struct framing *framing)
{
    head->keep_alive = head->minor_version >= 1;
    for (size_t i = 0; i < head->field_count; i++) {
        int status = check_field(head, &head->fields[i], framing);
        if (status != 0)
            return status;
    }
    if (framing->encodings > 0 && (framing->lengths > 0 || head->minor_version < 1))
        return BAD_REQUEST;
    if (framing->hosts > 1 || (framing->hosts == 0 && head->minor_version >= 1))
        return BAD_REQUEST;
    return 0;
}

/* "http://host/path" becomes "/path". A host that is not the header's could mean one site to a
 * proxy and another to us. */
static bool take_absolute_form(struct h1_head *head, const struct framing *framing)
{
    size_t scheme = strncasecmp(head->target, "https://", 8) == 0 ? 8 : 7, length;
    const char *host, *path;

    if (head->target_length <= scheme ||
        (scheme == 7 && strncasecmp(head->target, "http://", 7) != 0))
        return false;
    host = head->target + scheme;
    length = head->target_length - scheme;
    path = memchr(host, '/', length);
    if (path == NULL) {
        head->target = "/";
        head->target_length = 1;
    } else {
        head->target = path;
        head->target_length = length - (size_t)(path - host);
        length = (size_t)(path - host);
    }
    return length > 0 && is_host(host, length) &&
           (framing->host == NULL || (framing->host->value_length == length &&
                                      strncasecmp(framing->host->value, host, length) == 0));
}

/* Only what an origin server is asked for: "/path", the same with a host in front, or "*" for
 * OPTIONS. */
static int check_target(struct h1_head *head, const struct framing *framing)
{
    bool is_options = head->method_length == 7 && memcmp(head->method, "OPTIONS", 7) == 0;

    if (head->target_length == 0 || !is_visible(head->target, head->target_length) ||
        memchr(head->target, '#', head->target_length) != NULL)
        return BAD_REQUEST;
    if (head->target[0] == '/' || take_absolute_form(head, framing))
        return 0;
    return is_options && head->target_length == 1 && head->target[0] == '*' ? 0 : BAD_REQUEST;
}

static struct h1_field trimmed(const struct phr_header *header)
{
    struct h1_field field = {header->name, header->name_len, header->value, header->value_len};

    while (field.value_length > 0 && (field.value[field.value_length - 1] == ' ' ||
                                      field.value[field.value_length - 1] == '\t'))
        field.value_length--;
    return field;
}

int h1_head_parse(const char *data, size_t length, size_t previous_length, struct h1_head *ret)
{
    struct phr_header headers[LIMIT_HEADERS];
    struct framing framing = {0};
    size_t count = LIMIT_HEADERS;
    int size, status;

    size = phr_parse_request(data, length, &ret->method, &ret->method_length, &ret->target,
                             &ret->target_length, &ret->minor_version, headers, &count,
                             previous_length);
    if (size == -2)
        return length > LIMIT_HEADER_BYTES ? TOO_LARGE : MORE;
    if (size < 0)
        return BAD_REQUEST;
    if ((size_t)size > LIMIT_HEADER_BYTES)
        return TOO_LARGE;
    if (has_stray_control(data, (size_t)size) || !is_token(ret->method, ret->method_length))
        return BAD_REQUEST;
    ret->size_bytes = (size_t)size;
    ret->field_count = count;
    ret->chunked = false;
    ret->expects_continue = false;
    ret->content_length = 0;
    for (size_t i = 0; i < count; i++)
        ret->fields[i] = trimmed(&headers[i]);
    status = check_fields(ret, &framing);
    return status != 0 ? status : check_target(ret, &framing);
}

/* --- chunks --- */

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'F')
        return character - 'A' + 10;
    return -1;
}

/* Length of the line at `data` without its CRLF; -1 if it is not whole, -2 if it is malformed. */
static ssize_t line_length(const char *data, size_t length, size_t most)
{
    const char *end = length > 0 ? memchr(data, '\n', length < most ? length : most) : NULL;

    if (end == NULL)
        return length < most ? -1 : -2;
    if (end == data || end[-1] != '\r' || memchr(data, '\r', (size_t)(end - data - 1)) != NULL)
        return -2;
    return end - data - 1;
}

/* No control characters, in which parsers could see the end of the line. */
static bool is_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((text[i] >= 0 && text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f)
            return false;
    return true;
}

/* "name: value", as in heads. */
static bool is_trailer(const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);

    return colon != NULL && is_token(line, (size_t)(colon - line)) && is_text(line, length);
}

static enum h1_chunk_result read_size(struct h1_chunks *chunks, const char *data, size_t length,
                                      size_t *ret_used)
{
    ssize_t line = line_length(data, length, CHUNK_LINE_BYTES);
    uint64_t size = 0;
    ssize_t digits = 0;

    if (line < 0)
        return line == -1 ? H1_CHUNK_MORE : H1_CHUNK_BAD;
    while (digits < line && hex_digit(data[digits]) >= 0)
        size = size * 16 + (uint64_t)hex_digit(data[digits++]);
    if (digits == 0 || digits > 8 || (digits < line && data[digits] != ';') ||
        !is_text(data + digits, (size_t)(line - digits)))
        return H1_CHUNK_BAD;
    *ret_used = (size_t)line + 2;
    chunks->left = size;
    chunks->state = size > 0 ? H1_CHUNK_DATA : H1_CHUNK_TRAILER;
    return H1_CHUNK_BYTES;
}

static enum h1_chunk_result read_trailer(struct h1_chunks *chunks, const char *data, size_t length,
                                         size_t *ret_used)
{
    ssize_t line = line_length(data, length, TRAILER_BYTES);

    if (line < 0)
        return line == -1 ? H1_CHUNK_MORE : H1_CHUNK_BAD;
    if (line > 0 && !is_trailer(data, (size_t)line))
        return H1_CHUNK_BAD;
    *ret_used = (size_t)line + 2;
    chunks->trailer_bytes += *ret_used;
    if (chunks->trailer_bytes > TRAILER_BYTES)
        return H1_CHUNK_BAD;
    if (line > 0)
        return H1_CHUNK_BYTES;
    chunks->state = H1_CHUNK_DONE;
    return H1_CHUNK_COMPLETE;
}

static enum h1_chunk_result read_data(struct h1_chunks *chunks, const char *data, size_t length,
                                      size_t *ret_used, const char **ret_data, size_t *ret_length)
{
    size_t take = length < chunks->left ? length : (size_t)chunks->left;

    if (take == 0)
        return H1_CHUNK_MORE;
    *ret_used = take;
    *ret_data = data;
    *ret_length = take;
    chunks->left -= take;
    if (chunks->left == 0)
        chunks->state = H1_CHUNK_END;
    return H1_CHUNK_BYTES;
}

enum h1_chunk_result h1_chunks_next(struct h1_chunks *chunks, const char *data, size_t length,
                                    size_t *ret_used, const char **ret_data, size_t *ret_length)
{
    *ret_used = 0;
    *ret_length = 0;
    switch (chunks->state) {
    case H1_CHUNK_SIZE:
        return read_size(chunks, data, length, ret_used);
    case H1_CHUNK_DATA:
        return read_data(chunks, data, length, ret_used, ret_data, ret_length);
    case H1_CHUNK_END:
        if (length < 2)
            return H1_CHUNK_MORE;
        if (data[0] != '\r' || data[1] != '\n')
            return H1_CHUNK_BAD;
        *ret_used = 2;
        chunks->state = H1_CHUNK_SIZE;
        return H1_CHUNK_BYTES;
    case H1_CHUNK_TRAILER:
        return read_trailer(chunks, data, length, ret_used);
    case H1_CHUNK_DONE:
        return H1_CHUNK_COMPLETE;
    }
    return H1_CHUNK_BAD;
}
