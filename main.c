/* waystone - wires database, handlers and listeners; the only file that sees every layer.
 *
 * One thread per loop, each with its own listener, database pool, Redis connections and hub
 * (docs/ARCHITECTURE.md). The first thread waits for signals: the first SIGTERM or SIGINT
 * drains, a second one ends at once. */
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/openapi.h"
#include "base/clock.h"
#include "base/coro.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/workers.h"
#include "db/db.h"
#include "db/redis.h"
#include "handlers/account.h"
#include "handlers/account_events.h"
#include "handlers/api_key_auth.h"
#include "handlers/api_keys.h"
#include "handlers/app.h"
#include "handlers/audit.h"
#include "handlers/audit_export.h"
#include "handlers/auth.h"
#include "handlers/authenticator.h"
#include "handlers/characters.h"
#include "handlers/chat.h"
#include "handlers/erasure.h"
#include "handlers/events.h"
#include "handlers/expiry.h"
#include "handlers/factors.h"
#include "handlers/fetch.h"
#include "handlers/jobs.h"
#include "handlers/keys.h"
#include "handlers/limiter.h"
#include "handlers/live.h"
#include "handlers/live_watch.h"
#include "handlers/mail.h"
#include "handlers/meta.h"
#include "handlers/moderation.h"
#include "handlers/notifications.h"
#include "handlers/outbox.h"
#include "handlers/passkeys.h"
#include "handlers/passwords.h"
#include "handlers/presence.h"
#include "handlers/presence_live.h"
#include "handlers/provider_client.h"
#include "handlers/provider_list.h"
#include "handlers/providers.h"
#include "handlers/sanctions.h"
#include "handlers/secrets.h"
#include "handlers/signing_keys.h"
#include "handlers/social.h"
#include "handlers/speakers.h"
#include "handlers/step_up.h"
#include "handlers/word_filters.h"
#include "server/health.h"
#include "server/http/http.h"
#include "server/interceptors.h"
#include "server/metrics.h"
#include "server/reflection.h"
#include "server/server.h"
#include "settings.h"
#include "version.h"

#define METRICS_INTERVAL_MS 1000
#define BLOCKING_THREADS 2
#define BLOCKING_QUEUE 256
#define MIGRATION_PAUSE_S 1 /* before a database that is down is tried again */
#define MIGRATION_END_S 2   /* for a migration in progress, when the server ends */

/* --- one loop --- */

struct server_loop {
    unsigned index;
    pthread_t thread;
    struct loop *loop;
    struct app app;
    atomic_bool database_ready, keys_ready;
    struct http_listener *listener;
    struct loop_timer metrics_timer;
    struct loop_timer drain_timer;
    struct http_stats last_http;
    struct db_stats last_db;
    uint64_t last_deliveries;
    bool draining;
};

/* What all loops share; written before they start. */
static struct server_loop loops[SETTINGS_LOOPS_MAX];
static unsigned loop_count;
static struct rpc_server *server;
static struct metrics *metrics;
static struct workers *workers; /* what blocks: cancelled statements */
static struct workers *hashing; /* passwords */
static struct secrets *secrets;
static struct provider_list *providers;
static char *passkey_origins;
static struct http_config http_config;
static atomic_int loops_ready;
static atomic_bool shutting_down;

static void update_metrics(struct server_loop *self)
{
    struct http_stats http;
    struct db_stats db;
    struct hub_stats hub;
    struct outbox_stats outbox;

    http_stats(self->listener, &http);
    db_stats(self->app.db, &db);
    hub_stats(self->app.hub, &hub);
    outbox_stats(&self->app, &outbox);
    metrics_set(metrics, METRICS_CONNECTIONS, (int64_t)http.connections);
    metrics_set(metrics, METRICS_STREAMS_OPEN, (int64_t)http.streams);
    metrics_set(metrics, METRICS_CALLS_OPEN, (int64_t)rpc_open_calls());
    metrics_set(metrics, METRICS_DB_READ_CONNECTIONS, db.read_up);
    metrics_set(metrics, METRICS_DB_WRITE_CONNECTIONS, db.write_up);
    metrics_set(metrics, METRICS_DB_WRITE_BUSY, db.write_busy);
    metrics_set(metrics, METRICS_DB_WAITING, db.write_waiting);
    metrics_set(metrics, METRICS_REDIS_UP, redis_is_ready(self->app.redis));
    metrics_set(metrics, METRICS_HUB_SUBSCRIBERS, (int64_t)hub.subscribers);
    metrics_set(metrics, METRICS_OUTBOX_WAITING, outbox.waiting);
    metrics_set(metrics, METRICS_DEAD_LETTERS, outbox.dead);
    metrics_add(metrics, METRICS_CONNECTIONS_ACCEPTED, http.accepted - self->last_http.accepted);
    metrics_add(metrics, METRICS_CONNECTIONS_ABUSIVE, http.abusive - self->last_http.abusive);
    metrics_add(metrics, METRICS_DB_QUERIES, db.queries - self->last_db.queries);
    metrics_add(metrics, METRICS_DB_ERRORS, db.errors - self->last_db.errors);
    metrics_add(metrics, METRICS_HUB_DELIVERIES, hub.deliveries - self->last_deliveries);
    self->last_http = http;
    self->last_db = db;
    self->last_deliveries = hub.deliveries;
}

static void on_metrics_timer(struct loop_timer *timer)
{
    struct server_loop *self =
        (struct server_loop *)((char *)timer - offsetof(struct server_loop, metrics_timer));

    update_metrics(self);
    loop_timer_set_on_beat(self->loop, timer, METRICS_INTERVAL_MS);
}

static void open_app(struct server_loop *self)
{
    struct db_config db = {
        .dsn = settings.database_dsn,
        .read_connections = (unsigned)settings.database_read_connections,
        .write_connections = (unsigned)settings.database_write_connections,
        .connect_timeout_ms = (uint32_t)settings.database_connect_timeout_ms,
        .acquire_timeout_ms = (uint32_t)settings.database_acquire_timeout_ms,
        .statement_timeout_ms = (uint32_t)settings.database_statement_timeout_ms,
        .ready = &self->database_ready,
    };
    struct redis_config redis = {
        .address = settings.redis_address,
        .connect_timeout_ms = (uint32_t)settings.redis_connect_timeout_ms,
        .command_timeout_ms = (uint32_t)settings.redis_command_timeout_ms,
    };

    self->app = (struct app){
        .loop = self->loop,
        .db = db_open(self->loop, &db, workers),
        .redis = redis_open(self->loop, &redis),
        .workers = hashing,
        .secrets = secrets,
        .providers = providers,
        .relying_party_id = settings.auth_relying_party_id,
        .origins = passkey_origins,
        .issuer = settings.auth_issuer,
        .access_token_s = (uint32_t)settings.auth_access_token_s,
        .key_life_s = (uint32_t)settings.auth_key_days * 86400,
        .key_publish_s = (uint32_t)settings.auth_key_publish_s,
        .refresh_token_s = (uint32_t)settings.auth_refresh_token_s,
        .refresh_grace_s = (uint32_t)settings.auth_refresh_grace_s,
        .session_s = (uint32_t)settings.auth_session_s,
        .default_calls = (uint32_t)settings.rpc_default_calls,
        .rate_scale = (uint32_t)settings.rpc_rate_scale,
        .new_account_s = (uint32_t)settings.chat_new_account_s,
        .closing_grace_s = (uint32_t)settings.auth_closing_grace_s,
        .name_reserved_s = (uint32_t)settings.auth_name_reserved_s,
        .insecure_cookies = settings.http_insecure_cookies,
    };
    live_open(&self->app);
    provider_client_open(&self->app);
    chat_open(&self->app);
    account_events_open(&self->app);
    events_open(&self->app);
    presence_live_open(&self->app);
    live_watch_open(&self->app);
    authenticator_open(&self->app);
    signing_keys_open(&self->app, &self->keys_ready);
    api_key_auth_open(&self->app);
    audit_open(&self->app);
    limiter_open(&self->app);
    sanctions_open(&self->app);
    word_filters_open(&self->app);
    speakers_open(&self->app);
    jobs_open(&self->app);
    outbox_open(&self->app);
    rpc_server_attach_loop(server, &self->app);
}

/* db_close() ticks until no coroutine is left that could touch what goes after it. */
static void close_app(struct server_loop *self)
{
    /* The connections are closed; what still runs for them is told, and writes its audit. */
    while (rpc_open_calls() > 0)
        loop_tick(self->loop, 10);
    live_watch_close(&self->app);
    presence_live_stop(&self->app);
    outbox_close(&self->app);
    jobs_close(&self->app);
    api_key_auth_close(&self->app);
    audit_close(&self->app);
    signing_keys_close(&self->app);
    db_close(self->app.db);
    events_close(&self->app);
    live_close(&self->app);
    presence_live_close(&self->app);
    redis_close(self->app.redis);
    authenticator_close(&self->app);
    limiter_close(&self->app);
    sanctions_close(&self->app);
    word_filters_close(&self->app);
    speakers_close(&self->app);
    chat_close(&self->app);
    provider_client_close(&self->app);
}

static void *run_loop(void *argument)
{
    struct server_loop *self = argument;
    char error[512];

    self->loop = loop_new(self->index);
    open_app(self);
    self->listener = http_listen(self->loop, server, &http_config, error, sizeof(error));
    if (self->listener == NULL) {
        fprintf(stderr, "waystone: %s\n", error);
        exit(1);
    }
    self->metrics_timer.fn = on_metrics_timer;
    loop_timer_set(self->loop, &self->metrics_timer, METRICS_INTERVAL_MS);
    atomic_fetch_add(&loops_ready, 1);
    loop_run(self->loop);

    loop_timer_cancel(self->loop, &self->metrics_timer);
    loop_timer_cancel(self->loop, &self->drain_timer);
    http_close(self->listener);
    close_app(self);
    loop_free(self->loop);
    return NULL;
}

/* --- drain --- */

static void on_drain_timer(struct loop_timer *timer)
{
    struct server_loop *self =
        (struct server_loop *)((char *)timer - offsetof(struct server_loop, drain_timer));

    log_warning("drain bound reached; closing what is open",
                LOG_INT("connections", http_connection_count(self->listener)));
    loop_stop(self->loop);
}

static void on_drained(void *argument)
{
    struct server_loop *self = argument;

    loop_stop(self->loop);
}

static void drain_loop(void *argument)
{
    struct server_loop *self = argument;

    if (self->draining)
        return;
    self->draining = true;
    self->drain_timer.fn = on_drain_timer;
    loop_timer_set(self->loop, &self->drain_timer, (uint64_t)settings.http_drain_ms);
    http_drain(self->listener, on_drained, self);
    rpc_server_drain_loop();
}

/* --- pages --- */

static void render_livez(void *user, struct http_page *page)
{
    buffer_append_string(&page->body, "ok\n");
}

/* The next connection may fall to any loop: all of them have to be ready. */
static bool is_database_ready(void)
{
    for (unsigned i = 0; i < loop_count; i++)
        if (!atomic_load(&loops[i].database_ready))
            return false;
    return true;
}

static bool are_keys_ready(void)
{
    for (unsigned i = 0; i < loop_count; i++)
        if (!atomic_load(&loops[i].keys_ready))
            return false;
    return true;
}

/* Every service needs the database, and nearly all know callers by their tokens. */
static bool is_serving(const char *service)
{
    return is_database_ready() && are_keys_ready() && !atomic_load(&shutting_down);
}

static void render_readyz(void *user, struct http_page *page)
{
    struct loop *loop = loop_current();
    const struct app *app = &loops[loop_index(loop)].app;
    bool database = is_database_ready();
    bool ready = is_serving("");

    if (!ready)
        page->status = 503;
    buffer_printf(&page->body, "database: %s\nsigning keys: %s\nredis: %s\n%s\n",
                  database ? "up" : "down", are_keys_ready() ? "known" : "not known",
                  redis_is_ready(app->redis) ? "up" : "down (live delivery is slower)",
                  ready ? "ready" : "not ready");
}

static void render_metrics(void *user, struct http_page *page)
{
    page->content_type = "text/plain; version=0.0.4; charset=utf-8";
    update_metrics(&loops[loop_index(loop_current())]);
    metrics_write(metrics, &page->body);
}

static void render_jwks(void *user, struct http_page *page)
{
    const struct keys *known = loops[loop_index(loop_current())].app.keys;

    page->content_type = "application/json";
    if (known != NULL)
        keys_write_jwks(known, &page->body);
    else
        page->status = 503;
}

/* --- start --- */

static void build_server(void)
{
    struct rpc_server_config rpc = {
        .default_timeout_ms = (uint32_t)settings.rpc_timeout_ms,
        .max_request_bytes = (uint32_t)settings.rpc_max_request_bytes,
        .request_memory_bytes = (size_t)settings.rpc_request_memory_bytes,
    };
    struct rpc_interceptor steps[6];

    server = rpc_server_new(&rpc);
    meta_register(server);
    account_register(server);
    auth_register(server);
    factors_register(server);
    api_keys_register(server);
    characters_register(server);
    chat_register(server);
    events_register(server);
    presence_register(server);
    providers_register(server);
    social_register(server);
    moderation_register(server);
    notifications_register(server);
    account_events_register();
    audit_register();
    erasure_register();
    expiry_register();
    mail_register();
    signing_keys_register();
    health_serve(server, is_serving);
    reflection_serve(server);
    metrics = metrics_new(server, loop_count);
    steps[0] = interceptor_logging();
    steps[1] = interceptor_metrics(metrics);
    steps[2] = interceptor_audit(audit_interface());
    steps[3] = interceptor_access(authenticator_interface());
    steps[4] = interceptor_limits(limiter_interface());
    steps[5] = interceptor_step_up(step_up_interface());
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        rpc_server_add_interceptor(server, &steps[i]);
}

static void build_http_config(void)
{
    http_config = (struct http_config){
        .address = settings.http_address,
        .port = (uint16_t)settings.http_port,
        .tls_certificate = settings.http_tls_certificate[0] ? settings.http_tls_certificate : NULL,
        .tls_key = settings.http_tls_key[0] ? settings.http_tls_key : NULL,
        .web_root = settings.http_web_root,
        .origins = settings.http_origins,
        .proxies = settings.http_proxies,
        .max_connections = (uint32_t)settings.http_max_connections,
        .header_ms = (uint32_t)settings.http_header_timeout_ms,
        .body_ms = (uint32_t)settings.http_body_timeout_ms,
        .write_ms = (uint32_t)settings.http_write_timeout_ms,
        .idle_ms = (uint32_t)settings.http_idle_timeout_ms,
        .keepalive_ms = (uint32_t)settings.http_keepalive_s * 1000,
        .keepalive_timeout_ms = (uint32_t)settings.http_keepalive_timeout_s * 1000,
    };
    http_add_page(&http_config, "/livez", render_livez, NULL);
    http_add_page(&http_config, "/readyz", render_readyz, NULL);
    http_add_page(&http_config, "/metrics", render_metrics, NULL);
    http_add_page(&http_config, "/.well-known/jwks.json", render_jwks, NULL);
    http_add_document(&http_config, "/openapi.json", openapi_json, openapi_json_length);
}

static int fail(const char *error)
{
    fprintf(stderr, "waystone: %s\n", error);
    return 1;
}

/* The thread that waits for a database that was down at the start. */
static struct {
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool ending;
} late_migration = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static struct timespec seconds_from_now(int seconds)
{
    struct timespec time;

    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_sec += seconds;
    return time;
}

/* False when the server is ending. */
static bool wait_to_migrate(void)
{
    struct timespec until = seconds_from_now(MIGRATION_PAUSE_S);
    bool ending;

    pthread_mutex_lock(&late_migration.mutex);
    while (!late_migration.ending &&
           pthread_cond_timedwait(&late_migration.wake, &late_migration.mutex, &until) == 0)
        ;
    ending = late_migration.ending;
    pthread_mutex_unlock(&late_migration.mutex);
    return !ending;
}

/* A database that is down does not stop the server: its schema is brought up to date when it
 * is there. */
static void *migrate_later(void *argument)
{
    char error[512];
    enum status status = STATUS_UNAVAILABLE;

    while (status == STATUS_UNAVAILABLE && wait_to_migrate())
        status =
            db_migrate(settings.database_dsn, settings.database_migrations, error, sizeof(error));
    if (status != STATUS_OK && status != STATUS_UNAVAILABLE)
        log_error("schema not brought up to date", LOG_STRING("error", error));
    return NULL;
}

/* A thread in the middle of a migration, or of a connection that nobody answers, does not hold the
 * end up: PostgreSQL undoes what is not committed. */
static void end_migration(void)
{
    struct timespec until = seconds_from_now(MIGRATION_END_S);

    if (!late_migration.started)
        return;
    pthread_mutex_lock(&late_migration.mutex);
    late_migration.ending = true;
    pthread_cond_signal(&late_migration.wake);
    pthread_mutex_unlock(&late_migration.mutex);
    if (pthread_timedjoin_np(late_migration.thread, NULL, &until) != 0)
        _exit(0); /* it may still look at the configuration, so that nothing is freed */
}

/* False when the schema and this program do not fit. */
static bool migrate(char *reterr, size_t reterr_size)
{
    enum status status =
        db_migrate(settings.database_dsn, settings.database_migrations, reterr, reterr_size);

    if (status != STATUS_UNAVAILABLE)
        return status == STATUS_OK;
    log_warning("database is down; going on without", LOG_STRING("error", reterr));
    late_migration.started = pthread_create(&late_migration.thread, NULL, migrate_later, NULL) == 0;
    return true;
}

/* A core has all keys and tokens in it, and a debugger reads them. */
static void keep_memory_to_ourselves(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/* Each client is a descriptor, and the usual soft limit of 1,024 is for programs that select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Whether only this machine can reach what listens there. */
static bool is_loopback(const char *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *each;
    bool all = address[0] != '\0';

    if (!all || getaddrinfo(address, NULL, &hints, &found) != 0)
        return false;
    for (each = found; each != NULL; each = each->ai_next)
        all = all &&
              (each->ai_family == AF_INET6
                   ? IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr)
                   : ntohl(((struct sockaddr_in *)each->ai_addr)->sin_addr.s_addr) >> 24 == 127);
    freeaddrinfo(found);
    return all;
}

static bool load_secrets(char *reterr, size_t reterr_size)
{
    secrets = secrets_load(settings.auth_master_key, reterr, reterr_size);
    if (secrets == NULL)
        return false;
    if (!secrets_are_for_development(secrets) || is_loopback(settings.http_address))
        return true;
    snprintf(
        reterr, reterr_size,
        "auth.master_key is not set, and http.address = '%s' can be reached from outside; the "
        "key that everybody knows is for loopback only. Make one with: openssl rand -base64 32",
        settings.http_address);
    return false;
}

static bool start_mail(char *reterr, size_t reterr_size)
{
    struct mail_config mail = {
        .directory = settings.mail_directory,
        .smtp_url = settings.mail_smtp_url,
        .smtp_user = settings.mail_smtp_user,
        .smtp_password_file = settings.mail_smtp_password_file,
        .smtp_ca = settings.mail_smtp_ca,
        .smtp_tls = settings.mail_smtp_tls,
        .from = settings.mail_from,
        .site_url = settings.mail_site_url,
    };

    return mail_start(&mail, secrets, reterr, reterr_size);
}

static bool load_providers(char *reterr, size_t reterr_size)
{
    if (!fetch_start()) {
        snprintf(reterr, reterr_size, "libcurl does not start");
        return false;
    }
    providers = provider_list_load(settings.auth_providers, is_loopback(settings.http_address),
                                   reterr, reterr_size);
    return providers != NULL;
}

static int prepare(void)
{
    char error[512];

    raise_descriptor_limit();
    if (!settings.debuggable)
        keep_memory_to_ourselves();
    loop_count = (unsigned)settings.http_loops;
    if (loop_count == 0)
        loop_count = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (loop_count > SETTINGS_LOOPS_MAX)
        loop_count = SETTINGS_LOOPS_MAX;
    if (!load_secrets(error, sizeof(error)))
        return fail(error);
    if (!load_providers(error, sizeof(error)))
        return fail(error);
    if (settings.database_migrate && !migrate(error, sizeof(error)))
        return fail(error);
    if (!start_mail(error, sizeof(error)))
        return fail(error);
    passkey_origins =
        settings.auth_origins[0] != '\0'
            ? strdup(settings.auth_origins)
            : passkeys_default_origins(settings.auth_relying_party_id, (int)settings.http_port);
    build_http_config();
    if (http_prepare(&http_config, error, sizeof(error)) != STATUS_OK)
        return fail(error);
    workers = workers_new(BLOCKING_THREADS, BLOCKING_QUEUE);
    passwords_configure((unsigned)settings.auth_argon2_passes,
                        (unsigned)settings.auth_argon2_memory_kib);
    hashing =
        workers_new((unsigned)settings.auth_hashing_threads, (size_t)settings.auth_hashing_queue);
    if (audit_export_register(settings.audit_export_directory, (uint32_t)settings.audit_export_s,
                              error, sizeof(error)) != STATUS_OK)
        return fail(error);
    build_server();
    return 0;
}

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void start_loops(void)
{
    for (unsigned i = 0; i < loop_count; i++) {
        loops[i].index = i;
        if (pthread_create(&loops[i].thread, NULL, run_loop, &loops[i]) != 0)
            exit(fail("cannot start a thread; raise the limit on processes (ulimit -u)"));
    }
    while (atomic_load(&loops_ready) < (int)loop_count)
        usleep(1000);
    log_info("server started", LOG_STRING("version", WAYSTONE_VERSION),
             LOG_STRING("revision", WAYSTONE_REVISION),
             LOG_STRING("address", settings.http_address), LOG_INT("port", settings.http_port),
             LOG_BOOL("tls", http_config.tls_certificate != NULL), LOG_INT("loops", loop_count));
}

static void *wait_second_signal(void *argument)
{
    int number;

    sigwait(argument, &number);
    fprintf(stderr, "waystone: second signal, ending at once\n");
    _exit(1);
}

static void serve(sigset_t *signals)
{
    pthread_t waiter;
    int number;

    start_loops();
    sigwait(signals, &number);
    log_info("draining", LOG_STRING("signal", strsignal(number)));
    atomic_store(&shutting_down, true);
    mail_interrupt();
    provider_list_interrupt(providers);
    pthread_create(&waiter, NULL, wait_second_signal, signals);
    for (unsigned i = 0; i < loop_count; i++)
        loop_post(loops[i].loop, drain_loop, &loops[i]);
    for (unsigned i = 0; i < loop_count; i++)
        pthread_join(loops[i].thread, NULL);
    pthread_cancel(waiter);
    pthread_join(waiter, NULL);
    log_info("server stopped");
}

static void clean_up(void)
{
    workers_free(hashing);
    workers_free(workers);
    mail_stop();
    provider_list_free(providers);
    fetch_stop();
    rpc_server_free(server);
    metrics_free(metrics);
    secrets_free(secrets);
    http_config_clear(&http_config);
    free(passkey_origins);
    settings_free();
}

static const char usage[] =
    "usage: waystone [--config FILE] [--check-config | --print-config | --version]\n"
    "\n"
    "  --config FILE    read FILE; keys can be overridden by the environment:\n"
    "                   http.port is WAYSTONE_HTTP_PORT\n"
    "  --check-config   check the configuration and end\n"
    "  --print-config   print a documented configuration with all defaults and end\n"
    "  --version        print version and revision and end\n";

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'k'},
        {"print-config", no_argument, NULL, 'p'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},         {0}};
    const char *path = NULL;
    bool check_only = false;
    char error[512];
    sigset_t signals;
    int option;

    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            check_only = true;
            break;
        case 'p':
            settings_print_defaults();
            return 0;
        case 'v':
            printf("waystone %s (%s)\n", WAYSTONE_VERSION, WAYSTONE_REVISION);
            return 0;
        default:
            fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (settings_read(path, error, sizeof(error)) != STATUS_OK)
        return fail(error);
    log_set_level((enum log_level)settings.log_level);
    if (check_only) {
        puts("the configuration is valid");
        return 0;
    }
    block_signals(&signals);
    if (prepare() != 0)
        return 1;
    serve(&signals);
    end_migration();
    clean_up();
    return 0;
}
