#include "handlers/passwords.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utf8proc.h>

#define NICENESS 10 /* of the threads that hash: those that serve come first */

static unsigned long long passes = PASSWORD_DEFAULT_PASSES;
static size_t memory_bytes = PASSWORD_DEFAULT_MEMORY_KIB * 1024ULL;

struct job {
    const char *password;
    const char *hash; /* to verify */
    char made[crypto_pwhash_STRBYTES];
    int result;
};

void passwords_configure(unsigned configured_passes, unsigned memory_kib)
{
    passes = configured_passes;
    memory_bytes = memory_kib * 1024ULL;
}

/* Once for each thread. libsodium chooses the fastest code of this processor: 16 ms instead of the
 * 25 of the portable one. */
static void prepare_thread(void)
{
    static _Thread_local bool prepared;

    if (prepared)
        return;
    if (sodium_init() < 0)
        abort();
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    prepared = true;
}

/* In normal form, to be wiped and freed; as it is when it is not UTF-8. */
static char *normalise(const char *password)
{
    utf8proc_uint8_t *normal = utf8proc_NFKC((const utf8proc_uint8_t *)password);
    char *copy = normal != NULL ? (char *)normal : strdup(password);

    if (copy == NULL)
        abort();
    return copy;
}

static void wipe(char *password)
{
    sodium_memzero(password, strlen(password));
    free(password);
}

static void hash_on_worker(void *argument)
{
    struct job *job = argument;
    char *password = normalise(job->password);

    prepare_thread();
    job->result = crypto_pwhash_str_alg(job->made, password, strlen(password), passes, memory_bytes,
                                        crypto_pwhash_ALG_ARGON2ID13);
    wipe(password);
}

static void verify_on_worker(void *argument)
{
    struct job *job = argument;
    char *password;

    if (job->hash == NULL) {
        hash_on_worker(job);
        job->result = -1;
        return;
    }
    password = normalise(job->password);
    prepare_thread();
    job->result = crypto_pwhash_str_verify(job->hash, password, strlen(password));
    wipe(password);
}

enum status password_hash(struct workers *workers, struct arena *arena, const char *password,
                          const char **ret_hash)
{
    struct job job = {.password = password};

    TRY(workers_run(workers, hash_on_worker, &job));
    if (job.result != 0)
        return STATUS_RESOURCE_EXHAUSTED; /* libsodium fails only for want of memory */
    *ret_hash = arena_strdup(arena, job.made);
    return STATUS_OK;
}

enum status password_verify(struct workers *workers, const char *hash, const char *password)
{
    struct job job = {.password = password, .hash = hash};

    TRY(workers_run(workers, verify_on_worker, &job));
    return job.result == 0 ? STATUS_OK : STATUS_UNAUTHENTICATED;
}

bool password_hash_is_outdated(const char *hash)
{
    return crypto_pwhash_str_needs_rehash(hash, passes, memory_bytes) != 0;
}
