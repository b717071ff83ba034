#include "handlers/messages.h"

#include "handlers/convert.h"

#define EXCERPT_CHARACTERS 100

/* Bytes of the first characters of UTF-8 text. */
static size_t excerpt_length(const char *text)
{
    size_t length = 0, characters = 0;

    for (; text[length] != '\0'; length++)
        if (((unsigned char)text[length] & 0xC0) != 0x80 && ++characters > EXCERPT_CHARACTERS)
            break;
    return length;
}

Quote *chat_quote(struct arena *arena, int64_t sequence, const char *character_name,
                  const char *text)
{
    Quote *quote = Quote_new(arena);

    quote->sequence = sequence;
    if (character_name != NULL)
        quote->character_name = arena_strdup(arena, character_name);
    if (text != NULL)
        quote->excerpt = arena_strndup(arena, text, excerpt_length(text));
    return quote;
}

Message *chat_message(struct arena *arena, const struct message_fields *fields)
{
    Message *message = Message_new(arena);

    message->channel_id = fields->channel_id;
    message->sequence = fields->sequence;
    message->character_id = fields->character_id;
    message->character_name = fields->character_name;
    message->text = fields->text;
    message->sent_at = timestamp_from_us(arena, fields->sent_at_us);
    message->deleted = fields->deleted;
    if (fields->edited)
        message->edited_at = timestamp_from_us(arena, fields->edited_at_us);
    if (fields->reply_to > 0)
        message->reply_to =
            chat_quote(arena, fields->reply_to, fields->quote_name, fields->quote_text);
    message->n_mentioned_character_ids = fields->mentions.count;
    message->mentioned_character_ids = arena_memdup(
        arena, fields->mentions.items, fields->mentions.count * sizeof(*fields->mentions.items));
    return message;
}
