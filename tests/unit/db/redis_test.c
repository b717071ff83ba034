/* Redis: commands, messages, and a server that comes and goes. */
#include "db/redis.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/log.h"
#include "tests/unit/db/descriptors.h"

/* A redis-server of the test's own, which may be killed. */
struct bench {
    struct loop *loop;
    struct arena *arena;
    struct redis *redis;
    char directory[64], socket[96];
    pid_t server;
    redisContext *admin; /* blocking */

    unsigned messages, resubscribed;
    char channel[64], payload[64];
};

static void start_server(struct bench *bench)
{
    bench->server = fork();
    if (bench->server == 0) {
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", bench->socket,
               "--dir", bench->directory, "--save", "", "--logfile", "/dev/null", (char *)NULL);
        _exit(127);
    }
    for (int tries = 0; tries < 500; tries++) {
        bench->admin = redisConnectUnix(bench->socket);
        if (bench->admin != NULL && bench->admin->err == 0)
            return;
        redisFree(bench->admin);
        bench->admin = NULL;
        usleep(10000);
    }
    cr_assert_fail("redis-server did not start");
}

static void stop_server(struct bench *bench)
{
    redisFree(bench->admin);
    bench->admin = NULL;
    kill(bench->server, SIGKILL);
    waitpid(bench->server, NULL, 0);
    unlink(bench->socket);
}

static void on_message(void *argument, const char *channel, const void *payload, size_t length)
{
    struct bench *bench = argument;

    bench->messages++;
    snprintf(bench->channel, sizeof(bench->channel), "%s", channel);
    snprintf(bench->payload, sizeof(bench->payload), "%.*s", (int)length, (const char *)payload);
}

static void on_resubscribed(void *argument)
{
    ((struct bench *)argument)->resubscribed++;
}

static struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct redis_config config = {
        .address = bench->socket, .connect_timeout_ms = 1000, .command_timeout_ms = 300};

    log_set_level(LOG_LEVEL_ERROR);
    strcpy(bench->directory, "/tmp/waystone-redis-XXXXXX");
    cr_assert_not_null(mkdtemp(bench->directory));
    snprintf(bench->socket, sizeof(bench->socket), "%s/redis.sock", bench->directory);
    bench->loop = loop_new(0);
    bench->arena = arena_new();
    bench->redis = redis_open(bench->loop, &config);
    redis_set_listener(bench->redis, on_message, on_resubscribed, bench);
    return bench;
}

static void bench_stopp(struct bench **bench_pointer)
{
    struct bench *bench = *bench_pointer;

    redis_close(bench->redis);
    for (int i = 0; i < 10 && coro_count() > 0; i++)
        loop_tick(bench->loop, 10);
    cr_expect_eq(coro_count(), 0);
    if (bench->server != 0)
        stop_server(bench);
    arena_free(bench->arena);
    loop_free(bench->loop);
    rmdir(bench->directory);
    free(bench);
}

static void until(struct bench *bench, bool (*condition)(struct bench *bench))
{
    uint64_t until_ms = clock_monotonic_ms() + 20000;

    while (!condition(bench)) {
        cr_assert_lt(clock_monotonic_ms(), until_ms, "it did not happen within 20 s");
        loop_tick(bench->loop, 10);
    }
}

static bool is_ready(struct bench *bench)
{
    return redis_is_ready(bench->redis) && bench->resubscribed > 0;
}

static bool has_message(struct bench *bench)
{
    return bench->messages > 0;
}

static bool is_lost(struct bench *bench)
{
    return !redis_is_ready(bench->redis);
}

static bool is_done(struct bench *bench)
{
    return coro_count() == 0;
}

static struct bench *bench_start(void)
{
    struct bench *bench = bench_new();

    start_server(bench);
    until(bench, is_ready);
    return bench;
}

/* Runs a command behind the client's back; the integer of its reply. */
static long long admin(struct bench *bench, const char *command)
{
    redisReply *reply = redisCommand(bench->admin, command);
    long long integer;

    cr_assert_not_null(reply, "%s: %s", command, bench->admin->errstr);
    cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s: %s", command, reply->str);
    integer = reply->integer;
    freeReplyObject(reply);
    return integer;
}

/* --- commands --- */

struct call {
    struct bench *bench;
    const char *words[6];
    size_t count;
    struct redis_value value;
    enum status status;
};

static void run_call(void *argument)
{
    struct call *call = argument;
    size_t lengths[6];

    for (size_t i = 0; i < call->count; i++)
        lengths[i] = strlen(call->words[i]);
    call->status = redis_command(call->bench->redis, call->bench->arena, call->count, call->words,
                                 lengths, &call->value);
}

#define CALL(bench_, ...)                                                                         \
    {                                                                                             \
        .bench = (bench_), .words = {__VA_ARGS__},                                                \
        .count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), .status = STATUS_UNKNOWN \
    }

static void perform(struct call *call)
{
    coro_start(call->bench->loop, run_call, call);
    until(call->bench, is_done);
}

Test(redis, replies_keep_their_types)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call set = CALL(bench, "SET", "key", "value"), get = CALL(bench, "GET", "key");
    struct call none = CALL(bench, "GET", "nothing"), add = CALL(bench, "INCRBY", "n", "-7");
    struct call list = CALL(bench, "MGET", "key", "nothing", "n");
    struct call wrong = CALL(bench, "INCR", "key");

    perform(&set);
    cr_expect_eq(set.status, STATUS_OK);
    perform(&get);
    cr_assert_eq(get.status, STATUS_OK);
    cr_expect_eq(get.value.type, REDIS_STRING);
    cr_expect_str_eq(get.value.string, "value");
    perform(&none);
    cr_expect_eq(none.status, STATUS_OK);
    cr_expect_eq(none.value.type, REDIS_NIL);
    perform(&add);
    cr_expect_eq(add.value.type, REDIS_INTEGER);
    cr_expect_eq(add.value.integer, -7);
    perform(&list);
    cr_assert_eq(list.value.type, REDIS_ARRAY);
    cr_assert_eq(list.value.item_count, 3);
    cr_expect_str_eq(list.value.items[0].string, "value");
    cr_expect_eq(list.value.items[1].type, REDIS_NIL);
    cr_expect_str_eq(list.value.items[2].string, "-7");
    perform(&wrong);
    cr_expect_eq(wrong.status, STATUS_INTERNAL);
    cr_expect_eq(wrong.value.type, REDIS_ERROR);
}

static void run_script(void *argument)
{
    struct call *call = argument;

    call->status = redis_run_script(call->bench->redis, call->bench->arena, call->words[0],
                                    call->count - 1, call->words + 1, &call->value);
}

static void perform_script(struct call *call)
{
    call->status = STATUS_UNKNOWN;
    coro_start(call->bench->loop, run_script, call);
    until(call->bench, is_done);
}

/* How often Redis was given this command: a script's source, or its digest. */
static long long count_of(struct bench *bench, const char *command)
{
    redisReply *reply = redisCommand(bench->admin, "INFO commandstats");
    char name[64];
    const char *at;
    long long count;

    cr_assert_not_null(reply);
    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    at = strstr(reply->str, name);
    count = at != NULL ? atoll(at + strlen(name)) : 0;
    freeReplyObject(reply);
    return count;
}

Test(redis, a_script_is_sent_whole_to_a_redis_that_does_not_know_it)
{
    static const char script[] = "return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}";
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call call = CALL(bench, script, "1", "counted", "argument");

    for (int turn = 1; turn <= 6; turn++) {
        perform_script(&call);
        cr_assert_eq(call.status, STATUS_OK);
        cr_assert_eq(call.value.item_count, 3);
        cr_expect_str_eq(call.value.items[0].string, "counted");
        cr_expect_str_eq(call.value.items[1].string, "argument");
        cr_expect_eq(call.value.items[2].integer, turn, "run once each time");
        cr_expect_eq(count_of(bench, "eval"), turn <= 3 ? 1 : 2);
        if (turn == 3)
            admin(bench, "SCRIPT FLUSH"); /* as after a restart */
    }
}

Test(redis, a_scripts_own_error_is_told)
{
    static const char script[] = "return redis.error_reply('no luck')";
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call call = CALL(bench, script, "0");

    perform_script(&call);
    cr_expect_eq(call.status, STATUS_INTERNAL);
    cr_expect_eq(call.value.type, REDIS_ERROR);
    cr_expect_eq(count_of(bench, "eval"), 1);
}

struct interruption {
    struct loop_timer timer;
    struct coro *coro;
};

static void interrupt(struct loop_timer *timer)
{
    coro_interrupt(((struct interruption *)timer)->coro, STATUS_CANCELLED);
}

Test(redis, a_late_reply_is_dropped)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call pop = CALL(bench, "BLPOP", "list", "5"), get = CALL(bench, "PING");
    struct interruption interruption = {.timer.fn = interrupt};

    interruption.coro = coro_start(bench->loop, run_call, &pop);
    loop_timer_set(bench->loop, &interruption.timer, 50);
    until(bench, is_done);
    cr_expect_eq(pop.status, STATUS_CANCELLED);
    admin(bench, "RPUSH list late");
    perform(&get);
    cr_expect_eq(get.status, STATUS_OK);
    cr_expect_str_eq(get.value.string, "PONG");
}

Test(redis, silence_ends_with_the_timeout)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call pop = CALL(bench, "BLPOP", "list", "30"), behind = CALL(bench, "PING");
    struct call later = CALL(bench, "PING");
    uint64_t start_ms = clock_monotonic_ms();

    coro_start(bench->loop, run_call, &pop);
    coro_start(bench->loop, run_call, &behind);
    until(bench, is_done);
    cr_expect_eq(pop.status, STATUS_UNAVAILABLE);
    cr_expect_eq(behind.status, STATUS_UNAVAILABLE);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 2000);
    until(bench, is_ready);
    perform(&later);
    cr_expect_eq(later.status, STATUS_OK);
}

/* More than a socket takes at once: the rest follows as there is room. */
Test(redis, a_command_larger_than_the_socket)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    const size_t size = 2 << 20;
    char *large = malloc(size + 1);
    struct call set = CALL(bench, "SET", "large", large), get = CALL(bench, "STRLEN", "large");

    cr_assert_not_null(large);
    memset(large, 'x', size);
    large[size] = '\0';
    coro_start(bench->loop, run_call, &set);
    perform(&get);
    cr_expect_eq(set.status, STATUS_OK);
    cr_expect_eq(get.value.integer, size);
    free(large);
}

/* --- messages --- */

Test(redis, messages_reach_their_channel_only)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();

    redis_subscribe(bench->redis, "chat:1");
    cr_assert_eq(redis_publish(bench->redis, "chat:2", "no", 2), STATUS_OK);
    for (int i = 0; i < 20; i++) /* until the subscription is in force */
        loop_tick(bench->loop, 5);
    cr_assert_eq(redis_publish(bench->redis, "chat:1", "yes", 3), STATUS_OK);
    until(bench, has_message);
    cr_expect_str_eq(bench->channel, "chat:1");
    cr_expect_str_eq(bench->payload, "yes");
    cr_expect_eq(bench->messages, 1);
    cr_expect_eq(bench->resubscribed, 1, "one more channel is no reconnection");
}

static bool has_one_more_subscriber(struct bench *bench)
{
    redisReply *reply = redisCommand(bench->admin, "PUBSUB NUMSUB again");
    bool found = reply->element[1]->integer == 1;

    freeReplyObject(reply);
    return found;
}

/* The last listener leaves and another comes, within one tick: the answers are still to come. */
Test(redis, leaving_and_coming_back_at_once)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();

    for (int round = 0; round < 3; round++) {
        bench->messages = 0;
        redis_subscribe(bench->redis, "again");
        redis_unsubscribe(bench->redis, "again");
        redis_subscribe(bench->redis, "again");
        for (int i = 0; i < 20; i++)
            loop_tick(bench->loop, 5);
        until(bench, has_one_more_subscriber);
        admin(bench, "PUBLISH again hello");
        until(bench, has_message);
        redis_unsubscribe(bench->redis, "again");
        for (int i = 0; i < 20; i++)
            loop_tick(bench->loop, 5);
        cr_expect_eq(admin(bench, "PUBLISH again hello"), 0, "nobody listens any more");
    }
}

/* --- coming and going --- */

static bool is_back(struct bench *bench)
{
    return redis_is_ready(bench->redis) && bench->resubscribed == 2;
}

Test(redis, a_killed_subscriber_comes_back_with_its_channels)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();

    redis_subscribe(bench->redis, "chat:1");
    cr_assert_eq(admin(bench, "CLIENT KILL TYPE pubsub"), 1);
    until(bench, is_back);
    cr_expect_eq(admin(bench, "PUBLISH chat:1 again"), 1);
    until(bench, has_message);
    cr_expect_str_eq(bench->payload, "again");
}

Test(redis, a_server_that_is_killed_and_restarted)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call pending = CALL(bench, "BLPOP", "list", "5"), refused = CALL(bench, "PING");
    struct call later = CALL(bench, "PING");

    redis_subscribe(bench->redis, "chat:1");
    coro_start(bench->loop, run_call, &pending);
    for (int i = 0; i < 5; i++)
        loop_tick(bench->loop, 5);
    stop_server(bench);
    until(bench, is_done);
    cr_expect_eq(pending.status, STATUS_UNAVAILABLE);
    until(bench, is_lost);
    perform(&refused);
    cr_expect_eq(refused.status, STATUS_UNAVAILABLE);
    cr_expect_eq(redis_publish(bench->redis, "chat:1", "lost", 4), STATUS_UNAVAILABLE);

    start_server(bench);
    until(bench, is_back);
    perform(&later);
    cr_expect_eq(later.status, STATUS_OK);
    cr_expect_eq(admin(bench, "PUBLISH chat:1 here"), 1);
    until(bench, has_message);
    cr_expect_str_eq(bench->payload, "here");
}

Test(redis, a_server_that_starts_later_is_found)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_new();
    struct call early = CALL(bench, "PING");

    redis_subscribe(bench->redis, "chat:1");
    perform(&early);
    cr_expect_eq(early.status, STATUS_UNAVAILABLE);
    start_server(bench);
    until(bench, is_ready);
    cr_expect_eq(admin(bench, "PUBLISH chat:1 welcome"), 1);
    until(bench, has_message);
}

/* A machine that is gone closes nothing, and a subscriber has no reason to write: it is the beat
 * that is missed. Here Redis refuses to pass it on. */
Test(redis, a_subscriber_that_hears_nothing_is_made_anew)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_start();
    struct call refused = CALL(bench, "PUBLISH", "chat:1", "x");

    redis_subscribe(bench->redis, "chat:1");
    admin(bench, "ACL SETUSER default -publish");
    perform(&refused);
    cr_expect_eq(refused.status, STATUS_INTERNAL);
    until(bench, is_back);
    admin(bench, "ACL SETUSER default +publish");
    cr_expect_eq(admin(bench, "PUBLISH chat:1 alive"), 1);
    until(bench, has_message);
}

Test(redis, is_reached_once_there_are_descriptors_again)
{
    for (unsigned left = 0; left < 6; left++) {
        CLEANUP(bench_stopp) struct bench *bench = NULL;
        descriptors_take(left + 3); /* the loop's own */
        bench = bench_new();
        for (int i = 0; i < 10; i++)
            loop_tick(bench->loop, 5);
        descriptors_give_back();
        start_server(bench);
        until(bench, is_ready);
    }
}

Test(redis, addresses)
{
    static const char *const good[] = {"localhost:6379", "127.0.0.1:1", "[::1]:6379",
                                       "[2001:db8::7]:65535", "/run/redis.sock"};
    static const char *const bad[] = {
        "",          "localhost", ":6379",     "localhost:",  "::1:6379",       "[::1]",
        "[::1]6379", "[]:6379",   "[::1:6379", "[::1]]:6379", "localhost:65536"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        cr_expect(redis_address_is_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        cr_expect_not(redis_address_is_valid(bad[i]), "%s", bad[i]);
}

static bool has_pong(struct bench *bench)
{
    struct call ping = CALL(bench, "PING");

    perform(&ping);
    return ping.status == STATUS_OK;
}

Test(redis, is_reached_by_ipv6)
{
    CLEANUP(bench_stopp) struct bench *bench = bench_new();
    struct redis_config config = {.connect_timeout_ms = 1000, .command_timeout_ms = 300};
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof(address);
    char text[64], port[8];
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    pid_t server;

    if (bind(probe, (struct sockaddr *)&address, sizeof(address)) != 0)
        cr_skip_test("this machine has no IPv6");
    getsockname(probe, (struct sockaddr *)&address, &length);
    close(probe);
    snprintf(port, sizeof(port), "%u", ntohs(address.sin6_port));
    snprintf(text, sizeof(text), "[::1]:%s", port);
    server = fork();
    if (server == 0) {
        execlp("redis-server", "redis-server", "--port", port, "--bind", "::1", "--dir",
               bench->directory, "--save", "", "--logfile", "/dev/null", (char *)NULL);
        _exit(127);
    }
    redis_close(bench->redis);
    config.address = text;
    bench->redis = redis_open(bench->loop, &config);
    until(bench, has_pong);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}
