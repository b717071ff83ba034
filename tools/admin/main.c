/* waystone-admin - what operators do to a running world, by its database.
 *
 * Takes the server's own configuration file and environment. A command is a straight line on a
 * coroutine, as the server's handlers are; its answer is written when it has ended. */
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"
#include "base/coro.h"
#include "base/log.h"
#include "base/workers.h"
#include "db/queries/audit.h"
#include "tools/admin/admin.h"

struct settings {
    char *dsn;
    int64_t connect_timeout_ms, acquire_timeout_ms, statement_timeout_ms;
    char *master_key;
    int64_t access_token_s, key_publish_s, closing_grace_s;
};

static struct settings settings;

/* A part of the server's keys; the others are its own. */
static const struct config_key keys[] = {
    {.name = "database.dsn",
     .type = CONFIG_STRING,
     .target = &settings.dsn,
     .default_value = DB_DEFAULT_DSN},
    {.name = "database.connect_timeout_ms",
     .type = CONFIG_INT,
     .target = &settings.connect_timeout_ms,
     .default_value = "5000",
     .minimum = 100,
     .maximum = 60000},
    {.name = "database.acquire_timeout_ms",
     .type = CONFIG_INT,
     .target = &settings.acquire_timeout_ms,
     .default_value = "5000",
     .minimum = 10,
     .maximum = 60000},
    {.name = "database.statement_timeout_ms",
     .type = CONFIG_INT,
     .target = &settings.statement_timeout_ms,
     .default_value = "30000",
     .minimum = 100,
     .maximum = 600000},
    {.name = "auth.master_key",
     .type = CONFIG_STRING,
     .target = &settings.master_key,
     .default_value = ""},
    {.name = "auth.access_token_s",
     .type = CONFIG_INT,
     .target = &settings.access_token_s,
     .default_value = "600",
     .minimum = 10,
     .maximum = 86400},
    {.name = "auth.key_publish_s",
     .type = CONFIG_INT,
     .target = &settings.key_publish_s,
     .default_value = "3600",
     .minimum = 2,
     .maximum = 86400},
    {.name = "auth.closing_grace_s",
     .type = CONFIG_INT,
     .target = &settings.closing_grace_s,
     .default_value = "1209600",
     .minimum = 0,
     .maximum = 31536000},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

struct command {
    const char *group, *name;
    int64_t least_words, most_words;
    enum status (*run)(struct admin *admin);
    const char *words, *help;
};

static const struct command commands[] = {
    {"account", "show", 1, 1, account_show, "ACCOUNT", "what is known of an account"},
    {"account", "close", 1, 1, account_close, "ACCOUNT",
     "end its sessions at once, erase it when its grace is over"},
    {"account", "reopen", 1, 1, account_reopen, "ACCOUNT", "keep a closed account after all"},
    {"account", "verify-email", 1, 1, account_verify_email, "ACCOUNT",
     "take its address, or the one that waits, for verified"},
    {"account", "end-sessions", 1, 1, account_end_sessions, "ACCOUNT", "sign it out everywhere"},
    {"account", "reset-factors", 1, 1, account_reset_factors, "ACCOUNT",
     "remove authenticator apps, recovery codes and passkeys, and sign it out"},
    {"role", "list", 0, 1, role_list, "[ROLE]", "who has a role above player"},
    {"role", "grant", 2, 2, role_grant, "ACCOUNT ROLE",
     "give a role: moderator, game-master or admin"},
    {"role", "revoke", 1, 1, role_revoke, "ACCOUNT", "make an account a player again"},
    {"signing-key", "list", 0, 0, signing_key_list, "", "the keys of access tokens"},
    {"signing-key", "rotate", 0, 0, signing_key_rotate, "",
     "publish the next one, which signs in an hour (--now: within seconds)"},
    {"signing-key", "revoke", 1, 1, signing_key_revoke, "KID",
     "refuse what a key signed, once another signs; clients refresh"},
    {"key", "create", 1, 1, key_create, "ACCOUNT",
     "make an API key, shown once (--name, --scopes, --days, --service)"},
    {"key", "list", 0, 0, key_list, "", "API keys, newest first (--account, --before, --limit)"},
    {"key", "revoke", 1, 1, key_revoke, "ID", "end an API key, within a second everywhere"},
    {"key", "scopes", 0, 0, key_scopes, "", "what an API key can be given"},
    {"audit", "list", 0, 0, audit_list_command, "",
     "the audit log, newest first (--account, --action, --before, --limit)"},
    {"audit", "head", 0, 0, audit_head_command, "",
     "the end of the chain, to be kept elsewhere (--out: as a file)"},
    {"audit", "verify", 0, 0, audit_verify, "",
     "check every row against the chain (--head: that it leads to a head kept elsewhere)"},
    {"dead-letters", "list", 0, 0, dead_letters_list_command, "",
     "work that failed too often, oldest first (--kind, --after, --limit)"},
    {"dead-letters", "show", 1, 1, dead_letters_show, "ID", "one of them with its payload"},
    {"dead-letters", "replay", 0, ADMIN_MAX_WORDS, dead_letters_replay_command, "ID... | --all",
     "have it done again, as if it were new (--kind)"},
    {"dead-letters", "drop", 0, ADMIN_MAX_WORDS, dead_letters_drop_command, "ID... | --all",
     "delete it (--kind)"},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
    fputs("usage: waystone-admin [--config FILE] [--json] COMMAND ...\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char line[100];
        snprintf(line, sizeof(line), "%s %s %s", commands[i].group, commands[i].name,
                 commands[i].words);
        fprintf(out, "  %-36s %s\n", line, commands[i].help);
    }
    fputs("\n"
          "  --config FILE          the server's configuration; keys can be overridden by the\n"
          "                         environment: database.dsn is WAYSTONE_DATABASE_DSN\n"
          "  --json                 answer in JSON\n"
          "  --limit N              at most N rows (50)\n"
          "  --before ID, --after ID\n"
          "                         go on from there\n"
          "  --account ACCOUNT      of this account: user name, address or number\n"
          "  --action ACTION        only this action; % stands for anything\n"
          "  --kind KIND            only of this kind\n"
          "  --head POSITION:HASH   as `audit head` or the server's log told it; @FILE: a file of "
          "it\n"
          "  --out FILE             write the head there\n"
          "  --now                  do not wait\n"
          "  --name TEXT            what a key is called\n"
          "  --scopes A,B           what a key may do\n"
          "  --days N               how long a key works; for ever if not given\n"
          "  --service              the key of a service of the studio, not of its account\n"
          "  --reason TEXT          why, for the audit log\n"
          "\n"
          "Ends with 0 when it is done, 1 when it could not be done, 2 when the command line or\n"
          "the configuration is wrong, 3 when the audit log does not verify.\n",
          out);
}

#undef admin_fail /* the analyzer's, of admin.h */
enum status admin_fail(struct admin *admin, enum status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(admin->error, sizeof(admin->error), format, arguments);
    va_end(arguments);
    return status;
}

enum status admin_number(struct admin *admin, const char *word, int64_t *ret)
{
    char *end;

    *ret = strtoll(word, &end, 10);
    if (*ret < 1 || *ret == INT64_MAX || *end != '\0')
        return admin_fail(admin, STATUS_INVALID_ARGUMENT, "'%s' is no number above 0", word);
    return STATUS_OK;
}

/* Who sits at the keyboard, as far as the system knows; behind sudo who called it. */
static const char *operator_name(void)
{
    const char *name = getenv("SUDO_USER");
    const struct passwd *user = name == NULL || *name == '\0' ? getpwuid(getuid()) : NULL;

    if (name != NULL && *name != '\0')
        return name;
    return user != NULL ? user->pw_name : "unknown";
}

enum status admin_audit(struct admin *admin, struct db *tx, const char *action,
                        const char *target_kind, int64_t target_id, const char *detail)
{
    const char *note = arena_printf(admin->arena, "%s%s%s", operator_name(),
                                    admin->reason ? ": " : "", admin->reason ? admin->reason : "");

    return audit_insert(tx, action, "OK", 0, "waystone-admin", "", target_kind, target_id, detail,
                        note);
}

/* --- running a command --- */

struct run {
    const struct command *command;
    struct admin *admin;
    enum status status;
    bool ended;
};

static void run_main(void *argument)
{
    struct run *run = argument;

    run->status = run->command->run(run->admin);
    run->ended = true;
}

static void explain(struct admin *admin, enum status status)
{
    if (admin->error[0] != '\0')
        return;
    if (status == STATUS_UNAVAILABLE)
        admin_fail(admin, status, "the database cannot be reached; see database.dsn");
    else if (status == STATUS_INTERNAL)
        admin_fail(admin, status,
                   "the database refused a query; is its schema of this version of the server?");
    else
        admin_fail(admin, status, "the database answered %s", status_name(status));
}

static enum status run_command(struct admin *admin, const struct command *command)
{
    struct loop *loop = loop_new(0);
    struct workers *workers = workers_new(1, 8);
    struct db_config config = {
        .dsn = settings.dsn,
        .read_connections = 1,
        .write_connections = 1,
        .connect_timeout_ms = (uint32_t)settings.connect_timeout_ms,
        .acquire_timeout_ms = (uint32_t)settings.acquire_timeout_ms,
        .statement_timeout_ms = (uint32_t)settings.statement_timeout_ms,
    };
    struct run run = {.command = command, .admin = admin};

    admin->db = db_open(loop, &config, workers);
    coro_start(loop, run_main, &run);
    while (!run.ended)
        loop_tick(loop, 100);
    db_close(admin->db);
    workers_free(workers);
    loop_free(loop);
    return run.status;
}

/* --- the command line --- */

static int usage_error(const char *format, ...) PRINTF_LIKE(1, 2);

static int usage_error(const char *format, ...)
{
    va_list arguments;

    fputs("waystone-admin: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("; see waystone-admin --help\n", stderr);
    return ADMIN_USAGE;
}

static const struct command *find_command(const char *group, const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].group, group) == 0 && strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

enum option_key {
    CONFIG = 1,
    JSON,
    LIMIT,
    FROM,
    ACCOUNT,
    ACTION,
    KIND,
    HEAD,
    REASON,
    ALL,
    NOW,
    OUT,
    NAME,
    SCOPES,
    DAYS,
    SERVICE,
    HELP
};

static const struct option options[] = {{"config", required_argument, NULL, CONFIG},
                                        {"json", no_argument, NULL, JSON},
                                        {"limit", required_argument, NULL, LIMIT},
                                        {"before", required_argument, NULL, FROM},
                                        {"after", required_argument, NULL, FROM},
                                        {"account", required_argument, NULL, ACCOUNT},
                                        {"action", required_argument, NULL, ACTION},
                                        {"kind", required_argument, NULL, KIND},
                                        {"head", required_argument, NULL, HEAD},
                                        {"reason", required_argument, NULL, REASON},
                                        {"all", no_argument, NULL, ALL},
                                        {"now", no_argument, NULL, NOW},
                                        {"out", required_argument, NULL, OUT},
                                        {"name", required_argument, NULL, NAME},
                                        {"scopes", required_argument, NULL, SCOPES},
                                        {"days", required_argument, NULL, DAYS},
                                        {"service", no_argument, NULL, SERVICE},
                                        {"help", no_argument, NULL, HELP},
                                        {0}};

static bool set_number(struct admin *admin, const char *text, int64_t most, int64_t *target)
{
    return admin_number(admin, text, target) == STATUS_OK && *target <= most;
}

/* False when a value is wrong. */
static bool set_option(struct admin *admin, int key, const char **config_path)
{
    switch (key) {
    case CONFIG:
        *config_path = optarg;
        return true;
    case JSON:
        return admin->output.json = true;
    case LIMIT:
        return set_number(admin, optarg, ADMIN_MAX_LIMIT, &admin->limit);
    case FROM:
        return set_number(admin, optarg, INT64_MAX, &admin->from_id);
    case ACCOUNT:
        admin->account = optarg;
        return true;
    case ACTION:
        admin->action = optarg;
        return true;
    case KIND:
        admin->kind = optarg;
        return true;
    case HEAD:
        admin->head = optarg;
        return true;
    case REASON:
        admin->reason = optarg;
        return strlen(optarg) <= 500;
    case ALL:
        return admin->all = true;
    case NOW:
        return admin->now = true;
    case OUT:
        admin->out = optarg;
        return true;
    case NAME:
        admin->name = optarg;
        return true;
    case SCOPES:
        admin->scopes = optarg;
        return true;
    case DAYS:
        return set_number(admin, optarg, ADMIN_MAX_DAYS, &admin->days);
    case SERVICE:
        return admin->service = true;
    default:
        return false;
    }
}

/* 0, or what the program ends with. */
static int read_words(struct admin *admin, int argc, char **argv, const struct command **ret)
{
    if (argc - optind < 2)
        return usage_error("say what to do");
    *ret = find_command(argv[optind], argv[optind + 1]);
    if (*ret == NULL)
        return usage_error("there is no command '%s %s'", argv[optind], argv[optind + 1]);
    admin->words = argv + optind + 2;
    admin->word_count = argc - optind - 2;
    if (admin->word_count < (*ret)->least_words || admin->word_count > (*ret)->most_words)
        return usage_error("it is: %s %s %s", (*ret)->group, (*ret)->name, (*ret)->words);
    return 0;
}

static int finish(struct admin *admin, enum status status)
{
    if (status == STATUS_OK)
        output_write(&admin->output);
    else
        explain(admin, status);
    if (admin->error[0] != '\0')
        fprintf(stderr, "waystone-admin: %s\n", admin->error);
    if (status == STATUS_INVALID_ARGUMENT)
        return ADMIN_USAGE;
    return status == STATUS_OK ? (int)admin->exit : ADMIN_NOT_DONE;
}

int main(int argc, char **argv)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct admin admin = {.arena = arena, .output.arena = arena, .limit = ADMIN_DEFAULT_LIMIT};
    const struct command *command = NULL;
    const char *config_path = NULL;
    char error[512];
    int key, code;

    opterr = 0;
    while ((key = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (key == HELP) {
            print_usage(stdout);
            return ADMIN_DONE;
        }
        if (key == '?')
            return usage_error("'%s' is no option, or lacks its value", argv[optind - 1]);
        if (!set_option(&admin, key, &config_path))
            return usage_error("'%s' is out of bounds", optarg);
    }
    code = read_words(&admin, argc, argv, &command);
    if (code != 0)
        return code;
    if (config_read_part(keys, KEY_COUNT, config_path, environ, error, sizeof(error)) !=
        STATUS_OK) {
        fprintf(stderr, "waystone-admin: %s\n", error);
        return ADMIN_USAGE;
    }
    log_set_level(LOG_LEVEL_ERROR);
    admin.master_key = settings.master_key;
    admin.access_token_s = settings.access_token_s;
    admin.closing_grace_s = settings.closing_grace_s;
    admin.key_publish_s = settings.key_publish_s;
    code = finish(&admin, run_command(&admin, command));
    config_free(keys, KEY_COUNT);
    return code;
}
