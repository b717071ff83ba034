/* Forms everybody knows: mail addresses, host names, IP addresses, URIs, identifiers. The
 * verdicts are those of protovalidate, which follows HTML, RFC 1123, RFC 4291 and RFC 3986. */
#include <string.h>

#include "server/protocol/utf8.h"
#include "server/protocol/validate.h"

/* A text and how far it has been read. */
struct reader {
    const char *at;
    const char *end;
};

static struct reader reader_of(const char *text)
{
    return (struct reader){text, text + strlen(text)};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alphanumeric(char c)
{
    return is_digit(c) || is_letter(c);
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(char c, const char *characters)
{
    return c != '\0' && strchr(characters, c) != NULL;
}

/* The next character; NUL at the end, which no text has inside. */
static char peek(const struct reader *reader)
{
    if (reader->at == reader->end)
        return '\0';
    return *reader->at;
}

static bool take(struct reader *reader, char c)
{
    if (peek(reader) != c || reader->at == reader->end)
        return false;
    reader->at++;
    return true;
}

/* Skips what `wanted` accepts; returns how many. */
static size_t skip(struct reader *reader, bool (*wanted)(char c))
{
    const char *start = reader->at;

    while (reader->at < reader->end && wanted(*reader->at))
        reader->at++;
    return (size_t)(reader->at - start);
}

/* --- mail addresses and host names --- */

static bool is_mail_local(char c)
{
    return is_alphanumeric(c) || is_one_of(c, ".!#$%&'*+/=?^_`{|}~-");
}

static bool is_label_character(char c)
{
    return is_alphanumeric(c) || c == '-';
}

/* 1 to 63 letters, digits and hyphens, without a hyphen at an end. */
static bool take_label(struct reader *reader)
{
    const char *start = reader->at;
    size_t length = skip(reader, is_label_character);

    return length >= 1 && length <= 63 && start[0] != '-' && start[length - 1] != '-';
}

bool validate_is_email(const char *text)
{
    struct reader reader = reader_of(text);

    if (skip(&reader, is_mail_local) == 0 || !take(&reader, '@'))
        return false;
    do {
        if (!take_label(&reader))
            return false;
    } while (take(&reader, '.'));
    return reader.at == reader.end;
}

static bool is_hostname(struct reader reader)
{
    const char *label;

    if (reader.at == reader.end || reader.end - reader.at > 253)
        return false;
    if (reader.end[-1] == '.')
        reader.end--;
    do {
        label = reader.at;
        if (!take_label(&reader))
            return false;
    } while (take(&reader, '.'));
    if (reader.at != reader.end)
        return false;
    reader.at = label;
    skip(&reader, is_digit);
    return reader.at != reader.end; /* the last label is not a number */
}

bool validate_is_hostname(const char *text)
{
    return is_hostname(reader_of(text));
}

/* --- IP addresses --- */

/* 0 to 255 without leading zeros. */
static bool take_octet(struct reader *reader, uint8_t *ret)
{
    const char *start = reader->at;
    size_t length = skip(reader, is_digit);
    int value = 0;

    if (length == 0 || length > 3 || (length > 1 && start[0] == '0'))
        return false;
    for (size_t i = 0; i < length; i++)
        value = value * 10 + (start[i] - '0');
    *ret = (uint8_t)value;
    return value <= 255;
}

static bool read_ipv4(struct reader reader, uint8_t ret[static 4])
{
    for (int i = 0; i < 4; i++)
        if ((i > 0 && !take(&reader, '.')) || !take_octet(&reader, &ret[i]))
            return false;
    return reader.at == reader.end;
}

static bool is_dotted(char c)
{
    return is_digit(c) || c == '.';
}

/* Whether at least the shortest IPv4 address could stand here, unlike a group of digits. */
static bool starts_dotted(struct reader reader)
{
    return skip(&reader, is_dotted) >= 7;
}

struct ipv6 {
    struct reader reader;
    bool prefix;       /* a prefix length follows */
    uint8_t bytes[16]; /* of the groups */
    size_t groups;     /* of 16 bits, read so far; those beyond 8 are not kept */
    size_t elided_at;  /* groups in front of "::" */
    bool elided;       /* "::" was seen */
    bool dotted;       /* an IPv4 address ended it */
    bool zoned;        /* a zone ended it */
};

static void add_group(struct ipv6 *ip, unsigned value)
{
    if (ip->groups < 8) {
        ip->bytes[2 * ip->groups] = (uint8_t)(value >> 8);
        ip->bytes[2 * ip->groups + 1] = (uint8_t)value;
    }
    ip->groups++;
}

static unsigned hex_value(char c)
{
    if (is_digit(c))
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a' + 10);
}

/* Reads ":" or "::"; false if it cannot stand here. As in every protovalidate, a single one may
 * stand in front of a prefix length. */
static bool take_colons(struct ipv6 *ip, const char *start)
{
    bool first = ip->reader.at == start;

    take(&ip->reader, ':');
    if (!take(&ip->reader, ':'))
        return !first && (ip->prefix || ip->reader.at != ip->reader.end);
    if (ip->elided || peek(&ip->reader) == ':')
        return false;
    ip->elided = true;
    ip->elided_at = ip->groups;
    return true;
}

/* One to four hexadecimal digits, or none. */
static bool take_group(struct ipv6 *ip)
{
    const char *digits = ip->reader.at;
    size_t count = skip(&ip->reader, is_hex);
    unsigned value = 0;

    if (count > 4)
        return false;
    for (size_t i = 0; i < count; i++)
        value = value << 4 | hex_value(digits[i]);
    if (count > 0)
        add_group(ip, value);
    return true;
}

/* Reads one piece; false if nothing may stand here that does. */
static bool take_ipv6_piece(struct ipv6 *ip, const char *start)
{
    const char *before = ip->reader.at;
    uint8_t ipv4[4];

    if ((ip->elided || ip->groups == 6) && starts_dotted(ip->reader)) {
        if (!read_ipv4(ip->reader, ipv4))
            return false;
        add_group(ip, (unsigned)ipv4[0] << 8 | ipv4[1]);
        add_group(ip, (unsigned)ipv4[2] << 8 | ipv4[3]);
        ip->dotted = true;
        return true;
    }
    if (!take_group(ip))
        return false;
    if (ip->reader.at != before)
        return true;
    if (peek(&ip->reader) == ':')
        return take_colons(ip, start);
    ip->zoned = take(&ip->reader, '%') && ip->reader.at != ip->reader.end;
    return ip->zoned;
}

/* As in every protovalidate, an IPv4 address behind "::" may stand behind any number of
 * groups. */
static bool read_ipv6(struct ipv6 *ip, struct reader reader, bool prefix)
{
    *ip = (struct ipv6){.reader = reader, .prefix = prefix};
    while (!ip->dotted && !ip->zoned && ip->reader.at < ip->reader.end)
        if (!take_ipv6_piece(ip, reader.at))
            return false;
    if (ip->dotted)
        return true;
    return ip->elided ? ip->groups < 8 : ip->groups == 8;
}

/* Puts the groups behind "::" where they belong. What has more than eight is zero, as in every
 * protovalidate. */
static void expand(struct ipv6 *ip)
{
    size_t head = 2 * ip->elided_at, tail;

    if (ip->groups > 8) {
        memset(ip->bytes, 0, sizeof(ip->bytes));
        return;
    }
    if (!ip->elided)
        return;
    tail = 2 * ip->groups - head;
    memmove(ip->bytes + 16 - tail, ip->bytes + head, tail);
    memset(ip->bytes + head, 0, 16 - tail - head);
}

static bool is_ipv4(struct reader reader)
{
    uint8_t bytes[4];

    return read_ipv4(reader, bytes);
}

static bool is_ipv6(struct reader reader)
{
    struct ipv6 ip;

    return read_ipv6(&ip, reader, false);
}

bool validate_is_ipv4(const char *text)
{
    return is_ipv4(reader_of(text));
}

bool validate_is_ipv6(const char *text)
{
    return is_ipv6(reader_of(text));
}

bool validate_is_ip(const char *text)
{
    return validate_is_ipv4(text) || validate_is_ipv6(text);
}

bool validate_is_address(const char *text)
{
    return validate_is_hostname(text) || validate_is_ip(text);
}

/* --- IP addresses with a prefix length --- */

/* Up to `most`, without leading zeros, until the end. */
static bool read_number(struct reader reader, unsigned most, unsigned *ret)
{
    const char *start = reader.at;
    size_t length = skip(&reader, is_digit);

    *ret = 0;
    if (length == 0 || length > 5 || (length > 1 && start[0] == '0') || reader.at != reader.end)
        return false;
    for (size_t i = 0; i < length; i++)
        *ret = *ret * 10 + (unsigned)(start[i] - '0');
    return *ret <= most;
}

/* Splits at the first slash. */
static bool split_prefix(const char *text, struct reader *ret_address, struct reader *ret_length)
{
    const char *slash = strchr(text, '/');

    if (slash == NULL)
        return false;
    *ret_address = (struct reader){text, slash};
    *ret_length = reader_of(slash + 1);
    return true;
}

/* Whether no bit is set behind the first `bits`. */
static bool is_network(const uint8_t *bytes, size_t size_bytes, unsigned bits)
{
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned kept = bits >= 8 * (i + 1) ? 8 : bits > 8 * i ? bits - 8 * (unsigned)i : 0;
        if (bytes[i] & (0xffu >> kept))
            return false;
    }
    return true;
}

static bool is_ipv4_prefix(const char *text, bool network)
{
    struct reader address, length;
    uint8_t bytes[4];
    unsigned bits;

    return split_prefix(text, &address, &length) && read_ipv4(address, bytes) &&
           read_number(length, 32, &bits) && (!network || is_network(bytes, 4, bits));
}

static bool is_ipv6_prefix(const char *text, bool network)
{
    struct reader address, length;
    struct ipv6 ip;
    unsigned bits;

    if (!split_prefix(text, &address, &length) || !read_ipv6(&ip, address, true) || ip.zoned ||
        !read_number(length, 128, &bits))
        return false;
    expand(&ip);
    return !network || is_network(ip.bytes, 16, bits);
}

bool validate_is_ipv4_with_prefixlen(const char *text)
{
    return is_ipv4_prefix(text, false);
}

bool validate_is_ipv6_with_prefixlen(const char *text)
{
    return is_ipv6_prefix(text, false);
}

bool validate_is_ip_with_prefixlen(const char *text)
{
    return is_ipv4_prefix(text, false) || is_ipv6_prefix(text, false);
}

bool validate_is_ipv4_prefix(const char *text)
{
    return is_ipv4_prefix(text, true);
}

bool validate_is_ipv6_prefix(const char *text)
{
    return is_ipv6_prefix(text, true);
}

bool validate_is_ip_prefix(const char *text)
{
    return is_ipv4_prefix(text, true) || is_ipv6_prefix(text, true);
}

/* --- hosts with a port --- */

bool validate_is_host_and_port(const char *text)
{
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    struct reader host;
    unsigned port;

    if (colon == NULL || !read_number(reader_of(colon + 1), 65535, &port))
        return false;
    host = (struct reader){text, colon};
    if (*text != '[')
        return is_hostname(host) || is_ipv4(host);
    if (bracket == NULL || bracket + 1 != colon)
        return false;
    return is_ipv6((struct reader){text + 1, bracket});
}

/* --- URIs: the functions are named after the rules of RFC 3986 --- */

static bool take_unreserved(struct reader *reader)
{
    char c = peek(reader);

    if (!is_alphanumeric(c) && !is_one_of(c, "-_.~"))
        return false;
    reader->at++;
    return true;
}

static bool take_sub_delim(struct reader *reader)
{
    if (!is_one_of(peek(reader), "!$&'()*+,;="))
        return false;
    reader->at++;
    return true;
}

static bool take_pct_encoded(struct reader *reader)
{
    if (reader->end - reader->at < 3 || reader->at[0] != '%' || !is_hex(reader->at[1]) ||
        !is_hex(reader->at[2]))
        return false;
    reader->at += 3;
    return true;
}

static bool take_pchar(struct reader *reader)
{
    return take_unreserved(reader) || take_pct_encoded(reader) || take_sub_delim(reader) ||
           take(reader, ':') || take(reader, '@');
}

static bool at_authority_end(const struct reader *reader)
{
    return reader->at == reader->end || is_one_of(*reader->at, "/?#");
}

static bool at_path_end(const struct reader *reader)
{
    return reader->at == reader->end || is_one_of(*reader->at, "?#");
}

/* userinfo "@", if there is an "@" to end it. */
static void take_userinfo(struct reader *reader)
{
    struct reader ahead = *reader;

    while (take_unreserved(&ahead) || take_pct_encoded(&ahead) || take_sub_delim(&ahead) ||
           take(&ahead, ':'))
        ;
    if (take(&ahead, '@'))
        *reader = ahead;
}

/* What percent signs encode in a host is UTF-8. Checked a run at a time: other characters are
 * ASCII and end a sequence. */
static bool decodes_to_utf8(const char *at, const char *end)
{
    while (at < end) {
        uint8_t sequence[4];
        size_t length = 0;

        while (length < 4 && end - at >= 3 && at[0] == '%') {
            sequence[length++] = (uint8_t)(hex_value(at[1]) << 4 | hex_value(at[2]));
            at += 3;
            if (utf8_character_length(sequence, length) == length)
                break;
        }
        if (length == 0)
            at++;
        else if (utf8_character_length(sequence, length) != length)
            return false;
    }
    return true;
}

static bool is_ipv6_character(char c)
{
    return is_hex(c) || c == ':';
}

/* IPv6 in brackets, with a zone behind "%25". As in protovalidate, its last groups cannot be
 * written as an IPv4 address here. */
static bool take_ipv6_literal(struct reader *reader)
{
    struct reader inside = *reader;

    skip(reader, is_ipv6_character);
    inside.end = reader->at;
    if (!is_ipv6(inside))
        return false;
    if (peek(reader) != '%')
        return true;
    if (reader->end - reader->at < 4 || memcmp(reader->at, "%25", 3) != 0)
        return false;
    reader->at += 3;
    if (!take_unreserved(reader) && !take_pct_encoded(reader))
        return false;
    while (take_unreserved(reader) || take_pct_encoded(reader))
        ;
    return true;
}

static bool take_ipvfuture(struct reader *reader)
{
    const char *start;

    if (!take(reader, 'v') || skip(reader, is_hex) == 0 || !take(reader, '.'))
        return false;
    start = reader->at;
    while (take_unreserved(reader) || take_sub_delim(reader) || take(reader, ':'))
        ;
    return reader->at > start;
}

static bool take_ip_literal(struct reader *reader)
{
    struct reader ahead = *reader;

    if (!take(&ahead, '['))
        return false;
    *reader = ahead;
    if (!take_ipv6_literal(reader) || peek(reader) != ']') {
        *reader = ahead;
        if (!take_ipvfuture(reader))
            return false;
    }
    return take(reader, ']');
}

static bool take_host(struct reader *reader)
{
    const char *start = reader->at;

    if (peek(reader) == '[') {
        if (!take_ip_literal(reader))
            return false;
    } else {
        while (take_unreserved(reader) || take_pct_encoded(reader) || take_sub_delim(reader))
            ;
        if (peek(reader) != ':' && !at_authority_end(reader))
            return false;
    }
    return decodes_to_utf8(start, reader->at);
}

static bool take_authority(struct reader *reader)
{
    take_userinfo(reader);
    if (!take_host(reader))
        return false;
    if (take(reader, ':'))
        skip(reader, is_digit);
    return at_authority_end(reader);
}

/* Any characters of paths and slashes. */
static void take_segments(struct reader *reader)
{
    while (take_pchar(reader) || take(reader, '/'))
        ;
}

/* path-absolute: a slash, not followed by another. */
static bool take_path_absolute(struct reader *reader)
{
    if (!take(reader, '/') || peek(reader) == '/')
        return false;
    take_segments(reader);
    return at_path_end(reader);
}

/* path-rootless, or path-noscheme, whose first segment has no colon; or no path. */
static bool take_path_relative(struct reader *reader, bool colon)
{
    if (at_path_end(reader))
        return true;
    if (peek(reader) == '/')
        return false;
    while (colon ? take_pchar(reader)
                 : take_unreserved(reader) || take_pct_encoded(reader) || take_sub_delim(reader) ||
                       take(reader, '@'))
        ;
    if (!at_path_end(reader) && peek(reader) != '/')
        return false;
    take_segments(reader);
    return at_path_end(reader);
}

/* hier-part or relative-part. */
static bool take_part(struct reader *reader, bool colon)
{
    struct reader ahead = *reader;

    // NOLINTNEXTLINE(misc-redundant-expression): each take() goes on by one
    if (take(&ahead, '/') && take(&ahead, '/') && take_authority(&ahead)) {
        take_segments(&ahead);
        *reader = ahead;
        return at_path_end(reader);
    }
    ahead = *reader;
    if (take_path_absolute(&ahead)) {
        *reader = ahead;
        return true;
    }
    return take_path_relative(reader, colon);
}

/* What stands behind a "?" or "#"; it ends at the end, or a query at a "#". If it does not, the
 * reader stays where it starts. */
static bool take_tail(struct reader *reader, bool query)
{
    struct reader ahead = *reader;

    while (take_pchar(&ahead) || take(&ahead, '/') || take(&ahead, '?'))
        ;
    if (ahead.at != ahead.end && !(query && *ahead.at == '#'))
        return false;
    *reader = ahead;
    return true;
}

/* [ "?" query ] [ "#" fragment ] and nothing behind. */
static bool take_rest(struct reader *reader)
{
    if (take(reader, '?') && !take_tail(reader, true))
        return false;
    if (take(reader, '#') && !take_tail(reader, false))
        return false;
    return reader->at == reader->end;
}

static bool is_scheme_character(char c)
{
    return is_alphanumeric(c) || is_one_of(c, "+-.");
}

/* scheme ":" hier-part */
static bool take_scheme_and_part(struct reader *reader)
{
    struct reader ahead = *reader;

    if (!is_letter(peek(&ahead)))
        return false;
    skip(&ahead, is_scheme_character);
    if (!take(&ahead, ':') || !take_part(&ahead, true))
        return false;
    *reader = ahead;
    return true;
}

bool validate_is_uri(const char *text)
{
    struct reader reader = reader_of(text);

    return take_scheme_and_part(&reader) && take_rest(&reader);
}

/* As in every protovalidate, a URI whose query or fragment is wrong goes through when that is
 * itself a relative reference: "x:a#b#c". */
bool validate_is_uri_ref(const char *text)
{
    struct reader reader = reader_of(text);

    if (take_scheme_and_part(&reader) && take_rest(&reader))
        return true;
    return take_part(&reader, false) && take_rest(&reader);
}

/* --- identifiers --- */

bool validate_is_uuid(const char *text)
{
    for (int i = 0; i < 36; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (hyphen ? text[i] != '-' : !is_hex(text[i]))
            return false;
    }
    return text[36] == '\0';
}

bool validate_is_tuuid(const char *text)
{
    for (int i = 0; i < 32; i++)
        if (!is_hex(text[i]))
            return false;
    return text[32] == '\0';
}

/* 26 characters of Crockford's base 32, for 128 bits: the first is at most 7. */
bool validate_is_ulid(const char *text)
{
    if (text[0] < '0' || text[0] > '7')
        return false;
    for (int i = 1; i < 26; i++)
        if (!is_alphanumeric(text[i]) || is_one_of(text[i], "IiLlOoUu"))
            return false;
    return text[26] == '\0';
}

/* --- names of Protobuf and HTTP --- */

static bool is_word(char c)
{
    return is_alphanumeric(c) || c == '_';
}

static bool is_fqn(struct reader reader)
{
    do {
        if (is_digit(peek(&reader)) || skip(&reader, is_word) == 0)
            return false;
    } while (take(&reader, '.'));
    return reader.at == reader.end;
}

bool validate_is_protobuf_fqn(const char *text)
{
    return is_fqn(reader_of(text));
}

bool validate_is_protobuf_dot_fqn(const char *text)
{
    return text[0] == '.' && is_fqn(reader_of(text + 1));
}

static bool is_token(char c)
{
    return is_alphanumeric(c) || is_one_of(c, "!#$%&'*+,-.^_`|~");
}

bool validate_is_header_name(const char *text, bool strict)
{
    struct reader reader = reader_of(text);

    if (!strict)
        return *text != '\0' && strpbrk(text, "\r\n") == NULL;
    take(&reader, ':');
    return skip(&reader, is_token) > 0 && reader.at == reader.end;
}

bool validate_is_header_value(const char *text, bool strict)
{
    if (!strict)
        return strpbrk(text, "\r\n") == NULL;
    for (; *text != '\0'; text++)
        if (((uint8_t)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return false;
    return true;
}
