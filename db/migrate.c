/* Migrations: blocking libpq, before the loops start. */
#include <dirent.h>
#include <errno.h>
#include <libpq-fe.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/hex.h"
#include "base/log.h"
#include "db/db.h"

#define MAX_MIGRATIONS 1000
#define ADVISORY_LOCK "7302155881"

struct migrator {
    PGconn *pg;
    const char *directory;
    struct dirent **files;
    int file_count;
    char *reterr;
    size_t reterr_size;
};

static enum status fail(struct migrator *migrator, const char *format, ...) PRINTF_LIKE(2, 3);

static enum status fail(struct migrator *migrator, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(migrator->reterr, migrator->reterr_size, format, arguments);
    va_end(arguments);
    /* libpq adds lines of detail. */
    migrator->reterr[strcspn(migrator->reterr, "\n")] = '\0';
    return STATUS_FAILED_PRECONDITION;
}

static bool run(struct migrator *migrator, const char *sql)
{
    PGresult *result = PQexec(migrator->pg, sql);
    ExecStatusType status = PQresultStatus(result);

    PQclear(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* --- files --- */

static int is_migration(const struct dirent *entry)
{
    const char *name = entry->d_name;
    size_t length = strlen(name);

    return length > 9 && strspn(name, "0123456789") == 4 && name[4] == '_' &&
           strcmp(name + length - 4, ".sql") == 0;
}

static enum status read_file(struct migrator *migrator, const char *name, struct buffer *out)
{
    char path[1024];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", migrator->directory, name);
    file = fopen(path, "re");
    if (file == NULL)
        return fail(migrator, "cannot read the migration %s: %s", path, strerror(errno));
    do {
        length = fread(buffer_reserve(out, 65536), 1, 65536, file);
        buffer_commit(out, length);
    } while (length > 0);
    fclose(file);
    buffer_append_char(out, '\0');
    return STATUS_OK;
}

static void checksum(const struct buffer *content, char out[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];

    SHA256(buffer_data(content), content->length - 1, digest);
    hex_write(digest, sizeof(digest), out);
}

/* --- one migration --- */

/* What the table says of a file: the checksum, or "" when it was not applied. */
static enum status find_applied(struct migrator *migrator, const char *name, char out[65])
{
    PGresult *result =
        PQexecParams(migrator->pg, "SELECT checksum FROM schema_migrations WHERE name = $1", 1,
                     NULL, &name, NULL, NULL, 0);
    bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

    out[0] = '\0';
    if (ok && PQntuples(result) == 1)
        snprintf(out, 65, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return ok ? STATUS_OK
              : fail(migrator, "cannot read which migrations were applied: %s",
                     PQerrorMessage(migrator->pg));
}

static bool record(struct migrator *migrator, const char *name, const char *sum)
{
    const char *values[] = {name, sum};
    PGresult *result =
        PQexecParams(migrator->pg, "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                     2, NULL, values, NULL, NULL, 0);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;

    PQclear(result);
    return ok;
}

static enum status apply(struct migrator *migrator, const char *name, const struct buffer *content,
                         const char *sum)
{
    enum status status;

    if (run(migrator, "BEGIN") && run(migrator, (const char *)buffer_data(content)) &&
        record(migrator, name, sum) && run(migrator, "COMMIT")) {
        log_info("migration applied", LOG_STRING("name", name));
        return STATUS_OK;
    }
    status = fail(migrator, "migration %s failed: %s", name, PQerrorMessage(migrator->pg));
    run(migrator, "ROLLBACK");
    return status;
}

static enum status migrate_file(struct migrator *migrator, const char *name)
{
    struct buffer content = {0};
    char sum[65], applied[65];
    enum status status = read_file(migrator, name, &content);

    if (status == STATUS_OK) {
        checksum(&content, sum);
        status = find_applied(migrator, name, applied);
    }
    if (status == STATUS_OK && applied[0] == '\0')
        status = apply(migrator, name, &content, sum);
    else if (status == STATUS_OK && strcmp(applied, sum) != 0)
        status =
            fail(migrator, "migration %s was changed after it was applied; write a new one instead",
                 name);
    buffer_free(&content);
    return status;
}

/* --- all of them --- */

static bool has_file(const struct migrator *migrator, const char *name)
{
    for (int i = 0; i < migrator->file_count; i++)
        if (strcmp(migrator->files[i]->d_name, name) == 0)
            return true;
    return false;
}

static bool has_row(const PGresult *applied, const char *name)
{
    for (int i = 0; i < PQntuples(applied); i++)
        if (strcmp(PQgetvalue(applied, i, 0), name) == 0)
            return true;
    return false;
}

/* What was applied must be the beginning of what there is. A database that knows migrations this
 * program does not is newer than the program. */
static enum status check_order(struct migrator *migrator, const PGresult *applied)
{
    int count = PQntuples(applied);
    const char *newest = count > 0 ? PQgetvalue(applied, count - 1, 0) : "";

    for (int i = 0; i < count; i++)
        if (!has_file(migrator, PQgetvalue(applied, i, 0)))
            return fail(migrator,
                        "the database has the migration %s, which %s has not; run a newer version",
                        PQgetvalue(applied, i, 0), migrator->directory);
    for (int i = 0; i < migrator->file_count; i++) {
        const char *name = migrator->files[i]->d_name;
        if (strcmp(name, newest) < 0 && !has_row(applied, name))
            return fail(migrator,
                        "migration %s is older than %s, which was applied; number it anew", name,
                        newest);
    }
    return STATUS_OK;
}

static enum status check_applied(struct migrator *migrator)
{
    PGresult *applied =
        PQexec(migrator->pg, "SELECT name FROM schema_migrations ORDER BY name COLLATE \"C\"");
    enum status status;

    if (PQresultStatus(applied) == PGRES_TUPLES_OK)
        status = check_order(migrator, applied);
    else
        status = fail(migrator, "cannot read which migrations were applied: %s",
                      PQerrorMessage(migrator->pg));
    PQclear(applied);
    return status;
}

static enum status migrate_all(struct migrator *migrator)
{
    if (!run(migrator, "SET client_min_messages = warning") ||
        !run(migrator, "SELECT pg_advisory_lock(" ADVISORY_LOCK ")") ||
        !run(migrator, "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY, "
                       "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"))
        return fail(migrator, "cannot prepare the database for migrations: %s",
                    PQerrorMessage(migrator->pg));
    TRY(check_applied(migrator));
    for (int i = 0; i < migrator->file_count; i++)
        TRY(migrate_file(migrator, migrator->files[i]->d_name));
    return STATUS_OK;
}

enum status db_migrate(const char *dsn, const char *directory, char *reterr, size_t reterr_size)
{
    struct migrator migrator = {
        .directory = directory, .reterr = reterr, .reterr_size = reterr_size};
    enum status status;

    migrator.file_count = scandir(directory, &migrator.files, is_migration, alphasort);
    if (migrator.file_count <= 0)
        return fail(&migrator, "no migrations in %s; set database.migrations to their directory",
                    directory);
    migrator.pg = PQconnectdb(dsn);
    if (PQstatus(migrator.pg) != CONNECTION_OK) {
        fail(&migrator, "cannot reach the database: %s", PQerrorMessage(migrator.pg));
        status = STATUS_UNAVAILABLE;
    } else {
        status = migrate_all(&migrator);
    }
    PQfinish(migrator.pg); /* gives the advisory lock back */
    for (int i = 0; i < migrator.file_count; i++)
        free(migrator.files[i]);
    free(migrator.files);
    return status;
}
