/* hiredis on the loop: two connections that come back by themselves. */
#include "db/redis.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "base/coro.h"
#include "base/log.h"

#define FIRST_BACKOFF_MS 50
#define LONGEST_BACKOFF_MS 1000
/* Keeps the subscriber in subscribed mode when nothing else is. */
#define KEEP_CHANNEL "waystone:keep"

enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP };

struct link {
    struct redis *redis;
    redisAsyncContext *context;
    struct loop_watch *watch;
    struct loop_timer timer; /* bounds connecting; waits before the next try */
    enum link_state state;
    uint32_t backoff_ms;
    bool is_subscriber;
};

struct subscription {
    char *channel;
    struct subscription *next;
};

struct redis {
    struct loop *loop;
    struct redis_config config;
    char *host; /* or path */
    int port;   /* 0: a Unix socket */
    struct link commands, subscriber;
    struct subscription *subscriptions;
    size_t unconfirmed; /* SUBSCRIBEs sent since connecting and not answered */
    redis_message_fn on_message;
    redis_resubscribed_fn on_resubscribed;
    void *listener;
    bool closing;
};

static void connect_link(struct link *link);

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

static void want_write(void *argument)
{
    struct link *link = argument;

    if (link->watch != NULL)
        loop_watch_want_write(link->watch);
}

/* hiredis frees the context: the one place that hears of every end. */
static void on_cleanup(void *argument)
{
    struct link *link = argument;
    struct redis *redis = link->redis;

    if (link->state == LINK_UP && !redis->closing)
        log_warning("redis connection lost", LOG_BOOL("subscriber", link->is_subscriber));
    loop_watch_free(link->watch);
    link->watch = NULL;
    link->context = NULL;
    link->state = LINK_DOWN;
    if (redis->closing)
        return;
    link->backoff_ms = link->backoff_ms ? link->backoff_ms * 2 : FIRST_BACKOFF_MS;
    if (link->backoff_ms > LONGEST_BACKOFF_MS)
        link->backoff_ms = LONGEST_BACKOFF_MS;
    loop_timer_set(redis->loop, &link->timer,
                   link->backoff_ms / 2 + (uint64_t)random() % (link->backoff_ms / 2 + 1));
}

/* --- subscriptions --- */

static void on_subscribed_reply(redisAsyncContext *context, void *reply_argument, void *private)
{
    struct redis *redis = private;
    const redisReply *reply = reply_argument;

    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
        return;
    if (strcmp(reply->element[0]->str, "message") == 0) {
        if (redis->on_message != NULL)
            redis->on_message(redis->listener, reply->element[1]->str, reply->element[2]->str,
                              (size_t)reply->element[2]->len);
    } else if (strcmp(reply->element[0]->str, "subscribe") == 0 && redis->unconfirmed > 0 &&
               --redis->unconfirmed == 0 && redis->on_resubscribed != NULL) {
        redis->on_resubscribed(redis->listener);
    }
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
    struct subscription *subscription = calloc(1, sizeof(*subscription));

    if (subscription == NULL || (subscription->channel = strdup(channel)) == NULL)
        abort();
    subscription->next = redis->subscriptions;
    redis->subscriptions = subscription;
    send_subscribe(redis, channel);
}

void redis_unsubscribe(struct redis *redis, const char *channel)
{
    struct subscription **link = &redis->subscriptions;
    const char *arguments[] = {"UNSUBSCRIBE", channel};

    while (*link != NULL && strcmp((*link)->channel, channel) != 0)
        link = &(*link)->next;
    if (*link == NULL)
        return;
    if (redis->subscriber.state == LINK_UP)
        redisAsyncCommandArgv(redis->subscriber.context, NULL, NULL, 2, arguments, NULL);
    struct subscription *gone = *link;
    *link = gone->next;
    free(gone->channel);
    free(gone);
}

void redis_set_listener(struct redis *redis, redis_message_fn on_message,
                        redis_resubscribed_fn on_resubscribed, void *argument)
{
    redis->on_message = on_message;
    redis->on_resubscribed = on_resubscribed;
    redis->listener = argument;
}

/* --- connecting --- */

static void on_connected(const redisAsyncContext *context, int status)
{
    struct link *link = context->data;
    struct redis *redis = link->redis;

    if (status != REDIS_OK)
        return; /* on_cleanup follows */
    link->state = LINK_UP;
    link->backoff_ms = 0;
    loop_timer_cancel(redis->loop, &link->timer);
    log_info("redis connection up", LOG_BOOL("subscriber", link->is_subscriber));
    if (!link->is_subscriber)
        return;
    redis->unconfirmed = 0;
    send_subscribe(redis, KEEP_CHANNEL);
    for (struct subscription *at = redis->subscriptions; at != NULL; at = at->next)
        send_subscribe(redis, at->channel);
}

static void on_timer(struct loop_timer *timer)
{
    struct link *link = (struct link *)((char *)timer - offsetof(struct link, timer));

    if (link->state == LINK_DOWN)
        connect_link(link);
    else
        redisAsyncFree(link->context); /* connecting took too long */
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
    if (context->err != 0) {
        redisAsyncFree(context);
        return;
    }
    link->watch = loop_watch_new(redis->loop, context->c.fd, on_readable, on_writable, link);
    loop_timer_set(redis->loop, &link->timer, redis->config.connect_timeout_ms);
    redisAsyncSetConnectCallback(context, on_connected);
    loop_watch_want_write(link->watch);
}

static void parse_address(struct redis *redis)
{
    char *colon = strrchr(redis->host, ':');

    if (redis->host[0] == '/' || colon == NULL)
        return;
    *colon = '\0';
    redis->port = atoi(colon + 1);
}

struct redis *redis_open(struct loop *loop, const struct redis_config *config)
{
    struct redis *redis = calloc(1, sizeof(*redis));

    if (redis == NULL || (redis->host = strdup(config->address)) == NULL)
        abort();
    redis->loop = loop;
    redis->config = *config;
    parse_address(redis);
    redis->commands = (struct link){.redis = redis, .timer.fn = on_timer};
    redis->subscriber =
        (struct link){.redis = redis, .timer.fn = on_timer, .is_subscriber = true};
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
    while (redis->subscriptions != NULL) {
        struct subscription *gone = redis->subscriptions;
        redis->subscriptions = gone->next;
        free(gone->channel);
        free(gone);
    }
    free(redis->host);
    free(redis);
}

bool redis_is_ready(const struct redis *redis)
{
    return redis->commands.state == LINK_UP && redis->subscriber.state == LINK_UP;
}

/* --- commands --- */

enum status redis_publish(struct redis *redis, const char *channel, const void *payload,
                          size_t length)
{
    const char *arguments[] = {"PUBLISH", channel, payload};
    const size_t lengths[] = {7, strlen(channel), length};

    if (redis->commands.state != LINK_UP)
        return STATUS_UNAVAILABLE;
    if (redisAsyncCommandArgv(redis->commands.context, NULL, NULL, 3, arguments, lengths) !=
        REDIS_OK)
        return STATUS_UNAVAILABLE;
    return STATUS_OK;
}

struct command {
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

    if (command->done != NULL) {
        if (reply != NULL) {
            copy_reply(command->arena, reply, command->value);
            status = command->value->type == REDIS_ERROR ? STATUS_INTERNAL : STATUS_OK;
        }
        awaitable_complete(command->done, status);
    }
    free(command);
}

struct command_timer {
    struct loop_timer timer;
    struct redis *redis;
};

/* A Redis that does not answer is as good as gone: all who wait learn it at once. */
static void on_silence(struct loop_timer *timer)
{
    struct redis *redis = ((struct command_timer *)timer)->redis;

    if (redis->commands.context != NULL)
        redisAsyncFree(redis->commands.context);
}

enum status redis_command(struct redis *redis, struct arena *arena, size_t count,
                          const char *const *arguments, const size_t *lengths,
                          struct redis_value *ret)
{
    struct command_timer timeout = {.timer.fn = on_silence, .redis = redis};
    struct awaitable done;
    struct command *command;
    enum status status;

    if (redis->commands.state != LINK_UP)
        return STATUS_UNAVAILABLE;
    command = malloc(sizeof(*command));
    if (command == NULL)
        abort();
    awaitable_init(&done);
    *command = (struct command){&done, arena, ret};
    if (redisAsyncCommandArgv(redis->commands.context, on_reply, command, (int)count,
                              (const char **)arguments, lengths) != REDIS_OK) {
        free(command);
        return STATUS_UNAVAILABLE;
    }
    loop_timer_set(redis->loop, &timeout.timer, redis->config.command_timeout_ms);
    status = await(&done);
    loop_timer_cancel(redis->loop, &timeout.timer);
    if (!awaitable_is_complete(&done))
        command->done = NULL;
    return status;
}
