#include "settings.h"

#include <stdio.h>
#include <unistd.h>

#include "base/config.h"
#include "db/db.h"
#include "db/redis.h"

struct settings settings;

static const char *const log_levels[] = {"debug", "info", "warning", "error", NULL};

#define TEXT(name_, member_, default_, help_)                                \
    {                                                                        \
        .name = (name_), .type = CONFIG_STRING, .target = &settings.member_, \
        .default_value = (default_), .help = (help_)                         \
    }
#define NUMBER(name_, member_, default_, minimum_, maximum_, help_)                                \
    {                                                                                              \
        .name = (name_), .type = CONFIG_INT, .target = &settings.member_,                          \
        .default_value = (default_), .minimum = (minimum_), .maximum = (maximum_), .help = (help_) \
    }
#define SWITCH(name_, member_, default_, help_)                            \
    {                                                                      \
        .name = (name_), .type = CONFIG_BOOL, .target = &settings.member_, \
        .default_value = (default_), .help = (help_)                       \
    }

static const struct config_key keys[] = {
    TEXT("http.address", http_address, "127.0.0.1", "Address to listen on."),
    NUMBER("http.port", http_port, "8080", 1, 65535,
           "Port for everything: RPC, web client, metrics."),
    NUMBER("http.loops", http_loops, "0", 0, SETTINGS_LOOPS_MAX,
           "Event loops; 0: one per processor."),
    TEXT("http.tls_certificate", http_tls_certificate, "",
         "PEM file of the certificate chain; empty: cleartext."),
    TEXT("http.tls_key", http_tls_key, "", "PEM file of the certificate's private key."),
    TEXT("http.web_root", http_web_root, "web/dist", "Directory of the built web client."),
    TEXT("http.origins", http_origins, "",
         "Origins of other sites whose scripts may call, separated by spaces."),
    TEXT("http.proxies", http_proxies, "",
         "Networks of load balancers that send the PROXY protocol (v2), separated by spaces."),
    NUMBER("http.max_connections", http_max_connections, "0", 0, 10000000,
           "Open connections of the process; 0: what the limit on descriptors allows."),
    NUMBER("http.header_timeout_ms", http_header_timeout_ms, "10000", 100, 600000,
           "Longest time for a TLS handshake, and from a request's first byte to its head's end."),
    NUMBER("http.body_timeout_ms", http_body_timeout_ms, "10000", 100, 600000,
           "Longest pause within a request that is answered as a whole."),
    NUMBER("http.write_timeout_ms", http_write_timeout_ms, "10000", 100, 600000,
           "Longest time in which a client takes nothing of what waits for it."),
    NUMBER("http.idle_timeout_ms", http_idle_timeout_ms, "300000", 100, 86400000,
           "Longest time without a request, in milliseconds."),
    NUMBER("http.keepalive_s", http_keepalive_s, "60", 1, 86400,
           "Silence, in seconds, after which a client is asked whether it is still there."),
    NUMBER("http.keepalive_timeout_s", http_keepalive_timeout_s, "20", 1, 3600,
           "Longest time, in seconds, for it to answer."),
    SWITCH("http.insecure_cookies", http_insecure_cookies, "false",
           "Cookies without Secure for cleartext loopback clients: development only."),
    NUMBER("http.drain_ms", http_drain_ms, "10000", 0, 600000,
           "Longest wait for open calls after SIGTERM, in milliseconds."),

    TEXT("database.dsn", database_dsn, DB_DEFAULT_DSN, "libpq connection string."),
    SWITCH("database.migrate", database_migrate, "true", "Bring the schema up to date at start."),
    TEXT("database.migrations", database_migrations, "db/migrations",
         "Directory of the migrations."),
    NUMBER("database.read_connections", database_read_connections, "2", 1, 16,
           "Pipelined read-only connections per loop."),
    NUMBER("database.write_connections", database_write_connections, "4", 1, 64,
           "Connections for writes per loop."),
    NUMBER("database.connect_timeout_ms", database_connect_timeout_ms, "5000", 100, 60000,
           "Longest wait for a new connection."),
    NUMBER("database.acquire_timeout_ms", database_acquire_timeout_ms, "5000", 10, 60000,
           "Longest wait for a free connection of the write pool."),
    NUMBER("database.statement_timeout_ms", database_statement_timeout_ms, "30000", 100, 600000,
           "PostgreSQL's own bound on a statement, behind the call's deadline."),

    TEXT("redis.address", redis_address, "127.0.0.1:6379",
         "\"host:port\", \"[::1]:port\" or \"/path/of/socket\"."),
    NUMBER("redis.connect_timeout_ms", redis_connect_timeout_ms, "2000", 50, 60000,
           "Longest wait for a new connection."),
    NUMBER("redis.command_timeout_ms", redis_command_timeout_ms, "500", 10, 60000,
           "Longest wait for a reply."),

    TEXT("auth.master_key", auth_master_key, "",
         "File of the key that seals secrets in the database (openssl rand -base64 32); empty: a "
         "known one, on loopback only."),
    TEXT("auth.issuer", auth_issuer, "waystone", "Issuer and audience of access tokens."),
    TEXT("auth.relying_party_id", auth_relying_party_id, "localhost",
         "Domain that passkeys are made for. Changing it makes all of them useless."),
    TEXT(
        "auth.origins", auth_origins, "",
        "Origins of the pages that may use passkeys, separated by spaces; empty: the domain itself "
        "over HTTPS, or this port of localhost."),
    NUMBER("auth.access_token_s", auth_access_token_s, "600", 10, 86400,
           "Life of an access token, in seconds."),
    NUMBER("auth.key_days", auth_key_days, "30", 1, 3650,
           "Days for which a key signs access tokens before the next one does."),
    NUMBER("auth.key_publish_s", auth_key_publish_s, "3600", 2, 86400,
           "For so long, in seconds, the next key is published before it signs."),
    NUMBER("auth.refresh_token_s", auth_refresh_token_s, "2592000", 60, 31536000,
           "Life of an unused refresh token, in seconds."),
    NUMBER("auth.refresh_grace_s", auth_refresh_grace_s, "10", 0, 60,
           "For so long a used refresh token works again, for clients whose answer was lost."),
    NUMBER("auth.session_s", auth_session_s, "7776000", 60, 315360000,
           "Longest life of a session, in seconds, however often it is refreshed."),
    NUMBER("auth.hashing_threads", auth_hashing_threads, "2", 1, 64,
           "Threads that hash passwords."),
    NUMBER("auth.hashing_queue", auth_hashing_queue, "64", 1, 4096,
           "Passwords that may wait to be hashed; more are refused."),
    NUMBER("auth.argon2_passes", auth_argon2_passes, "2", 1, 20,
           "Passes of argon2id over its memory, for new hashes; old ones are renewed at sign-in."),
    NUMBER("auth.argon2_memory_kib", auth_argon2_memory_kib, "19456", 7168, 1048576,
           "Memory of argon2id, in KiB, for each password that is hashed."),
    NUMBER("auth.closing_grace_s", auth_closing_grace_s, "1209600", 0, 31536000,
           "From closing an account to erasing what is personal in it, in seconds."),
    NUMBER("auth.name_reserved_s", auth_name_reserved_s, "7776000", 0, 315360000,
           "For so long nobody can take the user name of an erased account, in seconds."),
    TEXT("auth.providers", auth_providers, "",
         "JSON file of the OpenID Connect providers that sign players in (docs/providers.md); "
         "empty: none."),

    NUMBER("chat.new_account_s", chat_new_account_s, "86400", 0, 31536000,
           "Accounts younger than this, in seconds, cannot send links; 0: all can."),

    TEXT("audit.export_directory", audit_export_directory, "",
         "Directory for heads of the audit log, to be taken elsewhere; empty: none are written."),
    NUMBER("audit.export_s", audit_export_s, "3600", 1, 86400, "Seconds between two of them."),
    TEXT("mail.directory", mail_directory, "",
         "Directory for mails as files, instead of sending them: development only."),
    TEXT("mail.smtp_url", mail_smtp_url, "",
         "\"smtp://host:587\" (STARTTLS) or \"smtps://host:465\"; empty: no mail is sent."),
    TEXT("mail.smtp_user", mail_smtp_user, "", "Name at the mail server; empty: none is needed."),
    TEXT("mail.smtp_password_file", mail_smtp_password_file, "", "File of its password."),
    TEXT("mail.smtp_ca", mail_smtp_ca, "",
         "PEM file of those who may vouch for the mail server; empty: whom the system trusts."),
    SWITCH("mail.smtp_tls", mail_smtp_tls, "true",
           "With smtp://: TLS or nothing is sent. \"false\" is for a relay on this machine."),
    TEXT("mail.from", mail_from, "Waystone <noreply@localhost>", "Sender of mails."),
    TEXT("mail.site_url", mail_site_url, "http://localhost:8080",
         "Where players find the web client: links in mails lead there."),

    NUMBER("rpc.timeout_ms", rpc_timeout_ms, "30000", 100, 600000,
           "Longest time of a unary call that sets no other."),
    NUMBER("rpc.max_request_bytes", rpc_max_request_bytes, "65536", 1024, 67108864,
           "Largest request message of a method that sets no other."),
    NUMBER("rpc.request_memory_bytes", rpc_request_memory_bytes, "268435456", 1048576,
           1099511627776,
           "Memory of all requests at a time, beside small ones; more are refused meanwhile."),
    NUMBER(
        "rpc.default_calls", rpc_default_calls, "6000", 0, 100000000,
        "Calls a minute that a caller may make of methods without a limit of their own, for each "
        "loop; 0: any number."),
    NUMBER("rpc.rate_scale", rpc_rate_scale, "1", 1, 1000000,
           "Multiplies every rate limit of the schema; for load tests."),
    {.name = "log.level",
     .type = CONFIG_CHOICE,
     .target = &settings.log_level,
     .default_value = "info",
     .choices = log_levels,
     .help = "Least level that is logged; debug shows every call."},
    SWITCH("process.debuggable", debuggable, "false",
           "Core dumps and debuggers, which show keys and tokens: development only."),
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static enum status check_redis_address(char *reterr, size_t reterr_size)
{
    if (redis_address_is_valid(settings.redis_address))
        return STATUS_OK;
    snprintf(reterr, reterr_size,
             "redis.address: '%s' is neither \"host:port\", with an address of IPv6 in brackets, "
             "nor \"/path/of/socket\"",
             settings.redis_address);
    return STATUS_INVALID_ARGUMENT;
}

enum status settings_read(const char *path, char *reterr, size_t reterr_size)
{
    TRY(config_read(keys, KEY_COUNT, path, environ, reterr, reterr_size));
    return check_redis_address(reterr, reterr_size);
}

void settings_free(void)
{
    config_free(keys, KEY_COUNT);
}

void settings_print_defaults(void)
{
    config_print_defaults(keys, KEY_COUNT);
}
