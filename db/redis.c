/* hiredis on the loop: two connections that come back by themselves. */
#include "db/redis.h"

#include <assert.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/coro.h"
#include "base/hex.h"
#include "base/log.h"

#define FIRST_BACKOFF_MS 50
#define LONGEST_BACKOFF_MS 1000
/* A subscriber sends nothing and so never learns that the other machine is gone. It hears
 * its own beat, which the other connection publishes, or is made anew. */
#define BEAT_INTERVAL_MS 1000
#define BEAT_MISSED_MS 3500
#define SUBSCRIPTION_BUCKETS 1024
#define SCRIPTS_MAX 8 /* that the program has */

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

struct link {
    struct redis *redis;
    redisAsyncContext *context;
    struct loop_watch *watch;
    struct loop_task flush;  /* writes what a tick has for it */
    struct loop_timer timer; /* bounds connecting and silence; waits before the next try */
    size_t awaited;          /* replies to come, of the link for commands */
    enum link_state state;
    uint32_t backoff_ms;
    bool flushing; /* hiredis is writing, and says so when there is no room */
    bool is_subscriber;
};

struct subscription {
    char *channel;
    struct subscription *next;
};

/* Redis knows scripts by the digest of their source. */
struct script {
    const char *source; /* NULL: the place is free */
    char digest[2 * SHA_DIGEST_LENGTH + 1];
};

struct redis {
    struct loop *loop;
    struct redis_config config;
    char *host; /* or path */
    int port;   /* 0: a Unix socket */
    struct link commands, subscriber;
    struct subscription *subscriptions[SUBSCRIPTION_BUCKETS];
    size_t unconfirmed; /* SUBSCRIBEs sent since connecting and not answered */
    bool resubscribing; /* since connecting, until all were answered once */
    char beat_channel[48];
    struct loop_timer beat;
    uint64_t heard_ms; /* when the subscriber last got anything */
    redis_message_fn on_message;
    redis_resubscribed_fn on_resubscribed;
    void *listener;
    struct script scripts[SCRIPTS_MAX];
    bool closing;
};

static void connect_link(struct link *link);
static void send_subscribe(struct redis *redis, const char *channel);

/* --- the table of subscriptions --- */

/* The link to it, or the link at the end of its bucket. */
static struct subscription **find_subscription(struct redis *redis, const char *channel)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    struct subscription **at;

    for (const char *c = channel; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    at = &redis->subscriptions[hash % SUBSCRIPTION_BUCKETS];
    while (*at != NULL && strcmp((*at)->channel, channel) != 0)
        at = &(*at)->next;
    return at;
}

static void forget(struct subscription **at)
{
    struct subscription *gone = *at;

    *at = gone->next;
    free(gone->channel);
    free(gone);
}

/* --- hiredis's hooks --- */

static void on_readable(void *argument)
{
    struct link *link = argument;

    if (link->context != NULL)
        redisAsyncHandleRead(link->context);
}

static void on_writable(void *argument)
{
    struct link *link = argument;

    if (link->context != NULL)
        redisAsyncHandleWrite(link->context);
}

static void want_nothing(void *argument)
{
}

/* Hiredis wants to write: all commands of a tick leave in one write at its end,
 * without asking epoll for room that is nearly always there. */
static void want_write(void *argument)
{
    struct link *link = argument;

    if (link->state == LINK_UP && !link->flushing)
        loop_defer(link->redis->loop, &link->flush);
    else if (link->watch != NULL)
        loop_watch_want_write(link->watch); /* there is no room, or no connection yet */
}

static void flush(struct loop_task *task)
{
    struct link *link = (struct link *)((char *)task - offsetof(struct link, flush));

    link->flushing = true;
    redisAsyncHandleWrite(link->context);
    link->flushing = false;
}

/* hiredis frees the context: the one place that hears of every end. */
static void on_cleanup(void *argument)
{
    struct link *link = argument;
    struct redis *redis = link->redis;

    if (link->state == LINK_UP && !redis->closing)
        log_warning("redis connection lost", LOG_BOOL("subscriber", link->is_subscriber));
    loop_undefer(redis->loop, &link->flush);
    loop_watch_free(link->watch);
    link->watch = NULL;
    link->context = NULL;
    link->state = LINK_DOWN;
    link->awaited = 0;
    loop_timer_cancel(redis->loop, &link->timer);
    if (redis->closing)
        return;
    link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : FIRST_BACKOFF_MS;
    if (link->backoff_ms > LONGEST_BACKOFF_MS)
        link->backoff_ms = LONGEST_BACKOFF_MS;
    loop_timer_set(redis->loop, &link->timer,
                   link->backoff_ms / 2 + arc4random_uniform(link->backoff_ms / 2 + 1));
}

/* --- subscriptions --- */

static void on_subscribed(struct redis *redis)
{
    if (redis->unconfirmed == 0 || --redis->unconfirmed > 0 || !redis->resubscribing)
        return;
    redis->resubscribing = false;
    if (redis->on_resubscribed != NULL)
        redis->on_resubscribed(redis->listener);
}

static void on_subscribed_reply(redisAsyncContext *context, void *reply_argument, void *private)
{
    struct redis *redis = private;
    const redisReply *reply = reply_argument;
    const char *kind, *channel;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return;
    kind = reply->element[0]->str;
    channel = reply->element[1]->str;
    redis->heard_ms = loop_now_ms(redis->loop);
    if (strcmp(kind, "subscribe") == 0)
        on_subscribed(redis);
    else if (strcmp(kind, "message") == 0 && redis->on_message != NULL &&
             strcmp(channel, redis->beat_channel) != 0)
        redis->on_message(redis->listener, channel, reply->element[2]->str,
                          (size_t)reply->element[2]->len);
}

static void send_subscribe(struct redis *redis, const char *channel)
{
    const char *arguments[] = {"SUBSCRIBE", channel};

    if (redis->subscriber.state != LINK_UP)
        return;
    redis->unconfirmed++;
    redisAsyncCommandArgv(redis->subscriber.context, on_subscribed_reply, redis, 2, arguments,
                          NULL);
}

void redis_subscribe(struct redis *redis, const char *channel)
{
    struct subscription **at = find_subscription(redis, channel);

    if (*at != NULL)
        return;
    *at = calloc(1, sizeof(**at));
    if (*at == NULL || ((*at)->channel = strdup(channel)) == NULL)
        abort();
    send_subscribe(redis, channel);
}

void redis_unsubscribe(struct redis *redis, const char *channel)
{
    struct subscription **at = find_subscription(redis, channel);
    const char *arguments[] = {"UNSUBSCRIBE", channel};

    if (*at == NULL)
        return;
    if (redis->subscriber.state == LINK_UP)
        redisAsyncCommandArgv(redis->subscriber.context, NULL, NULL, 2, arguments, NULL);
    forget(at);
}

void redis_set_listener(struct redis *redis, redis_message_fn on_message,
                        redis_resubscribed_fn on_resubscribed, void *argument)
{
    redis->on_message = on_message;
    redis->on_resubscribed = on_resubscribed;
    redis->listener = argument;
}

/* --- connecting --- */

static void begin(struct link *link)
{
    struct redis *redis = link->redis;

    link->state = LINK_UP;
    link->backoff_ms = 0;
    loop_timer_cancel(redis->loop, &link->timer);
    log_info("redis connection up", LOG_BOOL("subscriber", link->is_subscriber));
    if (!link->is_subscriber)
        return;
    redis->unconfirmed = 0;
    redis->resubscribing = true;
    redis->heard_ms = loop_now_ms(redis->loop);
    send_subscribe(redis, redis->beat_channel);
    for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++)
        for (struct subscription *at = redis->subscriptions[i]; at != NULL; at = at->next)
            send_subscribe(redis, at->channel);
}

static void on_answered(redisAsyncContext *context, void *reply_argument, void *private)
{
    const redisReply *reply = reply_argument;

    if (reply == NULL)
        return; /* on_cleanup follows */
    if (reply->type != REDIS_REPLY_ERROR) {
        begin(private);
        return;
    }
    log_warning("redis does not serve", LOG_STRING("error", reply->str));
    redisAsyncFree(context);
}

/* The kernel of a Redis that stands still takes connections all the same: it is up once it has
 * answered. */
static void on_connected(const redisAsyncContext *context, int status)
{
    struct link *link = context->data;

    if (status == REDIS_OK) /* else on_cleanup follows */
        redisAsyncCommand(link->context, on_answered, link, "PING");
}

/* Connecting took too long, or a command: a Redis that does not answer is as good as gone, and
 * all who wait for it learn it at once. */
static void on_timer(struct loop_timer *timer)
{
    struct link *link = (struct link *)((char *)timer - offsetof(struct link, timer));

    if (link->state == LINK_DOWN)
        connect_link(link);
    else
        redisAsyncFree(link->context);
}

static void on_beat(struct loop_timer *timer)
{
    struct redis *redis = (struct redis *)((char *)timer - offsetof(struct redis, beat));
    uint64_t now_ms = loop_now_ms(redis->loop);

    loop_timer_set_on_beat(redis->loop, &redis->beat, BEAT_INTERVAL_MS);
    if (!redis_is_ready(redis))
        redis->heard_ms = now_ms;
    else if (now_ms - redis->heard_ms > BEAT_MISSED_MS)
        redisAsyncFree(redis->subscriber.context);
    (void)!redis_publish(redis, redis->beat_channel, "", 0);
}

static void connect_link(struct link *link)
{
    struct redis *redis = link->redis;
    redisAsyncContext *context = redis->port ? redisAsyncConnect(redis->host, redis->port)
                                             : redisAsyncConnectUnix(redis->host);

    if (context == NULL)
        abort();
    link->context = context;
    link->state = LINK_CONNECTING;
    context->data = link;
    context->ev.data = link;
    context->ev.addRead = want_nothing; /* always read: the loop is level-triggered */
    context->ev.delRead = want_nothing;
    context->ev.addWrite = want_write;
    context->ev.delWrite = want_nothing;
    context->ev.cleanup = on_cleanup;
    if (context->err == 0)
        link->watch = loop_watch_new(redis->loop, context->c.fd, on_readable, on_writable, link);
    if (link->watch == NULL) {
        redisAsyncFree(context);
        return;
    }
    loop_timer_set(redis->loop, &link->timer, redis->config.connect_timeout_ms);
    redisAsyncSetConnectCallback(context, on_connected);
    loop_watch_want_write(link->watch);
}

/* "[::1]" is; an address of IPv6 without brackets might end in a port or in a group. */
static bool is_host(const char *text, size_t length)
{
    if (length > 0 && text[0] == '[')
        return length > 2 && text[length - 1] == ']' && memchr(text + 1, '[', length - 1) == NULL &&
               memchr(text, ']', length - 1) == NULL;
    return length > 0 && memchr(text, ':', length) == NULL;
}

/* The port of "host:port"; 0 when there is none. */
static int port_of(const char *address)
{
    const char *colon = strrchr(address, ':');
    char *end;
    long port;

    if (colon == NULL || !is_host(address, (size_t)(colon - address)) || colon[1] < '0' ||
        colon[1] > '9')
        return 0;
    port = strtol(colon + 1, &end, 10);
    return *end == '\0' && port <= UINT16_MAX ? (int)port : 0;
}

bool redis_address_is_valid(const char *address)
{
    return address[0] == '/' || port_of(address) != 0;
}

static void parse_address(struct redis *redis)
{
    char *host = redis->host;

    if (host[0] == '/')
        return;
    redis->port = port_of(host);
    *strrchr(host, ':') = '\0';
    if (host[0] == '[') {
        memmove(host, host + 1, strlen(host));
        *strchr(host, ']') = '\0';
    }
}

struct redis *redis_open(struct loop *loop, const struct redis_config *config)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    uint64_t name[2];

    assert(redis_address_is_valid(config->address));
    if (redis == NULL || (redis->host = strdup(config->address)) == NULL ||
        getrandom(name, sizeof(name), 0) != sizeof(name))
        abort();
    snprintf(redis->beat_channel, sizeof(redis->beat_channel), "waystone:beat:%016lx%016lx",
             (unsigned long)name[0], (unsigned long)name[1]);
    redis->beat.fn = on_beat;
    loop_timer_set(loop, &redis->beat, BEAT_INTERVAL_MS);
    redis->loop = loop;
    redis->config = *config;
    parse_address(redis);
    redis->commands = (struct link){.redis = redis, .flush.fn = flush, .timer.fn = on_timer};
    redis->subscriber = (struct link){
        .redis = redis, .flush.fn = flush, .timer.fn = on_timer, .is_subscriber = true};
    connect_link(&redis->commands);
    connect_link(&redis->subscriber);
    return redis;
}

static void close_link(struct link *link)
{
    if (link->context != NULL)
        redisAsyncFree(link->context);
    loop_timer_cancel(link->redis->loop, &link->timer);
}

void redis_close(struct redis *redis)
{
    if (redis == NULL)
        return;
    redis->closing = true;
    close_link(&redis->commands);
    close_link(&redis->subscriber);
    loop_timer_cancel(redis->loop, &redis->beat);
    for (size_t i = 0; i < SUBSCRIPTION_BUCKETS; i++)
        while (redis->subscriptions[i] != NULL)
            forget(&redis->subscriptions[i]);
    free(redis->host);
    free(redis);
}

bool redis_is_ready(const struct redis *redis)
{
    return redis->commands.state == LINK_UP && redis->subscriber.state == LINK_UP;
}

/* --- commands --- */

/* One timer for all: answers come in order, so each must come soon after the one before. */
static bool send_command(struct redis *redis, redisCallbackFn *on_reply, void *private,
                         size_t count, const char *const *arguments, const size_t *lengths)
{
    struct link *link = &redis->commands;

    if (link->state != LINK_UP ||
        redisAsyncCommandArgv(link->context, on_reply, private, (int)count,
                              (const char **)arguments, lengths) != REDIS_OK)
        return false;
    if (link->awaited++ == 0)
        loop_timer_set(redis->loop, &link->timer, redis->config.command_timeout_ms);
    return true;
}

static void note_reply(struct redis *redis, const void *reply)
{
    struct link *link = &redis->commands;

    if (reply == NULL)
        return; /* the connection ended: on_cleanup does the rest */
    if (--link->awaited == 0)
        loop_timer_cancel(redis->loop, &link->timer);
    else
        loop_timer_set(redis->loop, &link->timer, redis->config.command_timeout_ms);
}

static void on_published(redisAsyncContext *context, void *reply, void *private)
{
    note_reply(private, reply);
}

enum status redis_publish(struct redis *redis, const char *channel, const void *payload,
                          size_t length)
{
    const char *arguments[] = {"PUBLISH", channel, payload};
    const size_t lengths[] = {7, strlen(channel), length};

    return send_command(redis, on_published, redis, 3, arguments, lengths) ? STATUS_OK
                                                                           : STATUS_UNAVAILABLE;
}

struct command {
    struct redis *redis;
    struct awaitable *done; /* NULL once the waiter has given up */
    struct arena *arena;
    struct redis_value *value;
};

static void copy_reply(struct arena *arena, const redisReply *reply, struct redis_value *out)
{
    *out = (struct redis_value){.type = REDIS_NIL};
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        out->type = REDIS_INTEGER;
        out->integer = reply->integer;
        break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        out->type = reply->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_STRING;
        out->string = arena_strndup(arena, reply->str, (size_t)reply->len);
        out->length = (size_t)reply->len;
        break;
    case REDIS_REPLY_ARRAY:
        out->type = REDIS_ARRAY;
        out->item_count = reply->elements;
        out->items = arena_alloc_array(arena, reply->elements, sizeof(*out->items));
        for (size_t i = 0; i < reply->elements; i++)
            copy_reply(arena, reply->element[i], &out->items[i]);
        break;
    default:
        break;
    }
}

static void on_reply(redisAsyncContext *context, void *reply, void *private)
{
    struct command *command = private;
    enum status status = STATUS_UNAVAILABLE;

    note_reply(command->redis, reply);
    if (command->done != NULL) {
        if (reply != NULL) {
            copy_reply(command->arena, reply, command->value);
            status = command->value->type == REDIS_ERROR ? STATUS_INTERNAL : STATUS_OK;
        }
        awaitable_complete(command->done, status);
    }
    free(command);
}

enum status redis_command(struct redis *redis, struct arena *arena, size_t count,
                          const char *const *arguments, const size_t *lengths,
                          struct redis_value *ret)
{
    struct awaitable done;
    struct command *command;
    enum status status;

    TRY(coro_interrupted());
    command = malloc(sizeof(*command));
    if (command == NULL)
        abort();
    awaitable_init(&done);
    *command = (struct command){redis, &done, arena, ret};
    if (!send_command(redis, on_reply, command, count, arguments, lengths)) {
        free(command);
        return STATUS_UNAVAILABLE;
    }
    status = await(&done);
    if (!awaitable_is_complete(&done))
        command->done = NULL;
    return status;
}

/* --- scripts --- */

static void write_digest(const char *source, char *out)
{
    unsigned char digest[SHA_DIGEST_LENGTH];

    SHA1((const unsigned char *)source, strlen(source), digest);
    hex_write(digest, sizeof(digest), out);
}

static const char *digest_of(struct redis *redis, const char *source)
{
    size_t at = 0;

    while (at < SCRIPTS_MAX && redis->scripts[at].source != NULL &&
           redis->scripts[at].source != source)
        at++;
    assert(at < SCRIPTS_MAX);
    if (redis->scripts[at].source == NULL) {
        write_digest(source, redis->scripts[at].digest);
        redis->scripts[at].source = source;
    }
    return redis->scripts[at].digest;
}

static bool is_unknown(const struct redis_value *answer)
{
    return answer->type == REDIS_ERROR && strncmp(answer->string, "NOSCRIPT", 8) == 0;
}

enum status redis_run_script(struct redis *redis, struct arena *arena, const char *script,
                             size_t count, const char *const *words, struct redis_value *ret)
{
    const char **all = arena_alloc_array(arena, count + 2, sizeof(*all));
    enum status status;

    all[0] = "EVALSHA";
    all[1] = digest_of(redis, script);
    memcpy(all + 2, words, count * sizeof(*words));
    status = redis_command(redis, arena, count + 2, all, NULL, ret);
    if (status != STATUS_INTERNAL || !is_unknown(ret))
        return status;
    all[0] = "EVAL";
    all[1] = script;
    return redis_command(redis, arena, count + 2, all, NULL, ret);
}
