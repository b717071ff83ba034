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
    .send_message = chat_send_message,
    .list_messages = chat_list_messages,
    .stream_messages = chat_stream_messages,
    .converse = chat_converse,
};

void chat_register(struct rpc_server *server)
{
    chat_service_register(server, &handlers);
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
