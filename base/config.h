/* config.h - one file of "key = value" lines, with overrides from the environment.
 *
 * The program lists its keys in a table; reading fills the targets with the defaults, then
 * with the file, then with the environment (key "http.port" is WAYSTONE_HTTP_PORT). An unknown
 * key or a bad value stops the reading with a sentence that names the key, the value and what
 * is allowed. "#" starts a comment; a value may be in double quotes. Not thread-safe: called
 * once, at the start. */
#ifndef WAYSTONE_BASE_CONFIG_H
#define WAYSTONE_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum config_type { CONFIG_STRING, CONFIG_INT, CONFIG_BOOL, CONFIG_CHOICE };

struct config_key {
    const char *name; /* "http.port" */
    enum config_type type;
    void *target;               /* char ** (malloc'ed), int64_t *, bool *, int * (CONFIG_CHOICE) */
    const char *default_value;  /* in the file's spelling */
    int64_t minimum, maximum;   /* CONFIG_INT; both included */
    const char *const *choices; /* CONFIG_CHOICE: NULL-terminated; the target gets the index */
    const char *help;           /* one line for the documentation: what it is, its unit */
};

/* Reads `path` (NULL: no file). On failure writes one sentence into `reterr` (>= 512 bytes). */
enum status config_read(const struct config_key *keys, size_t key_count, const char *path,
                        char *const *environment, char *reterr, size_t reterr_size) MUST_CHECK;

/* As config_read(), for a program that shares the file with another: what it does not list is the
 * other's. */
enum status config_read_part(const struct config_key *keys, size_t key_count, const char *path,
                             char *const *environment, char *reterr, size_t reterr_size) MUST_CHECK;

/* Frees the strings config_read() allocated. */
void config_free(const struct config_key *keys, size_t key_count);

/* Writes the documented default file to standard output. */
void config_print_defaults(const struct config_key *keys, size_t key_count);

#endif
