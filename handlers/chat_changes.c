/* ChatService: changing and taking back what was said. */
#include <string.h>

#include "db/queries/channels.h"
#include "db/queries/chat.h"
#include "handlers/audit.h"
#include "handlers/channel_changes.h"
#include "handlers/chat_parts.h"
#include "handlers/convert.h"
#include "handlers/speech.h"

enum status chat_record(struct rpc_call *call, struct db *tx, int64_t channel_id, int64_t *sequence,
                        const StreamMessagesResponse *event)
{
    enum status s = channel_change_record(call, tx, channel_id, event, sequence);

    return s == STATUS_NOT_FOUND ? chat_no_channel(call, channel_id) : s;
}

static enum status no_message(struct rpc_call *call, int64_t sequence)
{
    return rpc_fail(call, STATUS_NOT_FOUND, "there is no message %lld in this channel",
                    (long long)sequence);
}

enum status chat_lock_message(struct rpc_call *call, struct db *tx, int64_t channel_id,
                              int64_t sequence, struct messages_lock_row **ret)
{
    enum status s = messages_lock(tx, call->arena, channel_id, sequence, ret);

    return s == STATUS_NOT_FOUND ? no_message(call, sequence) : s;
}

/* --- EditMessage --- */

static enum status check_editable(struct rpc_call *call, const struct messages_lock_row *message)
{
    if (message->account_id != call->identity.account_id)
        return rpc_fail(call, STATUS_PERMISSION_DENIED, "only its author changes a message");
    if (message->deleted)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "the message was taken back");
    if (!message->fresh)
        return rpc_fail(call, STATUS_FAILED_PRECONDITION, "messages can be changed for 24 hours");
    return STATUS_OK;
}

static enum status edit(struct rpc_call *call, const EditMessageRequest *req, const char *text)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    StreamMessagesResponse *event = StreamMessagesResponse_new(call->arena);
    MessageEdited *edited = MessageEdited_new(call->arena);
    struct messages_lock_row *message;
    struct messages_edit_row *row;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(chat_lock_message(call, tx, req->channel_id, req->message_sequence, &message));
    TRY(check_editable(call, message));
    if (strcmp(message->text, text) == 0)
        return STATUS_OK;
    TRY(messages_edit(tx, call->arena, req->channel_id, req->message_sequence, text, &row));
    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_EDITED;
    event->edited = edited;
    edited->channel_id = req->channel_id;
    edited->message_sequence = req->message_sequence;
    edited->text = (char *)text;
    edited->edited_at = timestamp_from_us(call->arena, row->edited_at);
    TRY(chat_record(call, tx, req->channel_id, &edited->sequence, event));
    TRY(db_commit(tx));
    chat_publish(call->app, req->channel_id, edited->sequence, call->identity.account_id, event);
    return STATUS_OK;
}

static enum status check_edit(struct rpc_call *call, const EditMessageRequest *req,
                              const struct channel_access *access, struct speech_verdict *ret)
{
    struct speech speech = {
        .channel_id = req->channel_id,
        .channel_kind = (int)access->place.kind,
        .channel_role = (int)access->place.role,
        .is_edit = true,
        .text = req->text,
    };

    return speech_check(call, &speech, ret);
}

static void note_edited(struct rpc_call *call, const Message *message,
                        const struct speech_verdict *verdict)
{
    struct said said = {message->channel_id, message->sequence, message->character_id,
                        message->character_name, timestamp_to_us(message->sent_at)};

    speech_said(call, verdict, &said);
}

enum status chat_edit_message(struct rpc_call *call, const EditMessageRequest *req,
                              EditMessageResponse *res)
{
    struct channel_access access;
    struct speech_verdict verdict;
    enum status s;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(chat_check_whisper(call, &access));
    TRY(check_edit(call, req, &access, &verdict));
    TRY(edit(call, req, verdict.text));
    s = chat_get_message(call, req->channel_id, req->message_sequence, &res->message);
    if (s == STATUS_NOT_FOUND)
        return no_message(call, req->message_sequence);
    TRY(s);
    note_edited(call, res->message, &verdict);
    return STATUS_OK;
}

/* --- DeleteMessage --- */

/* A moderator of the game takes back what it may not read, too: reports lead there. */
static enum status reach_channel(struct rpc_call *call, int64_t channel_id,
                                 struct channel_access *access)
{
    enum status s;

    if (call->identity.role < RPC_ACCESS_MODERATOR)
        return channel_access_get(call, call->arena, channel_id, access);
    s = channel_access_find(call->app->db, call->arena, channel_id, call->identity.account_id,
                            access);
    return s == STATUS_NOT_FOUND ? chat_no_channel(call, channel_id) : s;
}

static bool is_moderator(const struct rpc_call *call, const struct channel_access *access)
{
    return call->identity.role >= RPC_ACCESS_MODERATOR ||
           (access->rule->has_roles && access->place.role >= CHANNEL_ROLE_MODERATOR);
}

/* What a moderator does to somebody else's words is written down. */
static enum status audit_deletion(struct rpc_call *call, struct db *tx,
                                  const DeleteMessageRequest *req)
{
    const struct audit_act act = {
        .action = "message.delete",
        .target_kind = "channel",
        .target_id = req->channel_id,
        .detail = arena_printf(call->arena, "message %lld", (long long)req->message_sequence),
        .note = req->reason,
    };

    return audit_add(tx, call, &act);
}

static enum status take_back(struct rpc_call *call, const DeleteMessageRequest *req, bool moderator)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    StreamMessagesResponse *event = StreamMessagesResponse_new(call->arena);
    MessageDeleted *deleted = MessageDeleted_new(call->arena);
    struct messages_lock_row *message;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(chat_lock_message(call, tx, req->channel_id, req->message_sequence, &message));
    deleted->by_moderator = message->account_id != call->identity.account_id;
    if (deleted->by_moderator && !moderator)
        return rpc_fail(call, STATUS_PERMISSION_DENIED, "only its author takes back a message");
    if (message->deleted)
        return STATUS_OK;
    TRY(messages_delete(tx, req->channel_id, req->message_sequence, deleted->by_moderator));
    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_DELETED;
    event->deleted = deleted;
    deleted->channel_id = req->channel_id;
    deleted->message_sequence = req->message_sequence;
    if (deleted->by_moderator)
        TRY(audit_deletion(call, tx, req));
    TRY(chat_record(call, tx, req->channel_id, &deleted->sequence, event));
    TRY(db_commit(tx));
    chat_publish(call->app, req->channel_id, deleted->sequence, call->identity.account_id, event);
    return STATUS_OK;
}

enum status chat_delete_message(struct rpc_call *call, const DeleteMessageRequest *req,
                                DeleteMessageResponse *res)
{
    struct channel_access access;

    TRY(reach_channel(call, req->channel_id, &access));
    return take_back(call, req, is_moderator(call, &access));
}
