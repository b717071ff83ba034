/* messages.h - rows of messages as messages of the API, as everybody sees them. Pure. */
#ifndef WAYSTONE_HANDLERS_MESSAGES_H
#define WAYSTONE_HANDLERS_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "waystone/chat/v1/chat.h"

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

#endif
