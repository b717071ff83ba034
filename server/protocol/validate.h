/* validate.h - what generated validation is made of.
 *
 * Generated `<Type>_validate` functions read as the rules do: a condition, and what to report
 * if it does not hold. Here is how it is reported, and the conditions that are more than a
 * comparison. The meaning of each is that of buf.validate, so that a browser using
 * protovalidate comes to the same verdict. Strings are the message's own: UTF-8, ended by NUL.
 * All run in time linear in their input, but for uniqueness, which sorts. Nothing suspends. */
#ifndef WAYSTONE_SERVER_PROTOCOL_VALIDATE_H
#define WAYSTONE_SERVER_PROTOCOL_VALIDATE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/protocol/message.h"

/* --- reporting --- */

enum violation_step {
    VIOLATION_FIELD,     /* members */
    VIOLATION_INDEX,     /* members[2], from `number` */
    VIOLATION_INT_KEY,   /* names[-1], from `number` as signed */
    VIOLATION_UINT_KEY,  /* names[1], from `number` */
    VIOLATION_BOOL_KEY,  /* names[true], from `number` */
    VIOLATION_STRING_KEY /* names["a"], from `text` */
};

/* A step on the way from the message first given to what is being checked. Steps live on the
 * stack of generated functions; those of a violation in the arena. */
struct violation_path {
    const struct violation_path *parent;
    const struct message_type *type; /* that has the field */
    const char *field;               /* or a oneof */
    enum violation_step step;
    uint64_t number;
    const char *text;
};

static inline void violations_enter(struct violations *violations, struct violation_path *step)
{
    step->parent = violations->path;
    step->type = violations->type;
    violations->path = step;
}

static inline void violations_leave(struct violations *violations)
{
    violations->path = violations->path->parent;
}

/* Reports a broken rule of a field of the message being checked; `field` NULL: of what the last
 * step stands for, which is an item, a key, or the message itself. Strings are borrowed for
 * ever: they are literals. */
void violations_add(struct violations *violations, const char *field, const char *rule,
                    const char *rule_path, const char *message) __attribute__((cold));

/* Checks the message in a field. */
void violations_check(struct violations *violations, const char *field,
                      const ProtobufCMessage *message);

/* --- numbers --- */

/* Whether a field without presence is set. -0 is on the wire, unlike 0. */
static inline bool validate_is_set(double value)
{
    return value != 0 || __builtin_signbit(value);
}

/* --- strings --- */

/* Code points. */
size_t validate_characters(const char *text);

bool validate_starts_with(const char *text, const char *prefix);
bool validate_ends_with(const char *text, const char *suffix);

/* A regular expression as the generator compiled it: a deterministic automaton over bytes.
 * State 0 matches nothing any more, state 1 is the first. */
struct validate_pattern {
    const uint8_t *classes;  /* of each of the 256 bytes */
    const uint16_t *next;    /* [state * class_count + class] */
    const uint8_t *verdicts; /* of each state: VALIDATE_... */
    unsigned class_count;
};

#define VALIDATE_ENDS 1    /* a text that ends here matches */
#define VALIDATE_MATCHES 2 /* every text that comes here matches */

bool validate_matches(const char *text, const struct validate_pattern *pattern);

bool validate_is_email(const char *text);
bool validate_is_hostname(const char *text);
bool validate_is_ip(const char *text);
bool validate_is_ipv4(const char *text);
bool validate_is_ipv6(const char *text);
bool validate_is_address(const char *text); /* a host name or an IP address */
bool validate_is_uri(const char *text);
bool validate_is_uri_ref(const char *text);
bool validate_is_uuid(const char *text);
bool validate_is_tuuid(const char *text);
bool validate_is_ulid(const char *text);

/* An address, a slash and a prefix length; of a "prefix" alone no bit is set behind it. */
bool validate_is_ip_with_prefixlen(const char *text);
bool validate_is_ipv4_with_prefixlen(const char *text);
bool validate_is_ipv6_with_prefixlen(const char *text);
bool validate_is_ip_prefix(const char *text);
bool validate_is_ipv4_prefix(const char *text);
bool validate_is_ipv6_prefix(const char *text);

bool validate_is_host_and_port(const char *text);
bool validate_is_protobuf_fqn(const char *text);     /* "a.b.C" */
bool validate_is_protobuf_dot_fqn(const char *text); /* ".a.b.C" */

/* Not strict: anything but line ends. */
bool validate_is_header_name(const char *text, bool strict);
bool validate_is_header_value(const char *text, bool strict);

/* --- bytes; `with` is a literal of `length` bytes --- */

bool validate_bytes_are(ProtobufCBinaryData bytes, const char *with, size_t length);
bool validate_bytes_start(ProtobufCBinaryData bytes, const char *with, size_t length);
bool validate_bytes_end(ProtobufCBinaryData bytes, const char *with, size_t length);
bool validate_bytes_contain(ProtobufCBinaryData bytes, const char *with, size_t length);

/* Bytes that are no UTF-8 match nothing. */
bool validate_bytes_match(ProtobufCBinaryData bytes, const struct validate_pattern *pattern);

/* --- paths of a field mask --- */

bool validate_paths_are(char *const *paths, size_t count, const char *const *wanted,
                        size_t wanted_count);

/* Whether each path is, or is none is, one of the fields or inside one. */
bool validate_paths_within(char *const *paths, size_t count, const char *const *fields,
                           size_t field_count);
bool validate_paths_outside(char *const *paths, size_t count, const char *const *fields,
                            size_t field_count);

/* --- no item twice; memory comes from the arena --- */

/* Integers, booleans and enums of `size_bytes` each. */
bool validate_unique(struct arena *arena, const void *items, size_t count, size_t size_bytes);
bool validate_unique_floats(struct arena *arena, const float *items, size_t count);
bool validate_unique_doubles(struct arena *arena, const double *items, size_t count);
bool validate_unique_strings(struct arena *arena, char *const *items, size_t count);
bool validate_unique_bytes(struct arena *arena, const ProtobufCBinaryData *items, size_t count);

/* --- timestamps and durations --- */

/* Negative, 0 or positive, as the first is before, at or after the second. */
int validate_compare_times(int64_t seconds, int32_t nanos, int64_t other_seconds,
                           int32_t other_nanos);

/* The same with now as the second. */
int validate_compare_now(int64_t seconds, int32_t nanos);

/* Whether the first is at most the second, a duration, away from now. */
bool validate_is_within(int64_t seconds, int32_t nanos, int64_t duration_seconds,
                        int32_t duration_nanos);

#endif
