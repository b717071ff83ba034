#include "tools/admin/output.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_gen.h>

#include "base/clock.h"

#define MAX_COLUMNS 32

struct output_value {
    const char *name;
    const char *text; /* NULL: none */
    bool is_number;
    bool starts_row;
    struct output_value *next;
};

static void add(struct output *output, const char *name, const char *text, bool is_number)
{
    struct output_value *value = arena_alloc(output->arena, sizeof(*value));

    *value = (struct output_value){.name = name, .text = text, .is_number = is_number};
    if (output->last != NULL)
        output->last->next = value;
    else
        output->first = value;
    output->last = value;
}

void output_row(struct output *output)
{
    output->rows++;
    add(output, NULL, NULL, false);
    output->last->starts_row = true;
}

void output_text(struct output *output, const char *name, const char *text)
{
    add(output, name, text ? arena_strdup(output->arena, text) : NULL, false);
}

void output_number(struct output *output, const char *name, int64_t number)
{
    add(output, name, arena_printf(output->arena, "%lld", (long long)number), true);
}

void output_time(struct output *output, const char *name, int64_t wall_us)
{
    char text[28];

    clock_format_rfc3339(wall_us, text, sizeof(text));
    output_text(output, name, text);
}

void output_none(struct output *output, const char *name)
{
    add(output, name, NULL, false);
}

/* --- JSON --- */

static void put_string(yajl_gen json, const char *text)
{
    yajl_gen_string(json, (const unsigned char *)text, strlen(text));
}

static void put_row(yajl_gen json, const struct output_value *value)
{
    yajl_gen_map_open(json);
    for (; value != NULL && !value->starts_row; value = value->next) {
        put_string(json, value->name);
        if (value->text == NULL)
            yajl_gen_null(json);
        else if (value->is_number)
            yajl_gen_number(json, value->text, strlen(value->text));
        else
            put_string(json, value->text);
    }
    yajl_gen_map_close(json);
}

static void put_rows(yajl_gen json, const struct output *output)
{
    for (const struct output_value *value = output->first; value != NULL; value = value->next)
        if (value->starts_row)
            put_row(json, value->next);
}

static void write_json(const struct output *output)
{
    yajl_gen json = yajl_gen_alloc(NULL);
    const unsigned char *text;
    size_t length;

    if (output->list != NULL) {
        yajl_gen_map_open(json);
        put_string(json, output->list);
        yajl_gen_array_open(json);
        put_rows(json, output);
        yajl_gen_array_close(json);
        yajl_gen_map_close(json);
    } else {
        put_rows(json, output);
    }
    yajl_gen_get_buf(json, &text, &length);
    fwrite(text, 1, length, stdout);
    putchar('\n');
    yajl_gen_free(json);
}

/* --- text --- */

/* Characters, not bytes: what follows a leading byte of UTF-8 takes no room. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* Whatever players wrote, it does not get at the terminal. */
static void print_text(const char *text, size_t width)
{
    size_t pad = width > width_of(text) ? width - width_of(text) : 0;

    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7F ? '?' : *text);
    while (pad-- > 0)
        putchar(' ');
}

static void write_block(const struct output *output)
{
    size_t width = 0;

    for (const struct output_value *value = output->first; value != NULL; value = value->next)
        if (value->name != NULL && strlen(value->name) > width)
            width = strlen(value->name);
    for (const struct output_value *value = output->first; value != NULL; value = value->next) {
        if (value->name == NULL)
            continue;
        print_text(value->name, width + 2);
        print_text(value->text ? value->text : "-", 0);
        putchar('\n');
    }
}

static void measure(const struct output *output, size_t widths[MAX_COLUMNS])
{
    size_t column = 0;

    for (const struct output_value *value = output->first; value != NULL; value = value->next) {
        if (value->starts_row) {
            column = 0;
            continue;
        }
        if (column < MAX_COLUMNS) {
            size_t width = width_of(value->text ? value->text : "-");
            if (strlen(value->name) > widths[column])
                widths[column] = strlen(value->name);
            if (width > widths[column])
                widths[column] = width;
        }
        column++;
    }
}

static void write_line(const struct output_value *value, const size_t widths[MAX_COLUMNS],
                       bool names)
{
    for (size_t column = 0; value != NULL && !value->starts_row; value = value->next, column++) {
        const char *text = names ? value->name : value->text ? value->text : "-";
        bool is_last = value->next == NULL || value->next->starts_row;
        print_text(text, is_last || column >= MAX_COLUMNS ? 0 : widths[column] + 2);
    }
    putchar('\n');
}

static void write_table(const struct output *output)
{
    size_t widths[MAX_COLUMNS] = {0};

    measure(output, widths);
    if (output->first != NULL)
        write_line(output->first->next, widths, true);
    for (const struct output_value *value = output->first; value != NULL; value = value->next)
        if (value->starts_row)
            write_line(value->next, widths, false);
}

void output_write(const struct output *output)
{
    if (output->json)
        write_json(output);
    else if (output->list != NULL)
        write_table(output);
    else
        write_block(output);
}
