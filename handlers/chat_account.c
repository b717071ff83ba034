/* ChatService: what accounts are told of their channels, on their own topic and as notifications.
 */
#include "db/queries/channels.h"
#include "handlers/chat_parts.h"

enum status chat_tell_joined(struct db *tx, struct arena *arena, struct account_events *written,
                             int64_t account_id, int64_t channel_id)
{
    AccountEvent *event = AccountEvent_new(arena);
    Channel **channels;
    size_t count;

    TRY(chat_describe(tx, arena, account_id, &channel_id, 1, &channels, &count));
    if (count == 0)
        return STATUS_OK;
    event->event_case = ACCOUNT_EVENT_EVENT_CHANNEL_JOINED;
    event->channel_joined = ChannelJoined_new(arena);
    event->channel_joined->channel = channels[0];
    return account_event_add(tx, arena, written, account_id, event);
}

enum status chat_tell_left(struct db *tx, struct arena *arena, struct account_events *written,
                           int64_t account_id, int64_t channel_id)
{
    AccountEvent *event = AccountEvent_new(arena);

    event->event_case = ACCOUNT_EVENT_EVENT_CHANNEL_LEFT;
    event->channel_left = ChannelLeft_new(arena);
    event->channel_left->channel_id = channel_id;
    return account_event_add(tx, arena, written, account_id, event);
}

enum status chat_tell_read(struct db *tx, struct arena *arena, struct account_events *written,
                           int64_t account_id, int64_t channel_id, int64_t sequence)
{
    AccountEvent *event = AccountEvent_new(arena);

    event->event_case = ACCOUNT_EVENT_EVENT_READ_MARKER_MOVED;
    event->read_marker_moved = ReadMarkerMoved_new(arena);
    event->read_marker_moved->channel_id = channel_id;
    event->read_marker_moved->sequence = sequence;
    return account_event_add(tx, arena, written, account_id, event);
}

/* --- notifications --- */

static Notification *notification_of(struct arena *arena, NotificationKind kind, char *text,
                                     const struct channel_access *access)
{
    Notification *notification = Notification_new(arena);

    notification->kind = kind;
    notification->text = text;
    notification->channel_id = access->channel_id;
    notification->character_id = access->speaker.character_id;
    return notification;
}

/* "in Global", "in a whisper" */
static const char *where(const struct channel_access *access)
{
    return access->place.kind == CHANNEL_KIND_WHISPER ? "a whisper" : access->name;
}

enum status chat_notify_added(struct rpc_call *call, struct db *tx, int64_t account_id,
                              const struct channel_access *access)
{
    char *text = arena_printf(call->arena, "You were added to %s.", access->name);

    return notify_later(
        tx, account_id,
        notification_of(call->arena, NOTIFICATION_KIND_CHANNEL_INVITE, text, access));
}

static bool is_among(const struct notifiable_row *rows, size_t count, int64_t account_id)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].account_id == account_id)
            return true;
    return false;
}

enum status chat_sift_notices(struct rpc_call *call, struct chat_notices *notices)
{
    size_t count = notices->mentioned_count, row_count;
    int64_t *ids = arena_alloc_array(call->arena, count + 1, sizeof(*ids));
    struct notifiable_row *rows;

    for (size_t i = 0; i < count; i++)
        ids[i] = notices->mentioned[i];
    ids[count] = notices->reply_to;
    TRY(notifiable(call->app->db, call->arena, ids, count + 1, notices->access->channel_id,
                   call->identity.account_id, &rows, &row_count));
    if (!is_among(rows, row_count, notices->reply_to))
        notices->reply_to = 0;
    notices->mentioned_count = 0;
    notices->mentioned = ids;
    for (size_t i = 0; i < count; i++) {
        int64_t id = ids[i];
        bool twice = id == notices->reply_to;
        for (size_t j = 0; j < notices->mentioned_count; j++)
            twice = twice || ids[j] == id; /* two characters of one account */
        if (!twice && is_among(rows, row_count, id))
            ids[notices->mentioned_count++] = id;
    }
    return STATUS_OK;
}

static void write_notice(struct buffer *accounts, struct buffer *tellings, int64_t account_id,
                         const char *telling)
{
    char before = accounts->length == 0 ? '{' : ',';

    buffer_printf(accounts, "%c%lld", before, (long long)account_id);
    buffer_printf(tellings, "%c%s", before, telling);
}

static const char *end_array(struct arena *arena, struct buffer *array)
{
    const char *text;

    buffer_append_char(array, '}');
    text = arena_printf(arena, "%.*s", (int)array->length, (const char *)buffer_data(array));
    buffer_free(array);
    return text;
}

void chat_write_notices(struct arena *arena, const struct chat_notices *notices,
                        const char **ret_accounts, const char **ret_tellings)
{
    const struct channel_access *access = notices->access;
    struct buffer accounts = {0}, tellings = {0};
    char *replied =
        arena_printf(arena, "%s replied to you in %s.", access->speaker.name, where(access));
    char *mentioned =
        arena_printf(arena, "%s mentioned you in %s.", access->speaker.name, where(access));
    const char *telling;

    if (notices->reply_to > 0) {
        telling = notify_message_text(
            arena, notification_of(arena, NOTIFICATION_KIND_REPLY, replied, access));
        write_notice(&accounts, &tellings, notices->reply_to, telling);
    }
    telling = notify_message_text(
        arena, notification_of(arena, NOTIFICATION_KIND_MENTION, mentioned, access));
    for (size_t i = 0; i < notices->mentioned_count; i++)
        write_notice(&accounts, &tellings, notices->mentioned[i], telling);
    *ret_accounts = end_array(arena, &accounts);
    *ret_tellings = end_array(arena, &tellings);
}
