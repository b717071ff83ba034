/* validate-tool - validates messages, and matches patterns, for comparisons with protovalidate.
 *
 * Reads frames from standard input and answers each on standard output, until the input ends:
 *   request  1 byte kind, 4 bytes length in little endian, content:
 *            'm': a type's full name, NUL, a message of that type
 *            'p': a pattern and texts, a NUL behind each
 *   answer   1 byte, length, content:
 *            '+': of a message buf.validate.Violations, empty when it is valid; of a pattern one
 *                 character per text, '1' when it matches
 *            '-': a sentence, if the message or pattern is refused */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/pattern.h"
#include "rules.h"
#include "server/protocol/validate.h"
#include "server/violations.h"

static bool read_exactly(void *data, size_t length)
{
    return length == 0 || fread(data, length, 1, stdin) == 1;
}

static void answer(char kind, const void *data, size_t length)
{
    uint32_t size = (uint32_t)length;

    fwrite(&kind, 1, 1, stdout);
    fwrite(&size, sizeof(size), 1, stdout);
    if (length > 0)
        fwrite(data, length, 1, stdout);
    fflush(stdout);
}

static enum status check_message(struct arena *arena, const uint8_t *data, size_t length,
                                 struct buffer *out, const char **reterr)
{
    size_t name_length = strnlen((const char *)data, length);
    const struct message_type *type = message_registry_find((const char *)data, name_length);
    struct violations violations = {.arena = arena};
    ProtobufCMessage *message;

    *reterr = "there is no such type";
    if (type == NULL || name_length == length)
        return STATUS_INVALID_ARGUMENT;
    TRY(message_decode(arena, type, data + name_length + 1, length - name_length - 1, &message,
                       reterr));
    message_validate(message, &violations);
    if (violations.count > 0)
        violations_encode(&violations, out);
    return STATUS_OK;
}

static enum status match_texts(struct arena *arena, const uint8_t *data, size_t length,
                               struct buffer *out, const char **reterr)
{
    const char *text = arena_strndup(arena, (const char *)data, length);
    const char *end = text + length;
    struct validate_pattern table;
    struct pattern pattern;

    if (!pattern_compile(arena, text, &pattern, reterr))
        return STATUS_INVALID_ARGUMENT;
    table = (struct validate_pattern){pattern.classes, pattern.next, pattern.verdicts,
                                      pattern.class_count};
    for (text += strlen(text) + 1; text < end; text += strlen(text) + 1)
        buffer_append_char(out, validate_matches(text, &table) ? '1' : '0');
    return STATUS_OK;
}

int main(void)
{
    uint32_t length;
    char kind;

    rules_register_types();
    while (fread(&kind, 1, 1, stdin) == 1 && read_exactly(&length, sizeof(length))) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct buffer out = {0};
        const char *error = "";
        uint8_t *data = malloc(length > 0 ? length : 1);
        enum status status;

        if (data == NULL || !read_exactly(data, length))
            return 1;
        status = kind == 'm' ? check_message(arena, data, length, &out, &error)
                             : match_texts(arena, data, length, &out, &error);
        if (status == STATUS_OK)
            answer('+', out.length > 0 ? buffer_data(&out) : NULL, out.length);
        else
            answer('-', error, strlen(error));
        buffer_free(&out);
        free(data);
    }
    return 0;
}
