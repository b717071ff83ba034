#include "handlers/signing_keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/queries/signing_keys.h"
#include "handlers/authenticator.h"
#include "handlers/background.h"
#include "handlers/jobs.h"
#include "handlers/key_pairs.h"
#include "handlers/keys.h"

#define POLL_MS 500
#define FIRST_POLL_MS 50 /* while there is none */
#define JOB_EVERY_S 60

/* What tells one reading from another. */
struct reading {
    char ids[KEYS_MAX][KEY_ID_LENGTH + 1];
    int64_t signs_from_us[KEYS_MAX];
    size_t count;
};

struct key_reader {
    struct background background; /* first: turn() gets it */
    struct keys *keys;            /* what app->keys points to */
    struct reading last;
    atomic_bool *ready;
};

/* --- reading --- */

static struct reading reading_of(const struct signing_keys_list_row *rows, size_t count)
{
    struct reading reading = {.count = count < KEYS_MAX ? count : KEYS_MAX};

    for (size_t i = 0; i < reading.count; i++) {
        memcpy(reading.ids[i], rows[i].kid, KEY_ID_LENGTH);
        reading.signs_from_us[i] = rows[i].signs_from;
    }
    return reading;
}

static bool add(struct key_reader *reader, struct arena *arena, struct keys *keys,
                const struct signing_keys_list_row *row)
{
    struct bytes private_key;
    bool ok = secrets_open(reader->background.app->secrets, arena, KEY_PURPOSE,
                           key_pair_seal_id(row->kid), row->private_key, &private_key);

    if (!ok)
        return false;
    ok = keys_add(keys, row->kid, row->public_key, private_key, row->signs_from);
    OPENSSL_cleanse((void *)private_key.data, private_key.length);
    return ok;
}

/* The whole set or nothing: what another instance signs has to verify here. */
static void take(struct key_reader *reader, struct arena *arena,
                 const struct signing_keys_list_row *rows, size_t count)
{
    struct keys *keys = keys_new(), *before = reader->keys;

    for (size_t i = 0; i < count; i++)
        if (!add(reader, arena, keys, &rows[i])) {
            log_error(
                "a signing key cannot be used: it was sealed with another auth.master_key, or "
                "changed in the database",
                LOG_STRING("kid", rows[i].kid));
            keys_free(keys);
            return;
        }
    reader->background.app->keys = reader->keys = keys;
    keys_free(before);
    authenticator_keys_changed(reader->background.app);
    atomic_store(reader->ready, true);
}

static enum status make_first(struct app *app, struct arena *arena)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */

    TRY(db_begin(app->db, arena, &tx));
    TRY(key_pairs_ensure(tx, arena, app->secrets));
    return db_commit(tx);
}

static enum status read_keys(struct key_reader *reader)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct app *app = reader->background.app;
    struct signing_keys_list_row *rows;
    struct reading reading;
    size_t count;

    TRY(signing_keys_list(app->db, arena, &rows, &count));
    if (count == 0)
        return make_first(app, arena);
    reading = reading_of(rows, count);
    if (memcmp(&reading, &reader->last, sizeof(reading)) == 0)
        return STATUS_OK;
    reader->last = reading;
    take(reader, arena, rows, count);
    return STATUS_OK;
}

static uint64_t turn(struct background *background)
{
    struct key_reader *reader = (struct key_reader *)background;

    (void)!read_keys(reader); /* a failure leaves what is known; the next turn tries again */
    return reader->keys != NULL ? POLL_MS : FIRST_POLL_MS;
}

/* --- the job --- */

static enum status run(struct job *job, struct app *app)
{
    struct key_schedule schedule = {
        .life_s = app->key_life_s, .publish_s = app->key_publish_s, .token_s = app->access_token_s};
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct arena *arena;

    TRY(job_begin(job, &arena, &tx));
    TRY(key_pairs_follow(tx, arena, app->secrets, &schedule));
    return db_commit(tx);
}

void signing_keys_register(void)
{
    jobs_register("rotate_signing_keys", JOB_EVERY_S, run);
}

/* --- life --- */

void signing_keys_open(struct app *app, atomic_bool *ready)
{
    struct key_reader *reader = calloc(1, sizeof(*reader));

    if (reader == NULL)
        abort();
    reader->ready = ready;
    app->key_reader = reader;
    background_start(&reader->background, app, turn, 0);
}

void signing_keys_close(struct app *app)
{
    background_stop(&app->key_reader->background);
    keys_free(app->key_reader->keys);
    free(app->key_reader);
    app->keys = NULL;
}
