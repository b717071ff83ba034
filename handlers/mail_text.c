#include "handlers/mail_text.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "handlers/mail_templates.h"

#define ADDRESS_MAX_LENGTH 254
#define LINE_MAX_LENGTH 998 /* RFC 5322 */
#define QUOTED_LINE_LENGTH 73
#define BOUNDARY "waystone-part"

static void append_visible(struct buffer *out, char character)
{
    if ((unsigned char)character < ' ' || character == 0x7F)
        character = ' ';
    buffer_append_char(out, character);
}

/* --- addresses --- */

bool mail_address_is_valid(const char *address)
{
    size_t length = strnlen(address, ADDRESS_MAX_LENGTH + 1);
    const char *at = strchr(address, '@');

    if (length > ADDRESS_MAX_LENGTH || at == NULL || at == address || at[1] == '\0')
        return false;
    for (const char *c = address; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || strchr("\"(),:;<>[\\]", *c) != NULL)
            return false;
    return strchr(at + 1, '@') == NULL;
}

static bool is_header_text(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

const char *mail_address_of(struct arena *arena, const char *from)
{
    const char *open = strchr(from, '<');
    const char *address = from;

    if (open != NULL) {
        const char *close = strchr(open, '>');
        if (close == NULL || close[1] != '\0')
            return NULL;
        address = arena_strndup(arena, open + 1, (size_t)(close - open - 1));
    }
    return is_header_text(from) && mail_address_is_valid(address) ? address : NULL;
}

/* --- text --- */

/* In a line of text: no control character, whatever was given. */
static void append_plain(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++)
        append_visible(out, *text);
}

static void append_html(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buffer_append_string(out, "&amp;");
            break;
        case '<':
            buffer_append_string(out, "&lt;");
            break;
        case '>':
            buffer_append_string(out, "&gt;");
            break;
        case '"':
            buffer_append_string(out, "&quot;");
            break;
        case '\'':
            buffer_append_string(out, "&#39;");
            break;
        default:
            append_visible(out, *text);
        }
    }
}

typedef void (*append_fn)(struct buffer *out, const char *text);

/* The value that a place in a text stands for, and where the text goes on; NULL if it is none. */
static const char *value_of(const struct mail *mail, const char *text, const char **ret_rest)
{
    static const char *const names[] = {"{name}", "{detail}", "{place}"};
    const char *values[] = {mail->user_name, mail->detail, mail->place};

    for (size_t i = 0; i < 3; i++)
        if (strncmp(text, names[i], strlen(names[i])) == 0) {
            *ret_rest = text + strlen(names[i]);
            return values[i] != NULL ? values[i] : "";
        }
    return NULL;
}

static void append_text(struct buffer *out, append_fn append, const char *text,
                        const struct mail *mail)
{
    char one[2] = "";

    while (*text != '\0') {
        const char *value = *text == '{' ? value_of(mail, text, &text) : NULL;
        if (value != NULL) {
            append(out, value);
            continue;
        }
        one[0] = *text++;
        append(out, one);
    }
}

static void append_paragraph(struct buffer *out, append_fn append, const char *text,
                             const struct mail *mail)
{
    bool html = append == append_html;

    buffer_append_string(out, html ? "<p>" : "");
    append_text(out, append, text, mail);
    buffer_append_string(out, html ? "</p>\n" : "\n\n");
}

/* The token is in the fragment, which browsers send to nobody. */
static const char *link_of(struct arena *arena, const struct mail_frame *frame,
                           const struct mail_template *template, const struct mail *mail)
{
    return arena_printf(arena, "%s%s#token=%s", frame->site_url, template->path, mail->token);
}

static void append_link(struct buffer *out, append_fn append, const char *link, const char *label)
{
    if (append == append_plain) {
        append_plain(out, link);
        buffer_append_string(out, "\n\n");
        return;
    }
    buffer_append_string(out, "<p><a href=\"");
    append_html(out, link);
    buffer_printf(out, "\">%s</a></p>\n<p>Or copy this into the browser:<br>", label);
    append_html(out, link);
    buffer_append_string(out, "</p>\n");
}

static void write_body(struct buffer *out, append_fn append, const struct mail_template *template,
                       const struct mail *mail, const char *link, const char *site_url)
{
    append_paragraph(out, append, "Hello {name},", mail);
    append_paragraph(out, append, template->what, mail);
    if (link != NULL)
        append_link(out, append, link, template->label);
    if (template->tells_place && mail->place != NULL && mail->place[0] != '\0')
        append_paragraph(out, append, "It came from the network {place}.", mail);
    append_paragraph(out, append, template->then, mail);
    append_paragraph(out, append, "Waystone", mail);
    append_paragraph(out, append, site_url, mail);
}

static void write_html(struct buffer *out, const struct mail_template *template,
                       const struct mail *mail, const char *link, const char *site_url)
{
    buffer_printf(out,
                  "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%s"
                  "</title></head>\n<body>\n",
                  template->subject);
    write_body(out, append_html, template, mail, link, site_url);
    buffer_append_string(out, "</body>\n</html>\n");
}

/* --- the message --- */

/* Whether it may stand in a message as it is. */
static bool is_seven_bit(const struct buffer *text)
{
    size_t length = 0;

    for (size_t i = 0; i < text->length; i++) {
        uint8_t c = buffer_data(text)[i];
        length = c == '\n' ? 0 : length + 1;
        if (c >= 0x80 || length > LINE_MAX_LENGTH)
            return false;
    }
    return true;
}

static void append_lines(struct buffer *out, const struct buffer *text)
{
    for (size_t i = 0; i < text->length; i++) {
        uint8_t c = buffer_data(text)[i];
        if (c == '\n')
            buffer_append_char(out, '\r');
        buffer_append_char(out, (char)c);
    }
}

/* Quoted-printable (RFC 2045). */
static void append_quoted(struct buffer *out, const struct buffer *text)
{
    size_t column = 0;

    for (size_t i = 0; i < text->length; i++) {
        uint8_t c = buffer_data(text)[i];
        if (c == '\n') {
            buffer_append_string(out, "\r\n");
            column = 0;
            continue;
        }
        if (column >= QUOTED_LINE_LENGTH) {
            buffer_append_string(out, "=\r\n");
            column = 0;
        }
        if (c > '~' || c == '=' ||
            (c == ' ' && i + 1 < text->length && buffer_data(text)[i + 1] == '\n')) {
            buffer_printf(out, "=%02X", c);
            column += 3;
        } else {
            buffer_append_char(out, (char)c);
            column++;
        }
    }
}

static void append_part(struct buffer *out, const char *type, const struct buffer *text)
{
    bool plain = is_seven_bit(text);

    buffer_printf(out,
                  "--" BOUNDARY "\r\nContent-Type: %s; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: %s\r\n\r\n",
                  type, plain ? "7bit" : "quoted-printable");
    (plain ? append_lines : append_quoted)(out, text);
    buffer_append_string(out, "\r\n");
}

static void append_head(struct buffer *out, const struct mail_frame *frame, const char *domain,
                        const struct mail *mail, const char *subject)
{
    time_t seconds = (time_t)frame->sent_at_s;
    struct tm time;
    char date[64];

    gmtime_r(&seconds, &time);
    (void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000",
                   &time); /* the C locale is ours */
    buffer_printf(out, "From: %s\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\n", frame->from, mail->to,
                  subject, date);
    buffer_printf(out,
                  "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: multipart/alternative; boundary=\"" BOUNDARY "\"\r\n\r\n",
                  frame->id, domain);
}

static const struct mail_template *find(const struct mail *mail)
{
    const struct mail_template *template = mail_template_of(mail->kind);
    bool complete = template != NULL && mail->user_name != NULL &&
                    (template->path == NULL || (mail->token != NULL && mail->token[0] != '\0'));

    return complete ? template : NULL;
}

enum status mail_render(struct arena *arena, const struct mail_frame *frame,
                        const struct mail *mail, struct bytes *ret)
{
    const struct mail_template *template = find(mail);
    const char *address = mail_address_of(arena, frame->from);
    struct buffer text = {0}, html = {0}, out = {0};
    const char *link;

    if (template == NULL || address == NULL || !mail_address_is_valid(mail->to))
        return STATUS_INVALID_ARGUMENT;
    link = template->path != NULL ? link_of(arena, frame, template, mail) : NULL;
    write_body(&text, append_plain, template, mail, link, frame->site_url);
    write_html(&html, template, mail, link, frame->site_url);
    append_head(&out, frame, strchr(address, '@') + 1, mail, template->subject);
    append_part(&out, "text/plain", &text);
    append_part(&out, "text/html", &html);
    buffer_append_string(&out, "--" BOUNDARY "--\r\n");
    *ret = (struct bytes){arena_memdup(arena, buffer_data(&out), out.length), out.length};
    buffer_free(&text);
    buffer_free(&html);
    buffer_free(&out);
    return STATUS_OK;
}
