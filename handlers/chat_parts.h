/* chat_parts.h - what the files of ChatService share; nobody else includes it.
 *
 * chat.c            registration, life of the loop's state
 * chat_channels.c   channels: list, find, make, change, whispers
 * chat_members.c    who is in a channel
 * chat_send.c       saying something
 * chat_changes.c    changing and taking back what was said, reactions
 * chat_history.c    pages and search
 * chat_markers.c    read markers, muting
 * chat_live.c       following a channel; the hub's source
 * chat_convert.c    rows to messages of the API */
#ifndef WAYSTONE_HANDLERS_CHAT_PARTS_H
#define WAYSTONE_HANDLERS_CHAT_PARTS_H

#include "handlers/app.h"
#include "handlers/channel_access.h"
#include "server/rpc.h"
#include "waystone/chat/v1/chat_service.h"

/* --- chat_convert.c --- */

/* A row of messages as queries give it. */
struct message_fields {
    int64_t channel_id, sequence, character_id;
    char *character_name, *text;
    int64_t sent_at_us;
    struct db_int8_array mentions;
    bool edited;
    int64_t edited_at_us;
    bool deleted;
    int64_t reply_to;
    const char *quote_name, *quote_text; /* NULL: not there any more, or hidden */
};

/* From any query's row that has these columns. */
#define MESSAGE_FIELDS(row)                                                                        \
    (&(struct message_fields){(row)->channel_id, (row)->sequence, (row)->character_id,             \
                              (row)->character_name, (row)->text, (row)->sent_at, (row)->mentions, \
                              !(row)->edited_at_is_null, (row)->edited_at, (row)->deleted,         \
                              (row)->reply_to, (row)->quote_name, (row)->quote_text})

Message *chat_message(struct arena *arena, const struct message_fields *fields);

/* What a reply shows of the message it answers. */
Quote *chat_quote(struct arena *arena, int64_t sequence, const char *character_name,
                  const char *text);

/* Puts their reactions on messages, as `account_id` sees them (0: nobody). Suspends. */
enum status chat_add_reactions(struct db *db, struct arena *arena, int64_t account_id,
                               Message **messages, size_t count) MUST_CHECK;

/* One message as the caller sees it, reactions and all. NOT_FOUND if there is none. Suspends. */
enum status chat_get_message(struct rpc_call *call, int64_t channel_id, int64_t sequence,
                             Message **ret) MUST_CHECK;

/* --- chat_channels.c --- */

/* Channels as the caller sees them. Suspends. */
enum status chat_describe(struct rpc_call *call, struct db *db, const int64_t *ids, size_t count,
                          Channel ***ret_channels, size_t *ret_count) MUST_CHECK;

enum status chat_list_channels(struct rpc_call *call, const ListChannelsRequest *req,
                               ListChannelsResponse *res);
enum status chat_get_channel(struct rpc_call *call, const GetChannelRequest *req,
                             GetChannelResponse *res);

/* --- chat_send.c --- */

/* Says something; the message is in the database and told live when this returns. Suspends. */
enum status chat_say(struct rpc_call *call, const SendMessageRequest *req, Message **ret_message)
    MUST_CHECK;

enum status chat_send_message(struct rpc_call *call, const SendMessageRequest *req,
                              SendMessageResponse *res);

/* --- chat_history.c --- */

enum status chat_list_messages(struct rpc_call *call, const ListMessagesRequest *req,
                               ListMessagesResponse *res);

/* --- chat_live.c --- */

/* Tells followers everywhere what is in the database already. */
void chat_publish(struct app *app, int64_t channel_id, int64_t sequence, int64_t origin,
                  const StreamMessagesResponse *event);
/* The same for something said. */
void chat_publish_message(struct app *app, struct arena *arena, int64_t origin, Message *message);

enum status chat_stream_messages(struct rpc_call *call, const StreamMessagesRequest *req,
                                 struct stream_messages_stream *out);
enum status chat_converse(struct rpc_call *call, struct converse_stream *stream);

/* Adds the source of channels' events to app->hub. */
void chat_live_open(struct app *app);

#endif
