/* AccountService: ExportAccount. Page by page, each in memory of its own, so that a long life in
 * the game makes no large answer. */
#include <string.h>

#include "db/queries/export.h"
#include "handlers/account_parts.h"
#include "handlers/app.h"
#include "waystone/account/v1/account_service.h"
#include "waystone/chat/v1/chat.h"
#include "waystone/notification/v1/notification.h"

#define PAGE_ROWS 500
#define PART_BYTES ((size_t)256 * 1024)

/* Where a file goes on. */
struct cursor {
    int64_t account_id;
    int64_t a, b; /* the key of the last row */
    bool ended;
};

/* Appends the JSON of the next rows, a line each. */
typedef enum status (*page_fn)(struct db *db, struct arena *arena, struct cursor *cursor,
                               struct buffer *out);

static void append_row(struct buffer *out, const char *json)
{
    buffer_append_string(out, json);
    buffer_append_string(out, ",\n");
}

static void move_on(struct cursor *cursor, int64_t a, int64_t b, size_t rows)
{
    cursor->a = a;
    cursor->b = b;
    cursor->ended = rows < PAGE_ROWS;
}

static enum status messages_page(struct db *db, struct arena *arena, struct cursor *at,
                                 struct buffer *out)
{
    struct export_messages_row *rows;
    size_t count;

    TRY(export_messages(db, arena, at->account_id, at->a, at->b, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        append_row(out, rows[i].json);
    move_on(at, count ? rows[count - 1].a : 0, count ? rows[count - 1].b : 0, count);
    return STATUS_OK;
}

static enum status archived_page(struct db *db, struct arena *arena, struct cursor *at,
                                 struct buffer *out)
{
    struct export_archived_messages_row *rows;
    size_t count;

    TRY(export_archived_messages(db, arena, at->account_id, at->a, at->b, PAGE_ROWS, &rows,
                                 &count));
    for (size_t i = 0; i < count; i++)
        append_row(out, rows[i].json);
    move_on(at, count ? rows[count - 1].a : 0, count ? rows[count - 1].b : 0, count);
    return STATUS_OK;
}

static enum status reactions_page(struct db *db, struct arena *arena, struct cursor *at,
                                  struct buffer *out)
{
    struct export_reactions_row *rows;
    size_t count;

    TRY(export_reactions(db, arena, at->account_id, at->a, at->b, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        append_row(out, rows[i].json);
    move_on(at, count ? rows[count - 1].a : 0, count ? rows[count - 1].b : 0, count);
    return STATUS_OK;
}

static enum status mentions_page(struct db *db, struct arena *arena, struct cursor *at,
                                 struct buffer *out)
{
    struct export_mentions_row *rows;
    size_t count;

    TRY(export_mentions(db, arena, at->account_id, at->a, at->b, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        append_row(out, rows[i].json);
    move_on(at, count ? rows[count - 1].a : 0, count ? rows[count - 1].b : 0, count);
    return STATUS_OK;
}

static enum status notifications_page(struct db *db, struct arena *arena, struct cursor *at,
                                      struct buffer *out)
{
    struct export_notifications_row *rows;
    size_t count;

    TRY(export_notifications(db, arena, at->account_id, at->a, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        append_row(out, rows[i].json);
    move_on(at, count ? rows[count - 1].id : 0, 0, count);
    return STATUS_OK;
}

static enum status audit_page(struct db *db, struct arena *arena, struct cursor *at,
                              struct buffer *out)
{
    struct export_audit_row *rows;
    size_t count;

    TRY(export_audit(db, arena, at->account_id, at->a, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        append_row(out, rows[i].json);
    move_on(at, count ? rows[count - 1].id : 0, 0, count);
    return STATUS_OK;
}

/* A stored message of the API as JSON. */
static enum status append_message(struct arena *arena, const struct message_type *type,
                                  struct bytes stored, struct buffer *out)
{
    ProtobufCMessage *message;
    const char *error;

    TRY(message_decode(arena, type, stored.data, stored.length, &message, &error));
    TRY(message_encode_json(message, out, &error));
    buffer_append_string(out, ",\n");
    return STATUS_OK;
}

static enum status changes_page(struct db *db, struct arena *arena, struct cursor *at,
                                struct buffer *out)
{
    struct export_changes_row *rows;
    size_t count;

    TRY(export_changes(db, arena, at->account_id, at->a, at->b, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        TRY(append_message(arena, &StreamMessagesResponse_type, rows[i].event, out));
    move_on(at, count ? rows[count - 1].a : 0, count ? rows[count - 1].b : 0, count);
    return STATUS_OK;
}

static enum status events_page(struct db *db, struct arena *arena, struct cursor *at,
                               struct buffer *out)
{
    struct export_account_events_row *rows;
    size_t count;

    TRY(export_account_events(db, arena, at->account_id, at->a, PAGE_ROWS, &rows, &count));
    for (size_t i = 0; i < count; i++)
        TRY(append_message(arena, &AccountEvent_type, rows[i].event, out));
    move_on(at, count ? rows[count - 1].sequence : 0, 0, count);
    return STATUS_OK;
}

/* --- sending --- */

static enum status send_part(struct rpc_call *call, struct export_account_stream *out,
                             const char *file_name, struct bytes data)
{
    ExportAccountResponse part;

    memcpy(&part, ExportAccountResponse_new(call->arena), sizeof(part));
    part.file_name = (char *)file_name;
    for (size_t sent = 0; sent < data.length; sent += part.data.len) {
        part.data.data = (uint8_t *)data.data + sent;
        part.data.len = data.length - sent < PART_BYTES ? data.length - sent : PART_BYTES;
        TRY(export_account_send(out, &part));
    }
    return STATUS_OK;
}

/* Rows end with a comma, the array with what no row can end with: nothing may follow a last comma.
 */
static void close_array(struct buffer *buffer, bool any)
{
    if (any)
        buffer->length -= strlen(",\n");
    buffer_append_string(buffer, any ? "\n]\n" : "]\n");
}

/* A page is sent once the next is there, so that the last is known. */
static enum status send_pages(struct rpc_call *call, struct export_account_stream *out,
                              const char *file_name, page_fn page)
{
    struct cursor cursor = {.account_id = call->identity.account_id, .a = INT64_MIN};
    struct buffer buffer = {0};
    enum status s = STATUS_OK;
    bool any = false;

    buffer_append_string(&buffer, "[\n");
    while (s == STATUS_OK && !cursor.ended) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        size_t before = buffer.length;
        s = page(call->app->db, arena, &cursor, &buffer);
        any = any || buffer.length > before;
        if (s != STATUS_OK || cursor.ended || buffer.length < PART_BYTES)
            continue;
        /* All but the end of the last row, which may have to go. */
        s = send_part(call, out, file_name,
                      (struct bytes){buffer_data(&buffer), buffer.length - strlen(",\n")});
        buffer_consume(&buffer, buffer.length - strlen(",\n"));
    }
    if (s == STATUS_OK) {
        close_array(&buffer, any);
        s = send_part(call, out, file_name, (struct bytes){buffer_data(&buffer), buffer.length});
    }
    buffer_free(&buffer);
    return s;
}

static enum status send_small(struct rpc_call *call, struct export_account_stream *out)
{
    struct export_small_row *rows;
    size_t count;

    TRY(export_small(call->app->db, call->arena, call->identity.account_id, &rows, &count));
    for (size_t i = 0; i < count; i++)
        TRY(send_part(call, out, rows[i].file_name,
                      (struct bytes){(const uint8_t *)rows[i].json, strlen(rows[i].json)}));
    return STATUS_OK;
}

enum status account_export(struct rpc_call *call, const ExportAccountRequest *req,
                           struct export_account_stream *out)
{
    static const struct {
        const char *file_name;
        page_fn page;
    } files[] = {
        {"messages.json", messages_page},       {"archived_messages.json", archived_page},
        {"channel_changes.json", changes_page}, {"reactions.json", reactions_page},
        {"mentions.json", mentions_page},       {"notifications.json", notifications_page},
        {"account_events.json", events_page},   {"audit_log.json", audit_page},
    };

    TRY(send_small(call, out));
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        TRY(send_pages(call, out, files[i].file_name, files[i].page));
    return STATUS_OK;
}
