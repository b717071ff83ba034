/* account show; role list, grant, revoke. */
#include <string.h>

#include "db/queries/accounts.h"
#include "db/queries/credentials.h"
#include "tools/admin/admin.h"

#define PLAYER 2

/* Values of waystone.options.v1.Access. */
static const char *const roles[] = {
    [PLAYER] = "player", [3] = "moderator", [4] = "game-master", [5] = "admin", [6] = "service"};
#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

static const char *role_name(int16_t role)
{
    return role >= PLAYER && (size_t)role < ROLE_COUNT ? roles[role] : "unknown";
}

/* What can be granted: services have keys of their own, and to be a player is no privilege. */
static enum status role_number(struct admin *admin, const char *name, int16_t *ret)
{
    for (int16_t role = PLAYER + 1; role <= 5; role++)
        if (strcmp(name, roles[role]) == 0) {
            *ret = role;
            return STATUS_OK;
        }
    return admin_fail(admin, STATUS_INVALID_ARGUMENT,
                      "there is no role '%s' to grant; there are: moderator, game-master, admin",
                      name);
}

enum status admin_find_account(struct admin *admin, struct db *db, const char *who,
                               struct accounts_find_row **ret)
{
    enum status s = accounts_find(db, admin->arena, who, ret);

    if (s == STATUS_NOT_FOUND)
        return admin_fail(admin, s, "there is no account '%s'", who);
    return s;
}

enum status admin_account_id(struct admin *admin, int64_t *ret_id)
{
    struct accounts_find_row *account;

    *ret_id = -1;
    if (admin->account == NULL)
        return STATUS_OK;
    TRY(admin_find_account(admin, admin->db, admin->account, &account));
    *ret_id = account->id;
    return STATUS_OK;
}

static void show_time(struct output *output, const char *name, bool is_null, int64_t wall_us)
{
    if (is_null)
        output_none(output, name);
    else
        output_time(output, name, wall_us);
}

enum status account_show(struct admin *admin)
{
    struct output *output = &admin->output;
    struct accounts_find_row *account;
    struct accounts_counts_row *counts;
    struct credentials_state_row *state;

    TRY(admin_find_account(admin, admin->db, admin->words[0], &account));
    TRY(accounts_counts(admin->db, admin->arena, account->id, &counts));
    TRY(credentials_state(admin->db, admin->arena, account->id, &state));
    output_row(output);
    output_number(output, "id", account->id);
    output_text(output, "user_name", account->user_name);
    output_text(output, "email", account->email);
    output_text(output, "email_verified", state->email_verified ? "yes" : "no");
    if (state->pending_email == NULL)
        output_none(output, "pending_email");
    else
        output_text(output, "pending_email", state->pending_email);
    output_text(output, "password", state->has_password ? "yes" : "no");
    show_time(output, "erases_at", state->erases_at_is_null, state->erases_at);
    show_time(output, "erased_at", state->erased_at_is_null, state->erased_at);
    output_text(output, "role", role_name(account->role));
    output_time(output, "created_at", account->created_at);
    if (account->role_changed_at_is_null)
        output_none(output, "role_changed_at");
    else
        output_time(output, "role_changed_at", account->role_changed_at);
    output_number(output, "characters", counts->characters);
    output_number(output, "open_sessions", counts->open_sessions);
    if (counts->last_session_at_is_null)
        output_none(output, "last_session_at");
    else
        output_time(output, "last_session_at", counts->last_session_at);
    output_number(output, "unread_notifications", counts->unread_notifications);
    output_number(output, "sanctions_in_force", counts->sanctions_in_force);
    return STATUS_OK;
}

enum status role_list(struct admin *admin)
{
    struct output *output = &admin->output;
    struct accounts_staff_row *rows;
    int16_t role = PLAYER + 1;
    size_t count;

    if (admin->word_count > 0)
        TRY(role_number(admin, admin->words[0], &role));
    TRY(accounts_staff(admin->db, admin->arena, role, admin->limit, &rows, &count));
    output->list = "accounts";
    for (size_t i = 0; i < count; i++) {
        output_row(output);
        output_number(output, "id", rows[i].id);
        output_text(output, "user_name", rows[i].user_name);
        output_text(output, "role", role_name(rows[i].role));
        if (rows[i].role_changed_at_is_null)
            output_none(output, "since");
        else
            output_time(output, "since", rows[i].role_changed_at);
    }
    return STATUS_OK;
}

/* The change and its record, or neither. Doing it again changes and records nothing. */
static enum status set_role(struct admin *admin, int16_t role, const char *action)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct output *output = &admin->output;
    struct accounts_find_row *account;
    size_t changed;

    TRY(db_begin(admin->db, admin->arena, &tx));
    TRY(admin_find_account(admin, tx, admin->words[0], &account));
    TRY(accounts_set_role(tx, account->id, role, &changed));
    if (changed > 0)
        TRY(admin_audit(
            admin, tx, action, "account", account->id,
            arena_printf(admin->arena, "%s, was %s", role_name(role), role_name(account->role))));
    TRY(db_commit(tx));
    output_row(output);
    output_number(output, "id", account->id);
    output_text(output, "user_name", account->user_name);
    output_text(output, "role", role_name(role));
    output_text(output, "was", role_name(account->role));
    return STATUS_OK;
}

enum status role_grant(struct admin *admin)
{
    int16_t role;

    TRY(role_number(admin, admin->words[1], &role));
    return set_role(admin, role, "admin.role.grant");
}

enum status role_revoke(struct admin *admin)
{
    return set_role(admin, PLAYER, "admin.role.revoke");
}
