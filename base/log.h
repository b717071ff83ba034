/* log.h - one JSON object a line on standard error.
 *
 *     log_info("server started", LOG_STRING("address", address), LOG_INT("port", port));
 *
 * writes {"time":"...","level":"info","message":"server started","address":"...","port":8080}.
 * Thread-safe: a line is one write(). Lines longer than LIMIT_LOG_LINE_BYTES are cut at a field
 * and stay valid JSON. Values are escaped; bytes that are no UTF-8 become U+FFFD. Never log a
 * password, a token or a cookie. */
#ifndef WAYSTONE_BASE_LOG_H
#define WAYSTONE_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

struct log_field {
    const char *key;
    enum { LOG_FIELD_STRING, LOG_FIELD_INT, LOG_FIELD_DOUBLE, LOG_FIELD_BOOL } type;
    union {
        const char *string; /* NULL writes null */
        int64_t integer;
        double number;
        bool boolean;
    } value;
};

#define LOG_STRING(key_, value_) \
    ((struct log_field){.key = (key_), .type = LOG_FIELD_STRING, .value.string = (value_)})
#define LOG_INT(key_, value_) \
    ((struct log_field){.key = (key_), .type = LOG_FIELD_INT, .value.integer = (int64_t)(value_)})
#define LOG_DOUBLE(key_, value_) \
    ((struct log_field){.key = (key_), .type = LOG_FIELD_DOUBLE, .value.number = (value_)})
#define LOG_BOOL(key_, value_) \
    ((struct log_field){.key = (key_), .type = LOG_FIELD_BOOL, .value.boolean = (value_)})

/* Lines below `level` are dropped. Default: info. */
void log_set_level(enum log_level level);
bool log_is_enabled(enum log_level level);

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count);

#define LOG_WRITE_(level_, message_, ...)                                          \
    do {                                                                           \
        if (log_is_enabled(level_)) {                                              \
            const struct log_field log_fields_[] = {{.key = NULL}, ##__VA_ARGS__}; \
            log_write((level_), (message_), log_fields_ + 1,                       \
                      sizeof(log_fields_) / sizeof(log_fields_[0]) - 1);           \
        }                                                                          \
    } while (0)

#define log_debug(message_, ...) LOG_WRITE_(LOG_LEVEL_DEBUG, message_, ##__VA_ARGS__)
#define log_info(message_, ...) LOG_WRITE_(LOG_LEVEL_INFO, message_, ##__VA_ARGS__)
#define log_warning(message_, ...) LOG_WRITE_(LOG_LEVEL_WARNING, message_, ##__VA_ARGS__)
#define log_error(message_, ...) LOG_WRITE_(LOG_LEVEL_ERROR, message_, ##__VA_ARGS__)

#endif
