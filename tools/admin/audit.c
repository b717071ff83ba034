/* audit list, head, verify. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/queries/audit.h"
#include "handlers/audit_chain.h"
#include "handlers/audit_head.h"
#include "tools/admin/admin.h"

#define PAGE_ROWS 1000
#define MAX_FINDINGS 100
#define HEAD_LINE_BYTES 128

/* --- list --- */

static void add_entry(struct admin *admin, const struct audit_list_row *row)
{
    struct output *output = &admin->output;

    output_row(output);
    output_number(output, "id", row->id);
    output_time(output, "happened_at", row->happened_at);
    if (row->account_id_is_null)
        output_none(output, "account_id");
    else
        output_number(output, "account_id", row->account_id);
    output_text(output, "user_name", row->user_name);
    output_text(output, "action", row->action);
    output_text(output, "status", row->status);
    output_text(output, "target",
                row->target_kind[0] ? arena_printf(admin->arena, "%s %lld", row->target_kind,
                                                   (long long)row->target_id)
                                    : NULL);
    output_text(output, "detail", row->detail[0] ? row->detail : NULL);
    output_text(output, "note", row->note);
    output_text(output, "peer", row->peer);
    output_text(output, "request_id", row->request_id[0] ? row->request_id : NULL);
    if (row->position_is_null)
        output_none(output, "position");
    else
        output_number(output, "position", row->position);
}

enum status audit_list_command(struct admin *admin)
{
    int64_t before = admin->from_id > 0 ? admin->from_id : INT64_MAX;
    struct audit_list_row *rows;
    int64_t account_id;
    size_t count;

    TRY(admin_account_id(admin, &account_id));
    TRY(audit_list(admin->db, admin->arena, before, account_id, admin->action ? admin->action : "",
                   admin->limit, &rows, &count));
    admin->output.list = "entries";
    for (size_t i = 0; i < count; i++)
        add_entry(admin, &rows[i]);
    return STATUS_OK;
}

/* --- head --- */

static void add_head(struct admin *admin, int64_t position, const char *hash)
{
    output_number(&admin->output, "position", position);
    output_text(&admin->output, "hash", hash);
}

static enum status write_head(struct admin *admin, int64_t position, const char *hash)
{
    if (position == 0)
        return admin_fail(admin, STATUS_FAILED_PRECONDITION, "nothing was sealed yet");
    if (!audit_head_write(admin->out, position, hash))
        return admin_fail(admin, STATUS_UNAVAILABLE, "%s cannot be written: %s", admin->out,
                          strerror(errno));
    return STATUS_OK;
}

enum status audit_head_command(struct admin *admin)
{
    struct audit_chain_head_row *head;
    struct audit_waiting_row *waiting;
    char hash[2 * AUDIT_HASH_BYTES + 1] = "";
    enum status s = audit_chain_head(admin->db, admin->arena, &head);

    if (s != STATUS_OK && s != STATUS_NOT_FOUND)
        return s;
    TRY(audit_waiting(admin->db, admin->arena, &waiting));
    if (s == STATUS_OK && head->hash.length == AUDIT_HASH_BYTES)
        audit_chain_hex(head->hash.data, hash);
    if (admin->out != NULL)
        TRY(write_head(admin, s == STATUS_OK ? head->position : 0, hash));
    output_row(&admin->output);
    add_head(admin, s == STATUS_OK ? head->position : 0, s == STATUS_OK ? hash : NULL);
    output_number(&admin->output, "waiting", waiting->waiting);
    return STATUS_OK;
}

/* --- verify --- */

struct walk {
    struct admin *admin;
    int64_t position; /* of the last link seen */
    uint8_t hash[AUDIT_HASH_BYTES];
    int64_t expected_position; /* --head; 0: not given */
    char expected_hash[2 * AUDIT_HASH_BYTES + 1];
    size_t findings;
};

static void find(struct walk *walk, int64_t position, int64_t audit_id, const char *problem)
{
    struct output *output = &walk->admin->output;

    if (walk->findings++ >= MAX_FINDINGS)
        return;
    output->list = "findings";
    output_row(output);
    output_number(output, "position", position);
    output_number(output, "audit_id", audit_id);
    output_text(output, "problem", problem);
}

static struct audit_row row_of(const struct audit_chain_read_row *link)
{
    return (struct audit_row){
        .id = link->id,
        .happened_at_us = link->happened_at,
        .account_id = link->account_id_is_null ? 0 : link->account_id,
        .target_id = link->target_id,
        .action = link->action,
        .status = link->status,
        .request_id = link->request_id,
        .target_kind = link->target_kind,
        .detail = link->detail,
        .personal_hash = link->personal_hash,
    };
}

static void check_personal(struct walk *walk, const struct audit_chain_read_row *link)
{
    uint8_t hash[AUDIT_HASH_BYTES];

    if (link->salt_is_null && link->peer == NULL && link->note == NULL)
        return; /* erased */
    audit_chain_personal(link->salt, link->peer, link->note, hash);
    if (link->salt_is_null || link->personal_hash.length != AUDIT_HASH_BYTES ||
        memcmp(hash, link->personal_hash.data, AUDIT_HASH_BYTES) != 0)
        find(walk, link->position, link->audit_id, "peer or note was changed");
}

/* Goes on behind a broken link with the hash that is stored, so that each break is told once. */
static void check_link(struct walk *walk, const struct audit_chain_read_row *link)
{
    uint8_t hash[AUDIT_HASH_BYTES];
    char hex[2 * AUDIT_HASH_BYTES + 1] = "";

    if (link->position != walk->position + 1)
        find(walk, walk->position + 1, link->audit_id, "links before this row were removed");
    walk->position = link->position;
    if (link->id_is_null) {
        find(walk, link->position, link->audit_id, "the row was removed");
    } else {
        struct audit_row row = row_of(link);
        audit_chain_link(walk->hash, link->position, &row, hash);
        if (link->hash.length != AUDIT_HASH_BYTES ||
            memcmp(hash, link->hash.data, AUDIT_HASH_BYTES) != 0)
            find(walk, link->position, link->audit_id,
                 "the row or its place was changed since it was sealed");
        check_personal(walk, link);
    }
    if (link->hash.length == AUDIT_HASH_BYTES)
        memcpy(walk->hash, link->hash.data, AUDIT_HASH_BYTES);
    audit_chain_hex(walk->hash, hex);
    if (walk->position == walk->expected_position && strcmp(hex, walk->expected_hash) != 0)
        find(walk, link->position, link->audit_id, "the chain does not lead to the head given");
}

static enum status check_chain(struct walk *walk)
{
    size_t count = PAGE_ROWS;

    while (count == PAGE_ROWS) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct audit_chain_read_row *links;
        TRY(audit_chain_read(walk->admin->db, arena, walk->position, PAGE_ROWS, &links, &count));
        for (size_t i = 0; i < count; i++)
            check_link(walk, &links[i]);
    }
    if (walk->position < walk->expected_position)
        find(walk, walk->expected_position, 0, "the chain ends before the head given");
    return STATUS_OK;
}

static enum status check_outside(struct walk *walk)
{
    struct admin *admin = walk->admin;
    struct audit_strays_row *strays;
    struct audit_waiting_row *waiting;
    size_t count;

    TRY(audit_strays(admin->db, admin->arena, MAX_FINDINGS, &strays, &count));
    for (size_t i = 0; i < count; i++)
        find(walk, 0, strays[i].id, "the row is not in the chain, and nobody is to seal it");
    TRY(audit_waiting(admin->db, admin->arena, &waiting));
    if (waiting->missing > 0)
        find(walk, 0, 0, "rows that waited to be sealed were removed");
    return STATUS_OK;
}

/* The line of a file that `audit head --out` or the server wrote. */
static enum status read_head_file(struct admin *admin)
{
    char *line = arena_alloc(admin->arena, HEAD_LINE_BYTES);
    FILE *file = fopen(admin->head + 1, "re");
    bool found = file != NULL && fgets(line, HEAD_LINE_BYTES, file) != NULL;

    if (file != NULL)
        fclose(file);
    if (!found)
        return admin_fail(admin, STATUS_INVALID_ARGUMENT, "%s cannot be read", admin->head + 1);
    line[strcspn(line, "\n")] = '\0';
    admin->head = line;
    return STATUS_OK;
}

static enum status read_expected(struct walk *walk)
{
    struct admin *admin = walk->admin;
    char *end;

    if (admin->head == NULL)
        return STATUS_OK;
    if (admin->head[0] == '@')
        TRY(read_head_file(admin));
    walk->expected_position = strtoll(admin->head, &end, 10);
    if (walk->expected_position < 1 || *end != ':' ||
        strspn(end + 1, "0123456789abcdef") != 2 * AUDIT_HASH_BYTES ||
        end[1 + 2 * AUDIT_HASH_BYTES] != '\0')
        return admin_fail(admin, STATUS_INVALID_ARGUMENT,
                          "'%s' is no head; it is POSITION:HASH, as the server logs it",
                          admin->head);
    snprintf(walk->expected_hash, sizeof(walk->expected_hash), "%s", end + 1);
    return STATUS_OK;
}

enum status audit_verify(struct admin *admin)
{
    struct walk walk = {.admin = admin};
    char hash[2 * AUDIT_HASH_BYTES + 1];

    TRY(read_expected(&walk));
    TRY(check_chain(&walk));
    TRY(check_outside(&walk));
    if (walk.findings > 0) {
        admin->exit = ADMIN_BROKEN;
        admin_fail(admin, STATUS_DATA_LOSS, "the audit log was tampered with: %zu finding%s",
                   walk.findings, walk.findings == 1 ? "" : "s");
        return STATUS_OK;
    }
    audit_chain_hex(walk.hash, hash);
    output_row(&admin->output);
    output_number(&admin->output, "verified", walk.position);
    add_head(admin, walk.position, walk.position > 0 ? hash : NULL);
    return STATUS_OK;
}
