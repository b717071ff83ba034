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
    struct speech_verdict verdict;
    Message *message;
};

/* --- what a message carries beside its text --- */

static enum status quote_answered(struct saying *saying)
{
    struct rpc_call *call = saying->call;
    int64_t sequence = saying->req->reply_to_sequence;
    struct message_quote_row *row;
    enum status s;

    if (sequence == 0)
        return STATUS_OK;
    s = message_quote(call->app->db, call->arena, saying->req->channel_id, sequence, &row);
    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "there is no message %lld in this channel", (long long)sequence);
    TRY(s);
    saying->message->reply_to = chat_quote(call->arena, sequence, row->character_name, row->text);
    saying->item.reply_to = sequence;
    return STATUS_OK;
}

static const struct mentionable_row *find_character(const struct mentionable_row *rows,
                                                    size_t count, int64_t character_id)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].character_id == character_id)
            return &rows[i];
    return NULL;
}

static bool reads_channel(const struct channel_access *access, const struct mentionable_row *row)
{
    struct channel_place place = access->place;
    struct channel_facts facts = {row->account_id, (uint32_t)row->races, (uint32_t)row->factions};

    place.role = (ChannelRole)row->role;
    return channel_rule_reads(&place, &facts);
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
        return rpc_fail(call, STATUS_FAILED_PRECONDITION,
                        "this idempotency key was used for another message");
    return chat_get_message(call, row->channel_id, row->sequence, &saying->message);
}

/* Whether it may be said, and how. A repetition that comes too soon gets the first answer:
 * `*ret_repeated`. */
static enum status check_speech(struct saying *saying, bool *ret_repeated)
{
    const struct channel_access *access = &saying->access;
    struct speech speech = {
        .channel_id = access->channel_id,
        .channel_kind = (int)access->place.kind,
        .channel_role = (int)access->place.role,
        .slow_mode_s = access->slow_mode_s,
        .text = saying->req->text,
    };
    enum status s = speech_check(saying->call, &speech, &saying->verdict);

    *ret_repeated = false;
    if (s == STATUS_RESOURCE_EXHAUSTED && saying->item.key[0] != '\0') {
        enum status found = find_sent(saying);
        *ret_repeated = found == STATUS_OK;
        return found == STATUS_NOT_FOUND ? s : found;
    }
    TRY(s);
    saying->message->text = (char *)saying->verdict.text;
    saying->item.text = saying->verdict.text;
    return STATUS_OK;
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
    chat_publish_message(app, saying->call->arena, item->account_id, saying->message);
}

static void prepare(struct saying *saying, struct rpc_call *call, const SendMessageRequest *req)
{
    const struct channel_access *access = &saying->access;

    saying->call = call;
    saying->req = req;
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
        .on_said = on_said,
    };
}

static enum status say_now(struct saying *saying)
{
    struct rpc_call *call = saying->call;
    struct said said;

    TRY(chat_wake_whisper(call, &saying->access));
    TRY(send_batch_say(call->app, &saying->item));
    if (saying->item.sequence == 0)
        return explain(saying);
    said = (struct said){saying->item.channel_id, saying->item.sequence, saying->item.character_id,
                         saying->item.character_name, saying->item.sent_at_us};
    speech_said(call, &saying->verdict, &said);
    return STATUS_OK;
}

enum status chat_say(struct rpc_call *call, const SendMessageRequest *req, Message **ret_message)
{
    struct saying saying;
    bool repeated;

    TRY(channel_access_speak(call, call->arena, req->channel_id, req->character_id,
                             &saying.access));
    prepare(&saying, call, req);
    TRY(quote_answered(&saying));
    TRY(name_mentioned(&saying));
    TRY(check_speech(&saying, &repeated));
    if (!repeated)
        TRY(say_now(&saying));
    *ret_message = saying.message;
    return STATUS_OK;
}

enum status chat_send_message(struct rpc_call *call, const SendMessageRequest *req,
                              SendMessageResponse *res)
{
    return chat_say(call, req, &res->message);
}
