/* ChatService: reactions. */
#include "db/queries/chat.h"
#include "handlers/chat_parts.h"
#include "handlers/rules/emoji.h"
#include "handlers/sanctions.h"

/* Different reactions on one message: more of them are no help to a reader. */
#define MAX_KINDS 20

static enum status put_or_take(struct rpc_call *call, struct db *tx, const SetReactionRequest *req,
                               size_t *ret_changed)
{
    int64_t account_id = call->identity.account_id;

    if (req->on)
        return reactions_put(tx, req->channel_id, req->message_sequence, req->emoji, account_id,
                             ret_changed);
    return reactions_take(tx, req->channel_id, req->message_sequence, req->emoji, account_id,
                          ret_changed);
}

static enum status count_reactions(struct rpc_call *call, struct db *tx,
                                   const SetReactionRequest *req, int32_t *ret_count)
{
    struct reactions_count_row *row;

    TRY(reactions_count(tx, call->arena, req->channel_id, req->message_sequence, req->emoji, &row));
    if (req->on && row->kinds > MAX_KINDS)
        return rpc_fail(call, STATUS_RESOURCE_EXHAUSTED,
                        "the message has %d different reactions already", MAX_KINDS);
    *ret_count = (int32_t)row->count;
    return STATUS_OK;
}

static enum status check_message(struct rpc_call *call, struct db *tx,
                                 const SetReactionRequest *req)
{
    struct messages_lock_row *message;

    TRY(chat_lock_message(call, tx, req->channel_id, req->message_sequence, &message));
    if (message->deleted)
        return rpc_fail(call, STATUS_NOT_FOUND, "the message was taken back");
    return STATUS_OK;
}

static enum status set_reaction(struct rpc_call *call, const SetReactionRequest *req)
{
    CLEANUP(db_rollbackp) struct db *tx = NULL;
    StreamMessagesResponse *event = StreamMessagesResponse_new(call->arena);
    ReactionChanged *reaction = ReactionChanged_new(call->arena);
    size_t changed;

    TRY(db_begin(call->app->db, call->arena, &tx));
    TRY(check_message(call, tx, req));
    TRY(put_or_take(call, tx, req, &changed));
    if (changed == 0)
        return STATUS_OK;
    TRY(count_reactions(call, tx, req, &reaction->count));
    event->event_case = STREAM_MESSAGES_RESPONSE_EVENT_REACTION;
    event->reaction = reaction;
    reaction->channel_id = req->channel_id;
    reaction->message_sequence = req->message_sequence;
    reaction->emoji = req->emoji;
    reaction->character_id = req->character_id;
    reaction->on = req->on;
    TRY(chat_record(call, tx, req->channel_id, &reaction->sequence, event));
    TRY(db_commit(tx));
    chat_publish(call->app, req->channel_id, reaction->sequence, call->identity.account_id, event);
    return STATUS_OK;
}

enum status chat_set_reaction(struct rpc_call *call, const SetReactionRequest *req,
                              SetReactionResponse *res)
{
    struct channel_access access;
    Message *message;

    if (!emoji_is_reaction(req->emoji))
        return rpc_fail_field(call, "emoji", "must be one emoji or a short name such as :stone:");
    TRY(channel_access_speak(call, call->arena, req->channel_id, req->character_id, &access));
    TRY(sanction_check_speech(call, req->channel_id));
    if (req->on)
        TRY(chat_check_whisper(call, &access));
    TRY(set_reaction(call, req));
    TRY(chat_get_message(call, req->channel_id, req->message_sequence, &message));
    res->reactions = message->reactions;
    res->n_reactions = message->n_reactions;
    return STATUS_OK;
}
