#include "gen/rules.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"

static const void *at(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

/* --- integers --- */

static void integer_value(struct arena *arena, int64_t value, bool wide, struct rule_value *ret)
{
    int64_t least = wide ? INT64_MIN : INT32_MIN, most = wide ? INT64_MAX : INT32_MAX;

    ret->number = (long double)value;
    ret->is_least = value == least;
    ret->is_most = value == most;
    ret->words = arena_printf(arena, "%" PRId64, value);
    if (ret->is_least)
        ret->literal = wide ? "INT64_MIN" : "INT32_MIN";
    else if (value >= INT32_MIN && value <= INT32_MAX)
        ret->literal = ret->words;
    else
        ret->literal = arena_printf(arena, "INT64_C(%" PRId64 ")", value);
}

static void unsigned_value(struct arena *arena, uint64_t value, bool wide, struct rule_value *ret)
{
    ret->number = (long double)value;
    ret->is_least = value == 0;
    ret->is_most = value == (wide ? UINT64_MAX : UINT32_MAX);
    ret->words = arena_printf(arena, "%" PRIu64, value);
    ret->literal = value <= UINT32_MAX ? arena_printf(arena, "%" PRIu64 "u", value)
                                       : arena_printf(arena, "UINT64_C(%" PRIu64 ")", value);
}

/* --- floating point: the shortest text that reads as the same number --- */

static const char *real_words(struct arena *arena, double value, bool is_float)
{
    bool exact = false;
    char text[40];

    if (value == rint(value) && fabs(value) < 1e15)
        return arena_printf(arena, "%.0f", value);
    for (int digits = 1; !exact && digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        exact = is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
    }
    return arena_strdup(arena, text);
}

static void real_value(struct arena *arena, double value, bool is_float, struct rule_value *ret)
{

    ret->number = (long double)value;
    ret->is_nan = isnan(value);
    if (isinf(value) || isnan(value)) {
        ret->literal = value < 0 ? "-__builtin_inf()" : "__builtin_inf()";
        ret->words = value < 0 ? "-infinity" : "infinity";
        return;
    }
    ret->words = real_words(arena, value, is_float);
    ret->literal = arena_printf(arena, "%s%s%s", ret->words,
                                strpbrk(ret->words, ".e") != NULL ? "" : ".0", is_float ? "f" : "");
}

/* --- times --- */

static const char *duration_words(struct arena *arena, int64_t seconds, int32_t nanos)
{
    char fraction[16];
    size_t length;

    snprintf(fraction, sizeof(fraction), ".%09d", abs(nanos));
    length = strlen(fraction);
    while (length > 0 && strchr("0.", fraction[length - 1]) != NULL)
        fraction[--length] = '\0';
    return arena_printf(arena, "%s%" PRId64 "%s s", seconds == 0 && nanos < 0 ? "-" : "", seconds,
                        fraction);
}

static const char *timestamp_words(struct arena *arena, int64_t seconds)
{
    char text[40] = "";
    time_t time = (time_t)seconds;
    struct tm parts;

    if (gmtime_r(&time, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        return arena_printf(arena, "%" PRId64 " s after 1970", seconds);
    return arena_strdup(arena, text);
}

static void time_value(struct arena *arena, const ProtobufCMessage *message, struct rule_value *ret)
{
    /* Both have the same fields. */
    const Google__Protobuf__Duration *duration = (const Google__Protobuf__Duration *)message;
    bool is_timestamp = message->descriptor == &google__protobuf__timestamp__descriptor;
    struct rule_value seconds = {0};

    integer_value(arena, duration->seconds, true, &seconds);
    ret->literal = arena_printf(arena, "%s, %d", seconds.literal, duration->nanos);
    ret->number = (long double)duration->seconds + duration->nanos / 1e9L;
    ret->words = is_timestamp ? timestamp_words(arena, duration->seconds)
                              : duration_words(arena, duration->seconds, duration->nanos);
}

/* --- any --- */

static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_BOOL:
        return 4;
    default:
        return 8;
    }
}

static void read_value(struct arena *arena, const ProtobufCFieldDescriptor *field,
                       const void *value, struct rule_value *ret)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        integer_value(arena, *(const int32_t *)value, false, ret);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        integer_value(arena, *(const int64_t *)value, true, ret);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        unsigned_value(arena, *(const uint32_t *)value, false, ret);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        unsigned_value(arena, *(const uint64_t *)value, true, ret);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        real_value(arena, (double)*(const float *)value, true, ret);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        real_value(arena, *(const double *)value, false, ret);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        time_value(arena, *(const ProtobufCMessage *const *)value, ret);
        break;
    default:
        break;
    }
}

static bool is_set(const ProtobufCMessage *rules, const ProtobufCFieldDescriptor *field)
{
    const void *quantifier = at(rules, field->quantifier_offset);

    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)quantifier == field->id;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(void *const *)at(rules, field->offset) != NULL;
    return *(const protobuf_c_boolean *)quantifier;
}

bool rule_value(struct arena *arena, const ProtobufCMessage *rules, const char *name, size_t index,
                struct rule_value *ret)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(rules->descriptor, name);
    const char *value;

    if (field == NULL)
        return false;
    value = at(rules, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (index >= *(const size_t *)at(rules, field->quantifier_offset))
            return false;
        value = *(const char *const *)value + index * element_size(field->type);
    } else if (index > 0 || !is_set(rules, field)) {
        return false;
    }
    *ret = (struct rule_value){.name = name};
    read_value(arena, field, value, ret);
    return true;
}

bool rule_either(struct arena *arena, const ProtobufCMessage *rules, const char *name,
                 const char *other, struct rule_value *ret)
{
    return rule_value(arena, rules, name, 0, ret) || rule_value(arena, rules, other, 0, ret);
}
