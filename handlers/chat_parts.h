/* chat_parts.h - what the files of ChatService share; nobody else includes it.
 *
 * chat.c            registration, life of the loop's state
 * chat_channels.c   channels: list, find, make, change
 * chat_whispers.c   channels of two characters
 * chat_members.c    who is in a channel
 * chat_send.c       saying something
 * chat_changes.c    changing and taking back what was said
 * chat_reactions.c  reactions
 * chat_history.c    pages
 * chat_search.c     search
 * chat_markers.c    read markers, muting
 * chat_account.c    what accounts are told of their channels
 * chat_retention.c  how long messages stay
 * chat_live.c       following a channel; the hub's source
 * chat_convert.c    messages with their reactions */
#ifndef WAYSTONE_HANDLERS_CHAT_PARTS_H
#define WAYSTONE_HANDLERS_CHAT_PARTS_H

#include "handlers/account_events.h"
#include "handlers/app.h"
#include "handlers/channel_access.h"
#include "handlers/messages.h"
#include "server/rpc.h"
#include "waystone/chat/v1/chat_service.h"

/* --- chat_convert.c --- */

/* Puts their reactions on messages as the caller sees them: without those of hidden accounts.
 * Suspends. */
enum status chat_add_reactions(struct rpc_call *call, const int64_t *hidden, size_t hidden_count,
                               Message **messages, size_t count) MUST_CHECK;

/* One message as the caller sees it, reactions and all. NOT_FOUND if there is none. Suspends. */
enum status chat_get_message(struct rpc_call *call, int64_t channel_id, int64_t sequence,
                             Message **ret) MUST_CHECK;

/* --- chat_channels.c --- */

/* Channels as an account sees them. Suspends. */
enum status chat_describe(struct db *db, struct arena *arena, int64_t account_id,
                          const int64_t *ids, size_t count, Channel ***ret_channels,
                          size_t *ret_count) MUST_CHECK;

/* One as the caller sees it. NOT_FOUND (said) if it was closed. */
enum status chat_describe_one(struct rpc_call *call, struct db *db, int64_t channel_id,
                              Channel **ret_channel) MUST_CHECK;

/* NOT_FOUND, as for every channel the caller may not know of. */
enum status chat_no_channel(struct rpc_call *call, int64_t channel_id);

enum status chat_list_channels(struct rpc_call *call, const ListChannelsRequest *req,
                               ListChannelsResponse *res);
enum status chat_get_channel(struct rpc_call *call, const GetChannelRequest *req,
                             GetChannelResponse *res);
enum status chat_find_channels(struct rpc_call *call, const FindChannelsRequest *req,
                               FindChannelsResponse *res);
enum status chat_create_channel(struct rpc_call *call, const CreateChannelRequest *req,
                                CreateChannelResponse *res);
enum status chat_update_channel(struct rpc_call *call, const UpdateChannelRequest *given,
                                UpdateChannelResponse *res);

/* --- chat_whispers.c --- */

/* Before something is changed that the other side sees: in a whisper, neither of the two may block
 * the other (FAILED_PRECONDITION). Suspends. */
enum status chat_check_whisper(struct rpc_call *call, const struct channel_access *access)
    MUST_CHECK;

/* Before something is said: the same, and whoever left the whisper is brought back to hear it.
 * Suspends. */
enum status chat_enter_whisper(struct rpc_call *call, const struct channel_access *access)
    MUST_CHECK;

enum status chat_open_whisper(struct rpc_call *call, const OpenWhisperRequest *req,
                              OpenWhisperResponse *res);

/* --- chat_members.c --- */

/* Within a transaction that holds the channel: makes an account a member with nothing unread, and
 * counts it. `*ret_new` tells whether it was none before. */
enum status chat_put_member(struct db *tx, int64_t channel_id, int64_t account_id,
                            int64_t character_id, ChannelRole role, bool *ret_new) MUST_CHECK;

/* Custom channels an account may be in, and own. */
#define CHAT_MAX_JOINED 200
#define CHAT_MAX_OWNED 20

enum status chat_join_channel(struct rpc_call *call, const JoinChannelRequest *req,
                              JoinChannelResponse *res);
enum status chat_leave_channel(struct rpc_call *call, const LeaveChannelRequest *req,
                               LeaveChannelResponse *res);
enum status chat_list_members(struct rpc_call *call, const ListMembersRequest *req,
                              ListMembersResponse *res);
enum status chat_add_member(struct rpc_call *call, const AddMemberRequest *req,
                            AddMemberResponse *res);
enum status chat_remove_member(struct rpc_call *call, const RemoveMemberRequest *req,
                               RemoveMemberResponse *res);
enum status chat_set_member_role(struct rpc_call *call, const SetMemberRoleRequest *req,
                                 SetMemberRoleResponse *res);

/* --- chat_changes.c --- */

/* Within the transaction of a change: takes the channel's next number, puts it into the event at
 * `sequence` and writes the event. NOT_FOUND if the channel was closed. Suspends. */
enum status chat_record(struct rpc_call *call, struct db *tx, int64_t channel_id, int64_t *sequence,
                        const StreamMessagesResponse *event) MUST_CHECK;

/* Holds a message of a channel within a transaction. NOT_FOUND (said) if there is none. */
struct messages_lock_row;
enum status chat_lock_message(struct rpc_call *call, struct db *tx, int64_t channel_id,
                              int64_t sequence, struct messages_lock_row **ret) MUST_CHECK;

enum status chat_edit_message(struct rpc_call *call, const EditMessageRequest *req,
                              EditMessageResponse *res);
enum status chat_delete_message(struct rpc_call *call, const DeleteMessageRequest *req,
                                DeleteMessageResponse *res);

/* --- chat_reactions.c --- */

enum status chat_set_reaction(struct rpc_call *call, const SetReactionRequest *req,
                              SetReactionResponse *res);

/* --- chat_send.c --- */

/* Says something; the message is in the database and told live when this returns. Suspends. */
enum status chat_say(struct rpc_call *call, const SendMessageRequest *req, Message **ret_message)
    MUST_CHECK;

enum status chat_send_message(struct rpc_call *call, const SendMessageRequest *req,
                              SendMessageResponse *res);

/* --- chat_history.c --- */

enum status chat_list_messages(struct rpc_call *call, const ListMessagesRequest *req,
                               ListMessagesResponse *res);

/* --- chat_search.c --- */

enum status chat_search_messages(struct rpc_call *call, const SearchMessagesRequest *req,
                                 SearchMessagesResponse *res);

/* --- chat_markers.c --- */

enum status chat_mark_read(struct rpc_call *call, const MarkReadRequest *req,
                           MarkReadResponse *res);
enum status chat_set_channel_muted(struct rpc_call *call, const SetChannelMutedRequest *req,
                                   SetChannelMutedResponse *res);

/* --- chat_account.c: what an account is told of its channels, on its own topic --- */

/* Within the transaction of the change; told live by account_events_publish() after it. They
 * suspend. Lock the channel before, and call them last and in the order of accounts. */
enum status chat_tell_joined(struct db *tx, struct arena *arena, struct account_events *written,
                             int64_t account_id, int64_t channel_id) MUST_CHECK;
enum status chat_tell_left(struct db *tx, struct arena *arena, struct account_events *written,
                           int64_t account_id, int64_t channel_id) MUST_CHECK;
enum status chat_tell_read(struct db *tx, struct arena *arena, struct account_events *written,
                           int64_t account_id, int64_t channel_id, int64_t sequence) MUST_CHECK;

/* Leaves to the outbox that an account was added to a channel by a character of the caller. */
enum status chat_notify_added(struct rpc_call *call, struct db *tx, int64_t account_id,
                              const struct channel_access *access) MUST_CHECK;

/* What is to be told to the accounts that a message mentions or answers. */
struct chat_notices {
    const struct channel_access *access;
    int64_t reply_to;         /* account; 0: none */
    const int64_t *mentioned; /* accounts */
    size_t mentioned_count;
};

/* Leaves out those who would not hear it: the speaker, who muted the channel or blocks the speaker.
 * Suspends. */
enum status chat_sift_notices(struct rpc_call *call, struct chat_notices *notices) MUST_CHECK;

/* Writes them for send_batch.h, which leaves them to the outbox in the message's statement. */
void chat_write_notices(struct arena *arena, const struct chat_notices *notices,
                        const char **ret_accounts, const char **ret_tellings);

/* --- chat_retention.c --- */

/* The job that archives or deletes what is older than its kind of channel keeps. */
void chat_retention_register(void);

/* --- chat_live.c --- */

/* Tells followers everywhere what is in the database already. */
void chat_publish(struct app *app, int64_t channel_id, int64_t sequence, int64_t account_id,
                  const StreamMessagesResponse *event);
/* The same for something said, which quotes an account (0: none). */
void chat_publish_message(struct app *app, struct arena *arena, int64_t origin, int64_t quoted,
                          Message *message);

enum status chat_stream_messages(struct rpc_call *call, const StreamMessagesRequest *req,
                                 struct stream_messages_stream *out);
enum status chat_converse(struct rpc_call *call, struct converse_stream *stream);

/* Adds the source of channels' events to app->hub. */
void chat_live_open(struct app *app);

#endif
