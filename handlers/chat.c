/* ChatService: channels and what is said in them.
 *
 * Everything that happens in a channel takes the channel's next number and is written under it,
 * so that it is durable before anybody hears of it. Then it is published (handlers/live.h). */
#include "handlers/chat.h"

#include "handlers/chat_parts.h"
#include "handlers/send_batch.h"

static const struct chat_service handlers = {
    .list_channels = chat_list_channels,
    .get_channel = chat_get_channel,
    .find_channels = chat_find_channels,
    .create_channel = chat_create_channel,
    .update_channel = chat_update_channel,
    .join_channel = chat_join_channel,
    .leave_channel = chat_leave_channel,
    .open_whisper = chat_open_whisper,
    .list_members = chat_list_members,
    .add_member = chat_add_member,
    .remove_member = chat_remove_member,
    .set_member_role = chat_set_member_role,
    .send_message = chat_send_message,
    .edit_message = chat_edit_message,
    .delete_message = chat_delete_message,
    .set_reaction = chat_set_reaction,
    .list_messages = chat_list_messages,
    .search_messages = chat_search_messages,
    .mark_read = chat_mark_read,
    .set_channel_muted = chat_set_channel_muted,
    .stream_messages = chat_stream_messages,
    .converse = chat_converse,
};

void chat_register(struct rpc_server *server)
{
    chat_service_register(server, &handlers);
    chat_retention_register();
}

void chat_open(struct app *app)
{
    send_batch_open(app);
    chat_live_open(app);
}

void chat_close(struct app *app)
{
    send_batch_close(app);
}
