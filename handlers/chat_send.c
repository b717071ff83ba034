/* ChatService: saying something. */
#include <openssl/sha.h>
#include <string.h>

#include "db/queries/chat.h"
#include "handlers/chat_parts.h"
#include "handlers/convert.h"
#include "handlers/send_batch.h"
#include "handlers/speech.h"

/* On the sender's stack until it is said. */
struct saying {
    struct send_item item;
    struct rpc_call *call;
    const SendMessageRequest *req;
    struct channel_access access;
    Message *message;
    struct speech_verdict verdict;
    struct chat_notices notices;
    int64_t quoted;     /* the account that is answered; 0: none */
    bool quotes_hidden; /* the sender blocks it */
};

/* --- what a message carries beside its text --- */

static bool reads_channel(const struct channel_access *access, const struct mentionable_row *row)
{
    struct channel_place place = access->place;
    struct channel_facts facts = {row->account_id, (uint32_t)row->races, (uint32_t)row->factions};

    place.role = (ChannelRole)row->role;
    return channel_rule_reads(&place, &facts);
}

/* The author of what is answered hears of it, if it still reads the channel. */
static enum status find_replied(struct saying *saying, int64_t character_id)
{
    struct rpc_call *call = saying->call;
    struct mentionable_row *rows;
    size_t count;

    TRY(mentionable(call->app->db, call->arena, saying->req->channel_id, &character_id, 1, &rows,
                    &count));
    if (count > 0 && reads_channel(&saying->access, &rows[0]))
        saying->notices.reply_to = rows[0].account_id;
    return STATUS_OK;
}

static enum status quote_answered(struct saying *saying)
{
    struct rpc_call *call = saying->call;
    int64_t sequence = saying->req->reply_to_sequence;
    struct message_quote_row *row;
    enum status s;

    if (sequence == 0)
        return STATUS_OK;
    s = message_quote(call->app->db, call->arena, call->identity.account_id,
                      saying->req->channel_id, sequence, &row);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no message %lld in this channel", (long long)sequence);
    TRY(s);
    if (row->deleted)
        return rpc_fail(call, STATUS_NOT_FOUND, "the message was taken back");
    saying->message->reply_to = chat_quote(call->arena, sequence, row->character_name, row->text);
    saying->item.reply_to = sequence;
    saying->quoted = row->account_id;
    saying->quotes_hidden = row->hidden;
    if (row->account_id == call->identity.account_id)
        return STATUS_OK;
    return find_replied(saying, row->character_id);
}

static const struct mentionable_row *find_character(const struct mentionable_row *rows,
                                                    size_t count, int64_t character_id)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].character_id == character_id)
            return &rows[i];
    return NULL;
}

/* "{1,2}", for PostgreSQL. */
static const char *array_text(struct arena *arena, const int64_t *items, size_t count)
{
    struct buffer text = {0};
    const char *copy;

    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%c%lld", i == 0 ? '{' : ',', (long long)items[i]);
    copy = count == 0 ? "{}"
                      : arena_printf(arena, "%.*s}", (int)text.length, (char *)buffer_data(&text));
    buffer_free(&text);
    return copy;
}

static enum status name_mentioned(struct saying *saying)
{
    struct rpc_call *call = saying->call;
    const int64_t *ids = saying->req->mentioned_character_ids;
    size_t count = saying->req->n_mentioned_character_ids, row_count;
    int64_t *accounts = arena_alloc_array(call->arena, count, sizeof(*accounts));
    struct mentionable_row *rows;

    if (count == 0)
        return STATUS_OK;
    TRY(mentionable(call->app->db, call->arena, saying->req->channel_id, ids, count, &rows,
                    &row_count));
    for (size_t i = 0; i < count; i++) {
        const struct mentionable_row *row = find_character(rows, row_count, ids[i]);
        if (row == NULL || !reads_channel(&saying->access, row))
            return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                            "character %lld does not read this channel", (long long)ids[i]);
        accounts[i] = row->account_id;
    }
    saying->item.mentions = array_text(call->arena, ids, count);
    saying->item.mentioned_accounts = array_text(call->arena, accounts, count);
    saying->notices.mentioned = accounts;
    saying->notices.mentioned_count = count;
    saying->message->mentioned_character_ids = arena_memdup(call->arena, ids, count * sizeof(*ids));
    saying->message->n_mentioned_character_ids = count;
    return STATUS_OK;
}

/* --- saying it --- */

/* Tells a repetition from another message under the same key. */
static int64_t hash_request(const SendMessageRequest *req)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buffer encoded = {0};
    int64_t hash;

    message_encode(&req->base, &encoded);
    SHA256(buffer_data(&encoded), encoded.length, digest);
    buffer_free(&encoded);
    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

/* The first answer, for a repeated call. */
static enum status find_sent(struct saying *saying)
{
    struct rpc_call *call = saying->call;
    struct messages_find_by_key_row *row;

    TRY(messages_find_by_key(call->app->db, call->arena, call->identity.account_id,
                             saying->req->idempotency_key, &row));
    if (row->request_hash != 0 && row->request_hash != saying->item.request_hash)
        return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED",
                               "this idempotency key was used for another message");
    return chat_get_message(call, row->channel_id, row->sequence, &saying->message);
}

/* Nothing was said: the key was used, or the channel was closed since it was looked at. */
static enum status explain(struct saying *saying)
{
    enum status s = STATUS_NOT_FOUND;

    if (saying->item.key[0] != '\0')
        s = find_sent(saying);
    if (s == STATUS_NOT_FOUND)
        return chat_no_channel(saying->call, saying->req->channel_id);
    return s;
}

static void complete(struct saying *saying)
{
    saying->message->sequence = saying->item.sequence;
    saying->message->sent_at = timestamp_from_us(saying->call->arena, saying->item.sent_at_us);
}

static void on_said(struct app *app, struct send_item *item)
{
    struct saying *saying = (struct saying *)((char *)item - offsetof(struct saying, item));

    complete(saying);
    chat_publish_message(app, saying->call->arena, item->account_id, saying->quoted,
                         saying->message);
}

static void prepare(struct saying *saying, struct rpc_call *call, const SendMessageRequest *req)
{
    const struct channel_access *access = &saying->access;

    saying->call = call;
    saying->req = req;
    saying->notices.access = access;
    saying->message = Message_new(call->arena);
    saying->message->channel_id = req->channel_id;
    saying->message->character_id = req->character_id;
    saying->message->character_name = (char *)access->speaker.name;
    saying->message->text = req->text;
    saying->item = (struct send_item){
        .channel_id = req->channel_id,
        .account_id = call->identity.account_id,
        .character_id = req->character_id,
        .character_name = access->speaker.name,
        .text = req->text,
        .key = req->idempotency_key,
        .request_hash = req->idempotency_key[0] ? hash_request(req) : 0,
        .mentions = "{}",
        .mentioned_accounts = "{}",
        .told_accounts = "{}",
        .tellings = "{}",
        .on_said = on_said,
    };
}

static bool notifies(const struct chat_notices *notices)
{
    return notices->reply_to > 0 || notices->mentioned_count > 0;
}

static enum status say(struct saying *saying)
{
    if (notifies(&saying->notices))
        TRY(chat_sift_notices(saying->call, &saying->notices));
    if (notifies(&saying->notices))
        chat_write_notices(saying->call->arena, &saying->notices, &saying->item.told_accounts,
                           &saying->item.tellings);
    return send_batch_say(saying->call->app, &saying->item);
}

/* Sanctions, filters and pace. */
static enum status check_speech(struct saying *saying)
{
    const struct channel_access *access = &saying->access;

    TRY(speech_check(saying->call,
                     &(struct speech){access->channel_id, access->place.kind, access->place.role,
                                      access->slow_mode_s, false, saying->req->text},
                     &saying->verdict));
    saying->item.text = saying->verdict.text;
    saying->message->text = (char *)saying->verdict.text;
    return STATUS_OK;
}

static void report_if_asked(struct saying *saying)
{
    speech_said(saying->call, &saying->verdict,
                &(struct said){saying->item.channel_id, saying->item.sequence,
                               saying->item.character_id, saying->item.character_name,
                               saying->item.sent_at_us});
}

static enum status say_checked(struct saying *saying)
{
    TRY(check_speech(saying));
    TRY(quote_answered(saying));
    TRY(name_mentioned(saying));
    TRY(chat_enter_whisper(saying->call, &saying->access));
    TRY(say(saying));
    if (saying->item.sequence == 0)
        return explain(saying);
    if (saying->quotes_hidden) /* told with it, answered as the sender reads it */
        saying->message->reply_to =
            chat_quote(saying->call->arena, saying->item.reply_to, NULL, NULL);
    report_if_asked(saying);
    return STATUS_OK;
}

static bool is_refusal(enum status s)
{
    return s == STATUS_NOT_FOUND || s == STATUS_FAILED_PRECONDITION ||
           s == STATUS_RESOURCE_EXHAUSTED;
}

/* A repeated call gets its first answer whatever would refuse it now: a mute, the pace, a block, or
 * that what it answers was taken back. */
static enum status say_or_repeat(struct saying *saying)
{
    enum status s = say_checked(saying), found;

    if (!is_refusal(s) || saying->item.key[0] == '\0')
        return s;
    found = find_sent(saying);
    return found == STATUS_NOT_FOUND ? s : found;
}

enum status chat_say(struct rpc_call *call, const SendMessageRequest *req, Message **ret_message)
{
    struct saying saying = {0};

    TRY(channel_access_speak(call, call->arena, req->channel_id, req->character_id,
                             &saying.access));
    prepare(&saying, call, req);
    TRY(say_or_repeat(&saying));
    *ret_message = saying.message;
    return STATUS_OK;
}

enum status chat_send_message(struct rpc_call *call, const SendMessageRequest *req,
                              SendMessageResponse *res)
{
    return chat_say(call, req, &res->message);
}
