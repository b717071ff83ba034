#include "base/workers.h"

#include "base/coro.h"
#include "base/loop.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
    void (*fn)(void *argument);
    void *argument;
};

struct workers {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    pthread_t *threads;
    unsigned thread_count;
    struct job *jobs; /* ring */
    size_t capacity, first, count;
    bool ending;
};

static void *work(void *argument)
{
    struct workers *workers = argument;

    pthread_mutex_lock(&workers->mutex);
    for (;;) {
        struct job job;
        while (workers->count == 0 && !workers->ending)
            pthread_cond_wait(&workers->wake, &workers->mutex);
        if (workers->count == 0)
            break;
        job = workers->jobs[workers->first];
        workers->first = (workers->first + 1) % workers->capacity;
        workers->count--;
        pthread_mutex_unlock(&workers->mutex);
        job.fn(job.argument);
        pthread_mutex_lock(&workers->mutex);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

struct workers *workers_new(unsigned threads, size_t queue_length)
{
    struct workers *workers = calloc(1, sizeof(*workers));

    if (workers == NULL)
        abort();
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->wake, NULL);
    workers->capacity = queue_length;
    workers->jobs = calloc(queue_length, sizeof(*workers->jobs));
    workers->threads = calloc(threads, sizeof(*workers->threads));
    if (workers->jobs == NULL || workers->threads == NULL)
        abort();
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&workers->threads[workers->thread_count], NULL, work, workers) == 0)
            workers->thread_count++;
    if (workers->thread_count == 0)
        abort();
    return workers;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->mutex);
    workers->ending = true;
    pthread_cond_broadcast(&workers->wake);
    pthread_mutex_unlock(&workers->mutex);
    for (unsigned i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_mutex_destroy(&workers->mutex);
    pthread_cond_destroy(&workers->wake);
    free(workers->threads);
    free(workers->jobs);
    free(workers);
}

enum status workers_post(struct workers *workers, void (*fn)(void *argument), void *argument)
{
    enum status status = STATUS_RESOURCE_EXHAUSTED;

    pthread_mutex_lock(&workers->mutex);
    if (workers->count < workers->capacity) {
        size_t slot = (workers->first + workers->count) % workers->capacity;
        workers->jobs[slot] = (struct job){fn, argument};
        workers->count++;
        pthread_cond_signal(&workers->wake);
        status = STATUS_OK;
    }
    pthread_mutex_unlock(&workers->mutex);
    return status;
}

size_t workers_queued(struct workers *workers)
{
    size_t count;

    pthread_mutex_lock(&workers->mutex);
    count = workers->count;
    pthread_mutex_unlock(&workers->mutex);
    return count;
}

/* --- with a coroutine waiting --- */

struct waited_job {
    struct job job;
    struct loop *loop;
    struct awaitable done;
};

static void finish(void *argument)
{
    struct waited_job *waited = argument;

    awaitable_complete(&waited->done, STATUS_OK);
}

static void run_waited(void *argument)
{
    struct waited_job *waited = argument;

    waited->job.fn(waited->job.argument);
    loop_post(waited->loop, finish, waited);
}

enum status workers_run(struct workers *workers, void (*fn)(void *argument), void *argument)
{
    struct waited_job waited = {.job = {fn, argument}, .loop = loop_current()};

    awaitable_init(&waited.done);
    TRY(workers_post(workers, run_waited, &waited));
    return await_uninterruptible(&waited.done);
}
