#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One sentence for the operator, and the status that goes with it. */
struct failure {
    char *text;
    size_t size;
    bool is_part; /* keys that are not listed are no failure */
};

static enum status fail(const struct failure *failure, const char *format, ...) PRINTF_LIKE(2, 3);

static enum status fail(const struct failure *failure, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(failure->text, failure->size, format, arguments);
    va_end(arguments);
    return STATUS_INVALID_ARGUMENT;
}

/* --- values --- */

static enum status set_int(const struct config_key *key, const char *value, const char *where,
                           const struct failure *failure)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || number < key->minimum ||
        number > key->maximum)
        return fail(failure, "%s: %s = '%s' must be a whole number from %lld to %lld", where,
                    key->name, value, (long long)key->minimum, (long long)key->maximum);
    *(int64_t *)key->target = number;
    return STATUS_OK;
}

static enum status set_bool(const struct config_key *key, const char *value, const char *where,
                            const struct failure *failure)
{
    bool yes = strcmp(value, "true") == 0;

    if (!yes && strcmp(value, "false") != 0)
        return fail(failure, "%s: %s = '%s' must be true or false", where, key->name, value);
    *(bool *)key->target = yes;
    return STATUS_OK;
}

static enum status set_choice(const struct config_key *key, const char *value, const char *where,
                              const struct failure *failure)
{
    char allowed[256] = "";

    for (int i = 0; key->choices[i] != NULL; i++) {
        size_t used = strlen(allowed);
        if (strcmp(key->choices[i], value) == 0) {
            *(int *)key->target = i;
            return STATUS_OK;
        }
        snprintf(allowed + used, sizeof(allowed) - used, "%s%s", i ? ", " : "", key->choices[i]);
    }
    return fail(failure, "%s: %s = '%s' must be one of: %s", where, key->name, value, allowed);
}

static enum status set_string(const struct config_key *key, const char *value)
{
    char **target = key->target;
    char *copy = strdup(value);

    if (copy == NULL)
        abort();
    free(*target);
    *target = copy;
    return STATUS_OK;
}

static enum status set_value(const struct config_key *key, const char *value, const char *where,
                             const struct failure *failure)
{
    switch (key->type) {
    case CONFIG_INT:
        return set_int(key, value, where, failure);
    case CONFIG_BOOL:
        return set_bool(key, value, where, failure);
    case CONFIG_CHOICE:
        return set_choice(key, value, where, failure);
    case CONFIG_STRING:
        return set_string(key, value);
    }
    return STATUS_INTERNAL;
}

/* --- the file --- */

static const struct config_key *find_key(const struct config_key *keys, size_t key_count,
                                         const char *name)
{
    for (size_t i = 0; i < key_count; i++)
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

static char *trim(char *text)
{
    char *end;

    while (isspace((unsigned char)*text))
        text++;
    end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

/* Cuts a comment off and takes quotes away. False if a quote is left open or followed by more. */
static bool unquote(char **value)
{
    char *text = *value;
    char *end;

    if (*text != '"') {
        text[strcspn(text, "#")] = '\0';
        *value = trim(text);
        return true;
    }
    end = strchr(text + 1, '"');
    if (end == NULL)
        return false;
    *end = '\0';
    *value = text + 1;
    end = trim(end + 1);
    return *end == '\0' || *end == '#';
}

static enum status read_line(const struct config_key *keys, size_t key_count, char *text,
                             const char *where, const struct failure *failure)
{
    const struct config_key *key;
    char *equals, *name, *value;

    text = trim(text);
    if (*text == '\0' || *text == '#')
        return STATUS_OK;
    equals = strchr(text, '=');
    if (equals == NULL)
        return fail(failure, "%s: '%s' is no setting; write: key = value", where, text);
    *equals = '\0';
    name = trim(text);
    value = trim(equals + 1);
    key = find_key(keys, key_count, name);
    if (key == NULL && failure->is_part)
        return STATUS_OK;
    if (key == NULL)
        return fail(failure, "%s: unknown key '%s'; --print-config lists the known ones", where,
                    name);
    if (!unquote(&value))
        return fail(failure, "%s: %s has an open quote", where, name);
    return set_value(key, value, where, failure);
}

static enum status read_file(const struct config_key *keys, size_t key_count, const char *path,
                             const struct failure *failure)
{
    FILE *file = fopen(path, "re");
    enum status status = STATUS_OK;
    char *line = NULL;
    size_t capacity = 0;
    char where[300];

    if (file == NULL)
        return fail(failure, "cannot read the configuration %s: %s", path, strerror(errno));
    for (int number = 1; status == STATUS_OK && getline(&line, &capacity, file) >= 0; number++) {
        snprintf(where, sizeof(where), "%s:%d", path, number);
        status = read_line(keys, key_count, line, where, failure);
    }
    if (status == STATUS_OK && ferror(file))
        status = fail(failure, "cannot read the configuration %s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return status;
}

/* --- the environment --- */

#define PREFIX "WAYSTONE_"

/* "http.port" is WAYSTONE_HTTP_PORT. */
static bool is_variable_of(const struct config_key *key, const char *variable, size_t length)
{
    const char *name = key->name;

    if (strlen(name) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        int expected = name[i] == '.' ? '_' : toupper((unsigned char)name[i]);
        if ((unsigned char)variable[i] != expected)
            return false;
    }
    return true;
}

static enum status read_environment(const struct config_key *keys, size_t key_count,
                                    char *const *environment, const struct failure *failure)
{
    for (; environment != NULL && *environment != NULL; environment++) {
        const char *name = *environment + strlen(PREFIX);
        const char *equals;
        if (strncmp(*environment, PREFIX, strlen(PREFIX)) != 0)
            continue;
        equals = strchr(name, '=');
        for (size_t i = 0; equals != NULL && i < key_count; i++) {
            char where[100];
            if (!is_variable_of(&keys[i], name, (size_t)(equals - name)))
                continue;
            snprintf(where, sizeof(where), "environment %.*s", (int)(equals - *environment),
                     *environment);
            TRY(set_value(&keys[i], equals + 1, where, failure));
        }
    }
    return STATUS_OK;
}

/* --- the interface --- */

static enum status read_all(const struct config_key *keys, size_t key_count, const char *path,
                            char *const *environment, const struct failure *failure)
{
    for (size_t i = 0; i < key_count; i++)
        TRY(set_value(&keys[i], keys[i].default_value, "default", failure));
    if (path != NULL)
        TRY(read_file(keys, key_count, path, failure));
    return read_environment(keys, key_count, environment, failure);
}

enum status config_read(const struct config_key *keys, size_t key_count, const char *path,
                        char *const *environment, char *reterr, size_t reterr_size)
{
    struct failure failure = {reterr, reterr_size, false};

    return read_all(keys, key_count, path, environment, &failure);
}

enum status config_read_part(const struct config_key *keys, size_t key_count, const char *path,
                             char *const *environment, char *reterr, size_t reterr_size)
{
    struct failure failure = {reterr, reterr_size, true};

    return read_all(keys, key_count, path, environment, &failure);
}

void config_free(const struct config_key *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        char **target = keys[i].target;
        if (keys[i].type != CONFIG_STRING)
            continue;
        free(*target);
        *target = NULL;
    }
}

static void print_allowed(const struct config_key *key)
{
    if (key->type == CONFIG_INT)
        printf("# %lld to %lld.\n", (long long)key->minimum, (long long)key->maximum);
    if (key->type == CONFIG_BOOL)
        puts("# true or false.");
    if (key->type != CONFIG_CHOICE)
        return;
    fputs("# One of:", stdout);
    for (int i = 0; key->choices[i] != NULL; i++)
        printf("%s %s", i ? "," : "", key->choices[i]);
    puts(".");
}

void config_print_defaults(const struct config_key *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        const char *value = keys[i].default_value;
        bool quote = *value == '\0' || strpbrk(value, " #") != NULL;
        printf("%s# %s\n", i ? "\n" : "", keys[i].help);
        print_allowed(&keys[i]);
        printf("%s = %s%s%s\n", keys[i].name, quote ? "\"" : "", value, quote ? "\"" : "");
    }
}
