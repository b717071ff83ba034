#include "handlers/account_events.h"

#include "db/queries/notifications.h"
#include "handlers/convert.h"
#include "handlers/live.h"
#include "handlers/outbox.h"
#include "waystone/event/v1/event.h"

#define NOTIFY_ACCOUNT "notify.account"
#define NOTIFY_ROLE "notify.role"
#define NOTIFY_MESSAGE "notify.message" /* as in db/queries/chat.sql */
#define NUMBER_BYTES 8                  /* account, role, message: before the notification */
#define PAGE_ACCOUNTS 200

struct account_event_note {
    int64_t account_id;
    AccountEvent *event;
    struct account_event_note *next;
};

/* --- events --- */

enum status account_event_add(struct db *tx, struct arena *arena, struct account_events *written,
                              int64_t account_id, AccountEvent *event)
{
    struct account_event_note *note = arena_alloc(arena, sizeof(*note));
    struct account_events_insert_row *row;
    struct buffer encoded = {0};
    enum status s;

    event->sequence = 0;
    message_encode(&event->base, &encoded);
    s = account_events_insert(tx, arena, account_id,
                              (struct bytes){buffer_data(&encoded), encoded.length}, &row);
    buffer_free(&encoded);
    TRY(s);
    event->sequence = row->sequence;
    *note = (struct account_event_note){.account_id = account_id, .event = event};
    if (written->last != NULL)
        written->last->next = note;
    else
        written->first = note;
    written->last = note;
    return STATUS_OK;
}

/* --- live --- */

static struct shared_bytes *encode_event(struct arena *arena, AccountEvent *event)
{
    SubscribeResponse *message = SubscribeResponse_new(arena);

    message->event_case = SUBSCRIBE_RESPONSE_EVENT_ACCOUNT_EVENT;
    message->account_event = event;
    return rpc_encode_shared(&message->base, RPC_CODEC_BINARY);
}

void account_events_publish(struct app *app, struct arena *arena, struct account_events *written)
{
    for (const struct account_event_note *note = written->first; note != NULL; note = note->next)
        live_publish(app, (struct hub_topic){TOPIC_KIND_ACCOUNT, note->account_id},
                     &(struct hub_event){.sequence = note->event->sequence,
                                         .message = encode_event(arena, note->event)});
    *written = (struct account_events){0};
}

static enum status may_follow(void *user, struct rpc_call *call, int64_t account_id)
{
    return account_id == call->identity.account_id ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status read_events(void *user, struct arena *arena, int64_t account_id, int64_t after,
                               size_t limit, struct hub_event **ret_events, size_t *ret_count)
{
    struct app *app = user;
    struct account_events_after_row *rows;
    struct hub_event *events;
    ProtobufCMessage *message;
    const char *error;

    TRY(account_events_after(app->db, arena, account_id, after, (int64_t)limit, &rows, ret_count));
    events = arena_alloc_array(arena, *ret_count, sizeof(*events));
    for (size_t i = 0; i < *ret_count; i++) {
        /* Encoded by account_event_add(), perhaps by a newer version: unknown fields are kept. */
        if (message_decode(arena, &AccountEvent_type, rows[i].event.data, rows[i].event.length,
                           &message, &error) != STATUS_OK)
            message = &AccountEvent_new(arena)->base;
        ((AccountEvent *)message)->sequence = rows[i].sequence;
        events[i].sequence = rows[i].sequence;
        events[i].message = encode_event(arena, (AccountEvent *)message);
    }
    *ret_events = events;
    return STATUS_OK;
}

static enum status read_heads(void *user, struct arena *arena, const struct hub_head *known,
                              size_t count, struct hub_head **ret_heads, size_t *ret_count)
{
    struct app *app = user;
    int64_t *ids, *sequences;
    struct account_heads_above_row *rows;

    live_split_heads(arena, known, count, &ids, &sequences);
    TRY(account_heads_above(app->db, arena, ids, count, sequences, count, &rows, ret_count));
    *ret_heads = arena_alloc_array(arena, *ret_count, sizeof(**ret_heads));
    for (size_t i = 0; i < *ret_count; i++)
        (*ret_heads)[i] = (struct hub_head){rows[i].account_id, rows[i].last_sequence};
    return STATUS_OK;
}

void account_events_open(struct app *app)
{
    const struct hub_source source = {
        .priority = 0,
        .may_follow = may_follow,
        .read = read_events,
        .read_heads = read_heads,
        .user = app,
    };

    hub_add_source(app->hub, TOPIC_KIND_ACCOUNT, &source);
}

/* --- notifications --- */

enum status notify_add(struct db *tx, struct arena *arena, struct account_events *written,
                       int64_t account_id, Notification *notification)
{
    AccountEvent *event = AccountEvent_new(arena);
    struct notifications_insert_row *row;

    TRY(notifications_insert(tx, arena, account_id, (int16_t)notification->kind, notification->text,
                             notification->channel_id, notification->message_sequence,
                             notification->character_id, notification->subject_id, &row));
    notification->id = row->id;
    notification->created_at = timestamp_from_us(arena, row->created_at);
    event->event_case = ACCOUNT_EVENT_EVENT_NOTIFICATION;
    event->notification = notification;
    return account_event_add(tx, arena, written, account_id, event);
}

/* --- notifications left to the outbox --- */

static enum status add_later(struct db *tx, const char *kind, int64_t whom,
                             const Notification *notification)
{
    struct buffer payload = {0};
    enum status s;

    for (int shift = 8 * (NUMBER_BYTES - 1); shift >= 0; shift -= 8)
        buffer_append_char(&payload, (char)((uint64_t)whom >> shift));
    message_encode(&notification->base, &payload);
    s = outbox_add(tx, kind, OUTBOX_NORMAL, (struct bytes){buffer_data(&payload), payload.length});
    buffer_free(&payload);
    return s;
}

enum status notify_later(struct db *tx, int64_t account_id, const Notification *notification)
{
    return add_later(tx, NOTIFY_ACCOUNT, account_id, notification);
}

enum status notify_role_later(struct db *tx, enum rpc_access role, const Notification *notification)
{
    return add_later(tx, NOTIFY_ROLE, role, notification);
}

const char *notify_message_text(struct arena *arena, const Notification *notification)
{
    static const char digits[] = "0123456789abcdef";
    struct buffer encoded = {0};
    char *text;

    message_encode(&notification->base, &encoded);
    text = arena_alloc(arena, 2 * encoded.length + 1);
    for (size_t i = 0; i < encoded.length; i++) {
        text[2 * i] = digits[buffer_data(&encoded)[i] >> 4];
        text[2 * i + 1] = digits[buffer_data(&encoded)[i] & 15];
    }
    buffer_free(&encoded);
    return text;
}

static uint64_t read_number(const uint8_t *bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < NUMBER_BYTES; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* The numbers that come first, and the notification behind them. */
static enum status read_later(struct outbox_task *task, int64_t *ret_numbers, size_t count,
                              Notification **ret_notification)
{
    size_t prefix = count * NUMBER_BYTES;
    ProtobufCMessage *message;
    const char *error;

    if (task->payload.length < prefix)
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT, "the payload is too short");
    for (size_t i = 0; i < count; i++)
        ret_numbers[i] = (int64_t)read_number(task->payload.data + i * NUMBER_BYTES);
    if (message_decode(task->arena, &Notification_type, task->payload.data + prefix,
                       task->payload.length - prefix, &message, &error) != STATUS_OK)
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT, "%s", error);
    *ret_notification = (Notification *)message;
    return STATUS_OK;
}

static enum status do_notify_account(struct outbox_task *task)
{
    Notification *notification;
    int64_t account_id;

    TRY(read_later(task, &account_id, 1, &notification));
    return notify_add(task->tx, task->arena, task->written, account_id, notification);
}

static enum status do_notify_message(struct outbox_task *task)
{
    Notification *notification;
    int64_t numbers[2]; /* account, message */

    TRY(read_later(task, numbers, 2, &notification));
    notification->message_sequence = numbers[1];
    return notify_add(task->tx, task->arena, task->written, numbers[0], notification);
}

/* Each account gets a copy of its own, which carries its id. */
static enum status notify_copy(struct outbox_task *task, int64_t account_id)
{
    Notification *notification;
    int64_t role;

    TRY(read_later(task, &role, 1, &notification));
    return notify_add(task->tx, task->arena, task->written, account_id, notification);
}

static enum status do_notify_role(struct outbox_task *task)
{
    struct accounts_of_role_row *rows;
    Notification *notification;
    int64_t role, after = 0;
    size_t count;

    TRY(read_later(task, &role, 1, &notification));
    if (role <= RPC_ACCESS_PLAYER || role > RPC_ACCESS_SERVICE)
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT, "%lld is no role of staff",
                                (long long)role);
    do {
        TRY(accounts_of_role(task->tx, task->arena, (int16_t)role, after, PAGE_ACCOUNTS, &rows,
                             &count));
        for (size_t i = 0; i < count; i++)
            TRY(notify_copy(task, rows[i].id));
        if (count > 0)
            after = rows[count - 1].id;
    } while (count == PAGE_ACCOUNTS);
    return STATUS_OK;
}

void account_events_register(void)
{
    outbox_register(NOTIFY_ACCOUNT, do_notify_account);
    outbox_register(NOTIFY_ROLE, do_notify_role);
    outbox_register(NOTIFY_MESSAGE, do_notify_message);
}
