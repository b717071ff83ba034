#include "handlers/audit_export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/workers.h"
#include "db/queries/audit.h"
#include "handlers/audit_chain.h"
#include "handlers/audit_head.h"
#include "handlers/jobs.h"

static const char *export_directory; /* set before the server starts */

struct head_file {
    const char *path;
    int64_t position;
    char hash[2 * AUDIT_HASH_BYTES + 1];
    int error; /* errno; 0: written, or there already */
};

static void write_main(void *argument)
{
    struct head_file *file = argument;

    if (access(file->path, F_OK) != 0 && !audit_head_write(file->path, file->position, file->hash))
        file->error = errno;
}

static enum status export_head(struct job *job, struct app *app)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* reads only */
    struct audit_chain_head_row *head;
    struct head_file file = {0};
    struct arena *arena;
    enum status s;

    TRY(job_begin(job, &arena, &tx));
    s = audit_chain_head(tx, arena, &head);
    if (s == STATUS_NOT_FOUND)
        return STATUS_OK; /* nothing was sealed yet */
    TRY(s);
    if (head->hash.length != AUDIT_HASH_BYTES)
        return STATUS_DATA_LOSS;
    file.position = head->position;
    audit_chain_hex(head->hash.data, file.hash);
    file.path = arena_printf(arena, "%s/%020lld.head", export_directory, (long long)file.position);
    TRY(workers_run(app->workers, write_main, &file));
    if (file.error == 0)
        return STATUS_OK;
    log_error("the head of the audit log was not exported", LOG_STRING("path", file.path),
              LOG_STRING("error", strerror(file.error)));
    return STATUS_UNAVAILABLE;
}

enum status audit_export_register(const char *directory, uint32_t every_s, char *reterr,
                                  size_t reterr_size)
{
    if (directory[0] == '\0')
        return STATUS_OK;
    if ((mkdir(directory, 0755) != 0 && errno != EEXIST) || access(directory, W_OK | X_OK) != 0) {
        snprintf(reterr, reterr_size, "audit.export_directory: nothing can be written to %s: %s",
                 directory, strerror(errno));
        return STATUS_FAILED_PRECONDITION;
    }
    export_directory = directory;
    jobs_register("audit_export", every_s, export_head);
    return STATUS_OK;
}
