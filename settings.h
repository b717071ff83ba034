/* settings.h - what an operator can set: the server's configuration, key by key.
 *
 * `waystone --print-config` writes them with defaults, bounds and what they mean. */
#ifndef WAYSTONE_SETTINGS_H
#define WAYSTONE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define SETTINGS_LOOPS_MAX 64

/* A member is its key with "_" for ".": http.port is http_port. Texts are never NULL. */
struct settings {
    char *http_address;
    int64_t http_port;
    int64_t http_loops;
    char *http_tls_certificate, *http_tls_key;
    char *http_web_root;
    char *http_origins;
    char *http_proxies;
    int64_t http_max_connections;
    int64_t http_header_timeout_ms, http_body_timeout_ms, http_write_timeout_ms;
    int64_t http_idle_timeout_ms, http_keepalive_s, http_keepalive_timeout_s;
    bool http_insecure_cookies;
    int64_t http_drain_ms;

    char *database_dsn, *database_migrations;
    bool database_migrate;
    int64_t database_read_connections, database_write_connections;
    int64_t database_connect_timeout_ms, database_acquire_timeout_ms;
    int64_t database_statement_timeout_ms;

    char *redis_address;
    int64_t redis_connect_timeout_ms, redis_command_timeout_ms;

    char *auth_master_key, *auth_issuer, *auth_relying_party_id, *auth_origins;
    char *auth_providers;
    int64_t auth_access_token_s, auth_refresh_token_s, auth_refresh_grace_s, auth_session_s;
    int64_t auth_key_days, auth_key_publish_s;
    int64_t auth_hashing_threads, auth_hashing_queue;
    int64_t auth_argon2_passes, auth_argon2_memory_kib;
    int64_t auth_closing_grace_s, auth_name_reserved_s;

    int64_t chat_new_account_s;

    char *audit_export_directory;
    int64_t audit_export_s;
    char *mail_directory, *mail_from, *mail_site_url;
    char *mail_smtp_url, *mail_smtp_user, *mail_smtp_password_file, *mail_smtp_ca;
    bool mail_smtp_tls;

    int64_t rpc_timeout_ms, rpc_max_request_bytes, rpc_request_memory_bytes, rpc_rate_scale;
    int64_t rpc_default_calls;
    int log_level;
    bool debuggable;
};

/* Written by settings_read(), before there is any other thread. */
extern struct settings settings;

/* Reads `path` (NULL: defaults alone) and the environment. On failure writes one sentence into
 * `reterr` (>= 512 bytes). */
enum status settings_read(const char *path, char *reterr, size_t reterr_size) MUST_CHECK;
void settings_free(void);

/* Writes the documented default file to standard output. */
void settings_print_defaults(void);

#endif
