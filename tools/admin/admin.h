/* admin.h - what the commands of waystone-admin share. */
#ifndef WAYSTONE_TOOLS_ADMIN_ADMIN_H
#define WAYSTONE_TOOLS_ADMIN_ADMIN_H

#include "db/db.h"
#include "tools/admin/output.h"

#define ADMIN_DEFAULT_LIMIT 50
#define ADMIN_MAX_LIMIT 10000
#define ADMIN_MAX_WORDS 1000
#define ADMIN_MAX_DAYS 3660

enum admin_exit {
    ADMIN_DONE = 0,
    ADMIN_NOT_DONE = 1,
    ADMIN_USAGE = 2,
    ADMIN_BROKEN = 3, /* the audit log does not verify */
};

struct admin {
    struct db *db;
    struct arena *arena;
    struct output output;
    enum admin_exit exit;
    char error[600]; /* one sentence, when a command fails */

    char *const *words; /* after the command's name */
    int64_t word_count;

    /* options */
    int64_t limit;
    int64_t from_id; /* --after, --before; 0: not given */
    const char *account, *action, *kind, *reason, *head, *out, *name, *scopes;
    int64_t days; /* 0: not given */
    bool all, now, service;

    /* of the server's configuration */
    const char *master_key; /* path */
    int64_t access_token_s, key_publish_s, closing_grace_s;
};

/* Sets the sentence and returns `status`. */
enum status admin_fail(struct admin *admin, enum status status, const char *format, ...)
    PRINTF_LIKE(3, 4);
#ifdef __clang_analyzer__ /* does not look into other files, so it is told what comes back */
#define admin_fail(admin, status, ...) (admin_fail(admin, status, __VA_ARGS__), (status))
#endif

/* Writes an act of the operator's to the audit log, with --reason. Suspends. */
enum status admin_audit(struct admin *admin, struct db *tx, const char *action,
                        const char *target_kind, int64_t target_id, const char *detail) MUST_CHECK;

/* A number above 0 from the command line. */
enum status admin_number(struct admin *admin, const char *word, int64_t *ret) MUST_CHECK;

/* The id of --account: -1 when it is not given. Suspends. */
enum status admin_account_id(struct admin *admin, int64_t *ret_id) MUST_CHECK;

/* The account with this name, address or number. Suspends. */
struct accounts_find_row;
enum status admin_find_account(struct admin *admin, struct db *db, const char *who,
                               struct accounts_find_row **ret) MUST_CHECK;

/* The commands. All suspend. */
enum status account_show(struct admin *admin);
enum status account_close(struct admin *admin);
enum status account_reopen(struct admin *admin);
enum status account_verify_email(struct admin *admin);
enum status account_end_sessions(struct admin *admin);
enum status account_reset_factors(struct admin *admin);
enum status role_list(struct admin *admin);
enum status role_grant(struct admin *admin);
enum status role_revoke(struct admin *admin);
enum status signing_key_list(struct admin *admin);
enum status signing_key_rotate(struct admin *admin);
enum status signing_key_revoke(struct admin *admin);
enum status key_create(struct admin *admin);
enum status key_list(struct admin *admin);
enum status key_revoke(struct admin *admin);
enum status key_scopes(struct admin *admin);
enum status dead_letters_list_command(struct admin *admin);
enum status dead_letters_show(struct admin *admin);
enum status dead_letters_replay_command(struct admin *admin);
enum status dead_letters_drop_command(struct admin *admin);
enum status audit_list_command(struct admin *admin);
enum status audit_head_command(struct admin *admin);
enum status audit_verify(struct admin *admin);

#endif
