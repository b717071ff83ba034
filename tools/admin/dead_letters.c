/* dead-letters list, show, replay, drop. */
#include <stdio.h>

#include "db/queries/platform.h"
#include "tools/admin/admin.h"

static void add_letter(struct output *output, const struct dead_letters_list_row *row)
{
    output_row(output);
    output_number(output, "id", row->id);
    output_text(output, "kind", row->kind);
    output_number(output, "priority", row->priority);
    output_number(output, "attempts", row->attempts);
    output_time(output, "created_at", row->created_at);
    output_time(output, "died_at", row->died_at);
    output_number(output, "payload_bytes", (int64_t)row->payload.length);
    output_text(output, "error", row->error);
}

static const char *kind_of(const struct admin *admin)
{
    return admin->kind ? admin->kind : "";
}

enum status dead_letters_list_command(struct admin *admin)
{
    struct dead_letters_list_row *rows;
    size_t count;

    TRY(dead_letters_list(admin->db, admin->arena, kind_of(admin), admin->from_id, admin->limit,
                          &rows, &count));
    admin->output.list = "dead_letters";
    for (size_t i = 0; i < count; i++)
        add_letter(&admin->output, &rows[i]);
    return STATUS_OK;
}

enum status dead_letters_show(struct admin *admin)
{
    struct dead_letters_list_row *rows;
    int64_t id;
    size_t count;
    char *hex;

    TRY(admin_number(admin, admin->words[0], &id));
    TRY(dead_letters_list(admin->db, admin->arena, "", id - 1, 1, &rows, &count));
    if (count == 0 || rows[0].id != id)
        return admin_fail(admin, STATUS_NOT_FOUND, "there is no dead letter %lld", (long long)id);
    add_letter(&admin->output, &rows[0]);
    hex = arena_alloc(admin->arena, 2 * rows[0].payload.length + 1);
    for (size_t i = 0; i < rows[0].payload.length; i++)
        snprintf(hex + 2 * i, 3, "%02x", rows[0].payload.data[i]);
    output_text(&admin->output, "payload_hex", hex);
    return STATUS_OK;
}

/* Those named, or with --all every one (of --kind). */
static enum status chosen(struct admin *admin, int64_t **ret_ids)
{
    int64_t *ids = arena_alloc_array(admin->arena, (size_t)admin->word_count, sizeof(*ids));

    if ((admin->word_count > 0) == admin->all)
        return admin_fail(admin, STATUS_INVALID_ARGUMENT,
                          "name the dead letters, or say --all (with --kind: all of a kind)");
    for (int64_t i = 0; i < admin->word_count; i++)
        TRY(admin_number(admin, admin->words[i], &ids[i]));
    *ret_ids = ids;
    return STATUS_OK;
}

typedef enum status (*letters_fn)(struct db *db, const int64_t *ids, size_t ids_count,
                                  const char *kind, size_t *ret_count);

static enum status act_on(struct admin *admin, letters_fn act, const char *action, const char *done)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    int64_t *ids;
    size_t count;

    TRY(chosen(admin, &ids));
    TRY(db_begin(admin->db, admin->arena, &tx));
    TRY(act(tx, ids, (size_t)admin->word_count, kind_of(admin), &count));
    if (count < (size_t)admin->word_count)
        return admin_fail(admin, STATUS_NOT_FOUND,
                          "only %zu of these %lld dead letters are there; nothing was done", count,
                          (long long)admin->word_count);
    if (count > 0)
        TRY(admin_audit(admin, tx, action, "dead_letter", admin->word_count == 1 ? ids[0] : 0,
                        arena_printf(admin->arena, "%zu%s%s", count, admin->kind ? " of " : "",
                                     kind_of(admin))));
    TRY(db_commit(tx));
    output_row(&admin->output);
    output_number(&admin->output, done, (int64_t)count);
    return STATUS_OK;
}

enum status dead_letters_replay_command(struct admin *admin)
{
    return act_on(admin, dead_letters_replay, "admin.dead_letters.replay", "replayed");
}

enum status dead_letters_drop_command(struct admin *admin)
{
    return act_on(admin, dead_letters_drop, "admin.dead_letters.drop", "dropped");
}
