#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What `log_write` wrote, from the message on: the time before it differs. */
struct capture {
    int saved, pipe_read;
    char text[2 * LIMIT_LOG_LINE_BYTES];
};

static void capture_start(struct capture *capture)
{
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    capture->saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    capture->pipe_read = ends[0];
}

static const char *capture_end(struct capture *capture)
{
    ssize_t length;
    char *message;

    dup2(capture->saved, STDERR_FILENO); /* closes the pipe's last writer */
    close(capture->saved);
    length = read(capture->pipe_read, capture->text, sizeof(capture->text) - 1);
    capture->text[length < 0 ? 0 : length] = '\0';
    close(capture->pipe_read);
    message = strstr(capture->text, ",\"level\":");
    return message != NULL ? message : capture->text;
}

Test(log, fields_of_every_type)
{
    struct capture capture;

    capture_start(&capture);
    log_warning("hello", LOG_STRING("s", "text"), LOG_STRING("n", NULL), LOG_INT("i", -5),
                LOG_DOUBLE("d", 0.5), LOG_DOUBLE("nan", NAN), LOG_BOOL("b", true));
    cr_expect_str_eq(capture_end(&capture),
                     ",\"level\":\"warning\",\"message\":\"hello\",\"s\":\"text\",\"n\":null,"
                     "\"i\":-5,\"d\":0.5,\"nan\":null,\"b\":true}\n");
    cr_expect_eq(strncmp(capture.text, "{\"time\":\"2", 10), 0, "%s", capture.text);
    cr_expect_eq(strlen("{\"time\":\"2026-01-31T12:00:00.123456Z\""),
                 (size_t)(strstr(capture.text, ",\"level\"") - capture.text));
}

Test(log, escapes_what_would_break_a_line)
{
    struct capture capture;

    capture_start(&capture);
    log_info("a\"b\\c\nd\x01\x7f", LOG_STRING("utf8", "z\xc3\xbc\xf0\x9f\x90\xa7"));
    cr_expect_str_eq(capture_end(&capture),
                     ",\"level\":\"info\",\"message\":\"a\\\"b\\\\c\\nd\\u0001\\u007f\","
                     "\"utf8\":\"z\xc3\xbc\xf0\x9f\x90\xa7\"}\n");
}

/* Overlong forms, surrogates, lone and missing continuation bytes. */
Test(log, replaces_what_is_no_utf8)
{
    static const char *const bad[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\x80", "\xe2\x82"};
    static const size_t replaced[] = {1, 2, 3, 1, 2};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capture capture;
        char marks[32] = "", expected[200];
        capture_start(&capture);
        log_info(bad[i]);
        for (size_t j = 0; j < replaced[i]; j++)
            memcpy(marks + 3 * j, "\xef\xbf\xbd", 4);
        snprintf(expected, sizeof(expected), ",\"level\":\"info\",\"message\":\"%s\"}\n", marks);
        cr_expect_str_eq(capture_end(&capture), expected);
    }
}

Test(log, cuts_long_lines_at_a_field)
{
    struct capture capture;
    char *text = calloc(1, LIMIT_LOG_LINE_BYTES + 1);

    memset(text, '"', LIMIT_LOG_LINE_BYTES);
    capture_start(&capture);
    log_info("short", LOG_STRING("kept", "yes"), LOG_STRING("dropped", text),
             LOG_STRING("after", "x"));
    cr_expect_str_eq(capture_end(&capture),
                     ",\"level\":\"info\",\"message\":\"short\",\"kept\":\"yes\"}\n");
    free(text);
}

Test(log, levels)
{
    struct capture capture;

    capture_start(&capture);
    log_debug("hidden");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("hidden");
    log_error("shown");
    cr_expect_str_eq(capture_end(&capture), ",\"level\":\"error\",\"message\":\"shown\"}\n");
}

Test(clock, formats_both_sides_of_the_epoch)
{
    char text[32];

    cr_expect_eq(clock_format_rfc3339(1769860800123456, text, sizeof(text)), 27);
    cr_expect_str_eq(text, "2026-01-31T12:00:00.123456Z");
    clock_format_rfc3339(-1, text, sizeof(text));
    cr_expect_str_eq(text, "1969-12-31T23:59:59.999999Z");
}
