#include "base/config.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *name;
static int64_t port;
static bool secure;
static int level;

static const char *const levels[] = {"low", "high", NULL};

static const struct config_key keys[] = {
    {"server.name", CONFIG_STRING, &name, "none", .help = "What it is called."},
    {"http.port", CONFIG_INT, &port, "8080", 1, 65535, .help = "TCP port."},
    {"http.secure", CONFIG_BOOL, &secure, "false", .help = "Whether it is."},
    {"log.level", CONFIG_CHOICE, &level, "high", .choices = levels, .help = "How much."},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

struct reading {
    enum status status;
    char error[512];
    char path[64];
};

static void read_with(struct reading *reading, const char *text, char *const *environment)
{
    int fd;

    *reading = (struct reading){.path = "/tmp/waystone-config-XXXXXX"};
    fd = mkstemp(reading->path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    reading->status = config_read(keys, KEY_COUNT, reading->path, environment, reading->error,
                                  sizeof(reading->error));
    unlink(reading->path);
}

/* The text is refused with a sentence that ends in `sentence` (after the file's name). */
static void expect_refused(const char *text, const char *sentence)
{
    struct reading reading;

    read_with(&reading, text, NULL);
    cr_expect_eq(reading.status, STATUS_INVALID_ARGUMENT, "'%s' was accepted", text);
    cr_assert_eq(strncmp(reading.error, reading.path, strlen(reading.path)), 0, "%s",
                 reading.error);
    cr_expect_str_eq(reading.error + strlen(reading.path), sentence);
    config_free(keys, KEY_COUNT);
}

Test(config, defaults)
{
    char error[512];

    cr_assert_eq(config_read(keys, KEY_COUNT, NULL, NULL, error, sizeof(error)), STATUS_OK);
    cr_expect_str_eq(name, "none");
    cr_expect_eq(port, 8080);
    cr_expect_not(secure);
    cr_expect_eq(level, 1);
    config_free(keys, KEY_COUNT);
    cr_expect_null(name);
}

Test(config, file_then_environment)
{
    char *const environment[] = {"PATH=/bin", "WAYSTONE_HTTP_PORT=9000",
                                 "WAYSTONE_HTTP_PORTAL=no key of ours", NULL};
    struct reading reading;

    read_with(&reading,
              "# a comment\n\n"
              "server.name = \"with # and spaces \"  # said\n"
              "  http.port=1234\r\n"
              "http.secure = true # yes\n"
              "log.level = low",
              environment);
    cr_assert_eq(reading.status, STATUS_OK, "%s", reading.error);
    cr_expect_str_eq(name, "with # and spaces ");
    cr_expect_eq(port, 9000, "the environment comes last");
    cr_expect(secure);
    cr_expect_eq(level, 0);
    config_free(keys, KEY_COUNT);
}

Test(config, refuses_bad_numbers)
{
    expect_refused("http.port = 0\n", ":1: http.port = '0' must be a whole number from 1 to 65535");
    expect_refused("\nhttp.port = 65536\n",
                   ":2: http.port = '65536' must be a whole number from 1 to 65535");
    expect_refused("http.port = 80x\n",
                   ":1: http.port = '80x' must be a whole number from 1 to 65535");
    expect_refused("http.port =\n", ":1: http.port = '' must be a whole number from 1 to 65535");
    expect_refused("http.port = 99999999999999999999\n",
                   ":1: http.port = '99999999999999999999' must be a whole number from 1 to "
                   "65535");
}

Test(config, refuses_other_bad_values)
{
    expect_refused("http.secure = yes\n", ":1: http.secure = 'yes' must be true or false");
    expect_refused("log.level = loud\n", ":1: log.level = 'loud' must be one of: low, high");
}

Test(config, refuses_bad_lines)
{
    expect_refused("http.prot = 1\n",
                   ":1: unknown key 'http.prot'; --print-config lists the known ones");
    expect_refused("http.port 1\n", ":1: 'http.port 1' is no setting; write: key = value");
    expect_refused("server.name = \"open\n", ":1: server.name has an open quote");
}

Test(config, names_the_variable_with_a_bad_value)
{
    char *const environment[] = {"WAYSTONE_LOG_LEVEL=loud", NULL};
    struct reading reading;

    read_with(&reading, "", environment);
    cr_expect_eq(reading.status, STATUS_INVALID_ARGUMENT);
    cr_expect_str_eq(reading.error, "environment WAYSTONE_LOG_LEVEL: log.level = 'loud' must be "
                                    "one of: low, high");
    config_free(keys, KEY_COUNT);
}

Test(config, names_the_file_that_cannot_be_read)
{
    char error[512];

    cr_expect_eq(config_read(keys, KEY_COUNT, "/nowhere/a.conf", NULL, error, sizeof(error)),
                 STATUS_INVALID_ARGUMENT);
    cr_expect_str_eq(error,
                     "cannot read the configuration /nowhere/a.conf: No such file or directory");
    config_free(keys, KEY_COUNT);
    cr_expect_eq(config_read(keys, KEY_COUNT, "/tmp", NULL, error, sizeof(error)),
                 STATUS_INVALID_ARGUMENT);
    cr_expect_str_eq(error, "cannot read the configuration /tmp: Is a directory");
    config_free(keys, KEY_COUNT);
}

Test(config, prints_defaults_it_can_read, .init = cr_redirect_stdout)
{
    config_print_defaults(keys, KEY_COUNT);
    fflush(stdout);
    cr_assert_stdout_eq_str("# What it is called.\n"
                            "server.name = none\n"
                            "\n# TCP port.\n# 1 to 65535.\nhttp.port = 8080\n"
                            "\n# Whether it is.\n# true or false.\nhttp.secure = false\n"
                            "\n# How much.\n# One of: low, high.\nlog.level = high\n");
}

/* A tool reads its part of the server's file: what is the server's does not concern it. */
Test(config, a_part_of_a_shared_file)
{
    char path[] = "/tmp/waystone-config-XXXXXX";
    const char *text = "http.loops = \"many\"\nhttp.port = 9000\nof.the.server = 1 # its own\n";
    char *const environment[] = {"WAYSTONE_OF_THE_SERVER=2", NULL};
    char error[512];
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    cr_expect_eq(config_read_part(keys, KEY_COUNT, path, environment, error, sizeof(error)),
                 STATUS_OK, "%s", error);
    cr_expect_eq(port, 9000);
    cr_expect_eq(config_read(keys, KEY_COUNT, path, environment, error, sizeof(error)),
                 STATUS_INVALID_ARGUMENT);
    config_free(keys, KEY_COUNT);
    unlink(path);
}
