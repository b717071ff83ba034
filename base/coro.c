#include "base/coro.h"

#include "base/limits.h"

#include "base/loop_internal.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORO_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define CORO_TSAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define CORO_ASAN 1
#endif
#ifdef __SANITIZE_THREAD__
#define CORO_TSAN 1
#endif

#ifdef CORO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CORO_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define CORO_VALGRIND 1
#endif

/* boost.context's switch: 6 ns, where ucontext's system call takes 300. */
typedef void *fcontext_t;
struct transfer {
    fcontext_t from;
    void *data;
};
extern struct transfer jump_fcontext(fcontext_t to, void *data);
extern fcontext_t make_fcontext(void *stack_top, size_t size_bytes, void (*fn)(struct transfer));

#define GUARD_BYTES 4096
#define MAPPING_BYTES (CORO_STACK_BYTES + GUARD_BYTES)
#define MAX_POOLED 256

struct coro {
    struct loop *loop;
    void (*fn)(void *argument);
    void *argument;
    fcontext_t context; /* where it goes on */
    fcontext_t caller;  /* the loop's stack, while it runs */
    struct coro *next;  /* in the ready queue or the pool */
    bool ready;
    bool ended;
    struct awaitable *waiting;
    bool interruptible; /* whether that wait is */
    enum status interrupted;
    uint8_t *stack; /* lowest usable byte, above the guard page */
#ifdef CORO_VALGRIND
    unsigned valgrind_stack;
#endif
#ifdef CORO_ASAN
    void *fake_stack;
    const void *caller_stack;
    size_t caller_stack_bytes;
#endif
#ifdef CORO_TSAN
    void *fiber, *caller_fiber;
#endif
};

static _Thread_local struct coro *self;
static _Thread_local struct coro *pool;
static _Thread_local size_t pooled;
static _Thread_local size_t alive;

/* Of all loops: the kernel bounds a process's mappings (vm.max_map_count, 65530), of which a
 * stack takes two. */
static atomic_size_t stacks;

/* --- stacks: the struct lies at the top of its own --- */

static struct coro *new_stack(void)
{
    uint8_t *mapping = mmap(NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    struct coro *coro;

    if (mapping == MAP_FAILED || mprotect(mapping, GUARD_BYTES, PROT_NONE) != 0)
        abort(); /* LIMIT_STACKS leaves room for those nobody may refuse */
    atomic_fetch_add_explicit(&stacks, 1, memory_order_relaxed);
    coro = (struct coro *)(void *)(mapping + MAPPING_BYTES - sizeof(*coro) - sizeof(*coro) % 16);
    coro->stack = mapping + GUARD_BYTES;
#ifdef CORO_VALGRIND
    coro->valgrind_stack = VALGRIND_STACK_REGISTER(coro->stack, coro);
#endif
    return coro;
}

/* The frame a coroutine ends in never returns, and so leaves its red zones behind. */
static void forget_red_zones(struct coro *coro)
{
#ifdef CORO_ASAN
    ASAN_UNPOISON_MEMORY_REGION(coro->stack, (size_t)((uint8_t *)coro - coro->stack));
#endif
}

static void free_stack(struct coro *coro)
{
#ifdef CORO_VALGRIND
    VALGRIND_STACK_DEREGISTER(coro->valgrind_stack);
#endif
    munmap(coro->stack - GUARD_BYTES, MAPPING_BYTES);
    atomic_fetch_sub_explicit(&stacks, 1, memory_order_relaxed);
}

static struct coro *take_stack(void)
{
    struct coro *coro = pool;

    if (coro == NULL)
        return new_stack(); /* fresh memory is zero */
    pool = coro->next;
    pooled--;
    *coro = (struct coro){
        .stack = coro->stack,
#ifdef CORO_VALGRIND
        .valgrind_stack = coro->valgrind_stack,
#endif
    };
    return coro;
}

static void give_stack(struct coro *coro)
{
    forget_red_zones(coro);
    if (pooled >= MAX_POOLED) {
        free_stack(coro);
        return;
    }
    coro->next = pool;
    pool = coro;
    pooled++;
}

void coro_free_stacks(void)
{
    while (pool != NULL) {
        struct coro *coro = pool;
        pool = coro->next;
        free_stack(coro);
    }
    pooled = 0;
}

/* --- switching --- */

static void switch_to_loop(struct coro *coro)
{
    struct transfer transfer;

#ifdef CORO_ASAN
    __sanitizer_start_switch_fiber(coro->ended ? NULL : &coro->fake_stack, coro->caller_stack,
                                   coro->caller_stack_bytes);
#endif
#ifdef CORO_TSAN
    __tsan_switch_to_fiber(coro->caller_fiber, 0);
#endif
    transfer = jump_fcontext(coro->caller, NULL);
#ifdef CORO_ASAN
    __sanitizer_finish_switch_fiber(coro->fake_stack, &coro->caller_stack,
                                    &coro->caller_stack_bytes);
#endif
    coro->caller = transfer.from;
}

static void enter(struct transfer transfer)
{
    struct coro *coro = transfer.data;

#ifdef CORO_ASAN
    __sanitizer_finish_switch_fiber(NULL, &coro->caller_stack, &coro->caller_stack_bytes);
#endif
    coro->caller = transfer.from;
    coro->fn(coro->argument);
    coro->ended = true;
    switch_to_loop(coro);
    abort(); /* an ended coroutine is never resumed */
}

static void switch_to_coro(struct coro *coro)
{
    struct transfer transfer;
#ifdef CORO_ASAN
    void *fake_stack;

    __sanitizer_start_switch_fiber(&fake_stack, coro->stack,
                                   (size_t)((uint8_t *)coro - coro->stack));
#endif
#ifdef CORO_TSAN
    coro->caller_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(coro->fiber, 0);
#endif
    transfer = jump_fcontext(coro->context, coro);
#ifdef CORO_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
    coro->context = transfer.from;
}

static void resume(struct coro *coro)
{
    assert(self == NULL);
    self = coro;
    switch_to_coro(coro);
    self = NULL;
    if (!coro->ended)
        return;
#ifdef CORO_TSAN
    __tsan_destroy_fiber(coro->fiber);
#endif
    alive--;
    give_stack(coro);
}

/* --- the ready queue --- */

static void make_ready(struct coro *coro)
{
    struct ready_queue *queue = loop_ready_queue(coro->loop);

    if (coro->ready)
        return;
    coro->ready = true;
    coro->next = NULL;
    if (queue->last != NULL)
        queue->last->next = coro;
    else
        queue->first = coro;
    queue->last = coro;
}

void coro_run_ready(struct ready_queue *queue)
{
    struct coro *last = queue->last;
    bool more = last != NULL;

    while (more) {
        struct coro *coro = queue->first;
        assert(coro != NULL); /* `last` is in the queue */
        queue->first = coro->next;
        if (queue->first == NULL)
            queue->last = NULL;
        more = coro != last;
        coro->ready = false;
        resume(coro);
    }
}

/* --- the interface --- */

bool coro_can_start(void)
{
    return pool != NULL || atomic_load_explicit(&stacks, memory_order_relaxed) < LIMIT_STACKS;
}

static struct coro *new_coro(struct loop *loop, void (*fn)(void *argument), void *argument)
{
    struct coro *coro = take_stack();

    coro->loop = loop;
    coro->fn = fn;
    coro->argument = argument;
    coro->context = make_fcontext(coro, (size_t)((uint8_t *)coro - coro->stack), enter);
#ifdef CORO_TSAN
    coro->fiber = __tsan_create_fiber(0);
#endif
    alive++;
    return coro;
}

struct coro *coro_start(struct loop *loop, void (*fn)(void *argument), void *argument)
{
    struct coro *coro = new_coro(loop, fn, argument);

    make_ready(coro);
    return coro;
}

void coro_run(struct loop *loop, void (*fn)(void *argument), void *argument)
{
    resume(new_coro(loop, fn, argument));
}

struct coro *coro_self(void)
{
    return self;
}

size_t coro_count(void)
{
    return alive;
}

void coro_interrupt(struct coro *coro, enum status why)
{
    if (coro->interrupted == STATUS_OK)
        coro->interrupted = why;
    if (coro->waiting != NULL && coro->interruptible)
        make_ready(coro);
}

enum status coro_interrupted(void)
{
    return self != NULL ? self->interrupted : STATUS_OK;
}

void awaitable_init(struct awaitable *awaitable)
{
    *awaitable = (struct awaitable){0};
}

static void suspend_on(struct awaitable *awaitable, bool interruptible)
{
    struct coro *coro = self;

    assert(coro != NULL && awaitable->waiter == NULL);
    awaitable->waiter = coro;
    coro->waiting = awaitable;
    coro->interruptible = interruptible;
    switch_to_loop(coro);
    coro->waiting = NULL;
    awaitable->waiter = NULL;
}

enum status await(struct awaitable *awaitable)
{
    if (awaitable->complete)
        return awaitable->status;
    if (self->interrupted != STATUS_OK)
        return self->interrupted;
    suspend_on(awaitable, true);
    return awaitable->complete ? awaitable->status : self->interrupted;
}

enum status await_uninterruptible(struct awaitable *awaitable)
{
    if (!awaitable->complete)
        suspend_on(awaitable, false);
    return awaitable->status;
}

void awaitable_complete(struct awaitable *awaitable, enum status status)
{
    assert(!awaitable->complete);
    awaitable->complete = true;
    awaitable->status = status;
    if (awaitable->waiter != NULL)
        make_ready(awaitable->waiter);
}

/* --- sleeping --- */

struct sleeper {
    struct loop_timer timer;
    struct awaitable awaitable;
};

static void wake(struct loop_timer *timer)
{
    struct sleeper *sleeper = (struct sleeper *)timer;

    awaitable_complete(&sleeper->awaitable, STATUS_OK);
}

enum status coro_sleep(uint64_t delay_ms)
{
    struct sleeper sleeper = {.timer.fn = wake};
    struct loop *loop = self->loop;
    enum status status;

    awaitable_init(&sleeper.awaitable);
    loop_timer_set(loop, &sleeper.timer, delay_ms);
    status = await(&sleeper.awaitable);
    loop_timer_cancel(loop, &sleeper.timer);
    return status;
}

enum status coro_yield(void)
{
    struct awaitable awaitable;

    if (self->interrupted != STATUS_OK)
        return self->interrupted;
    awaitable_init(&awaitable);
    make_ready(self);
    suspend_on(&awaitable, true);
    return self->interrupted;
}
