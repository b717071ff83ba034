/* NotificationService: what an account should see, and what of it was read. */
#include "handlers/notifications.h"

#include "db/queries/notifications.h"
#include "handlers/account_events.h"
#include "handlers/app.h"
#include "handlers/convert.h"
#include "waystone/notification/v1/notification_service.h"

#define DEFAULT_PAGE 50

static Notification *notification_to_api(struct arena *arena,
                                         const struct notifications_list_row *row)
{
    Notification *notification = Notification_new(arena);

    notification->id = row->id;
    notification->kind = (NotificationKind)row->kind;
    notification->text = row->text;
    notification->created_at = timestamp_from_us(arena, row->created_at);
    notification->read = row->is_read;
    notification->channel_id = row->channel_id;
    notification->message_sequence = row->message_sequence;
    notification->character_id = row->character_id;
    notification->subject_id = row->subject_id;
    return notification;
}

static enum status count_unread(struct db *db, struct rpc_call *call, int32_t *ret_count)
{
    struct notifications_count_unread_row *row;

    TRY(notifications_count_unread(db, call->arena, call->identity.account_id, &row));
    *ret_count = (int32_t)row->count;
    return STATUS_OK;
}

static enum status list_notifications(struct rpc_call *call, const ListNotificationsRequest *req,
                                      ListNotificationsResponse *res)
{
    int64_t page = req->page_size > 0 ? req->page_size : DEFAULT_PAGE;
    int64_t before = req->before_id > 0 ? req->before_id : INT64_MAX;
    struct notifications_list_row *rows;
    size_t count;

    /* One row more than asked for tells whether there are more. */
    TRY(notifications_list(call->app->db, call->arena, call->identity.account_id, before,
                           req->unread_only, page + 1, &rows, &count));
    res->has_more = count > (size_t)page;
    if (res->has_more)
        count--;
    res->notifications = arena_alloc_array(call->arena, count, sizeof(*res->notifications));
    for (size_t i = 0; i < count; i++)
        res->notifications[res->n_notifications++] = notification_to_api(call->arena, &rows[i]);
    return count_unread(call->app->db, call, &res->unread_count);
}

static enum status add_read_event(struct rpc_call *call, struct db *tx,
                                  struct account_events *written,
                                  const MarkNotificationsReadRequest *req)
{
    AccountEvent *event = AccountEvent_new(call->arena);

    event->event_case = ACCOUNT_EVENT_EVENT_NOTIFICATIONS_READ;
    event->notifications_read = NotificationsRead_new(call->arena);
    event->notifications_read->n_ids = req->n_ids;
    event->notifications_read->ids = req->ids;
    event->notifications_read->up_to_id = req->up_to_id;
    return account_event_add(tx, call->arena, written, call->identity.account_id, event);
}

/* Nothing that changes is no event. */
static enum status mark_notifications_read(struct rpc_call *call,
                                           const MarkNotificationsReadRequest *req,
                                           MarkNotificationsReadResponse *res)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL; /* no-op once committed */
    struct account_events written = {0};
    size_t marked;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(notifications_mark_read(tx, call->identity.account_id, req->ids, req->n_ids, req->up_to_id,
                                &marked));
    if (marked > 0)
        TRY(add_read_event(call, tx, &written, req));
    TRY(count_unread(tx, call, &res->unread_count));
    TRY(db_commit(tx));
    account_events_publish(call->app, call->arena, &written);
    return STATUS_OK;
}

void notifications_register(struct rpc_server *server)
{
    static const struct notification_service handlers = {
        .list_notifications = list_notifications,
        .mark_notifications_read = mark_notifications_read,
    };

    notification_service_register(server, &handlers);
}
