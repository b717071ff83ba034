/* signing-key list, rotate, revoke. */
#include "base/clock.h"
#include "db/queries/signing_keys.h"
#include "handlers/key_pairs.h"
#include "handlers/secrets.h"
#include "tools/admin/admin.h"

/* Until every instance has read the key; they look twice a second. */
#define NOW_S 2

static const char *state_of(const struct signing_keys_list_row *rows, size_t count, size_t index)
{
    int64_t now_us = clock_wall_us();

    if (rows[index].signs_from > now_us)
        return "published";
    if (index + 1 < count && rows[index + 1].signs_from <= now_us)
        return "verifies";
    return "signs";
}

enum status signing_key_list(struct admin *admin)
{
    struct output *output = &admin->output;
    struct signing_keys_list_row *rows;
    size_t count;

    output->list = "signing_keys";
    TRY(signing_keys_list(admin->db, admin->arena, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        output_row(output);
        output_text(output, "kid", rows[i].kid);
        output_text(output, "state", state_of(rows, count, i));
        output_time(output, "created_at", rows[i].created_at);
        output_time(output, "signs_from", rows[i].signs_from);
        if (rows[i].retires_at_is_null)
            output_none(output, "retires_at");
        else
            output_time(output, "retires_at", rows[i].retires_at);
    }
    return STATUS_OK;
}

static enum status rotate(struct admin *admin, const struct secrets *secrets)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct key_schedule schedule = {.publish_s = admin->key_publish_s,
                                    .token_s = admin->access_token_s};
    int64_t in_s = admin->now ? NOW_S : schedule.publish_s;
    const char *kid;
    enum status s;

    TRY(db_begin(admin->db, admin->arena, &tx));
    s = key_pairs_rotate(tx, admin->arena, secrets, &schedule, in_s, &kid);
    if (s == STATUS_NOT_FOUND)
        return admin_fail(admin, s, "there is no key yet: the server makes the first one");
    TRY(s);
    TRY(admin_audit(admin, tx, "admin.signing_key.rotate", "", 0, kid));
    TRY(db_commit(tx));
    output_row(&admin->output);
    output_text(&admin->output, "kid", kid);
    output_number(&admin->output, "signs_in_s", in_s);
    return STATUS_OK;
}

enum status signing_key_rotate(struct admin *admin)
{
    struct secrets *secrets = secrets_load(admin->master_key, admin->error, sizeof(admin->error));
    enum status s;

    if (secrets == NULL)
        return STATUS_INVALID_ARGUMENT;
    s = rotate(admin, secrets);
    secrets_free(secrets);
    return s;
}

enum status signing_key_revoke(struct admin *admin)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    const char *kid = admin->words[0];
    size_t count;

    TRY(db_begin(admin->db, admin->arena, &tx));
    TRY(signing_keys_revoke(tx, kid, &count));
    if (count == 0)
        return admin_fail(
            admin, STATUS_NOT_FOUND,
            "no key '%s' that another has taken over from; `signing-key rotate --now` "
            "puts another in its place",
            kid);
    TRY(admin_audit(admin, tx, "admin.signing_key.revoke", "", 0, kid));
    TRY(db_commit(tx));
    output_row(&admin->output);
    output_text(&admin->output, "kid", kid);
    output_text(&admin->output, "state", "revoked");
    return STATUS_OK;
}
