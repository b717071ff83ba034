#include "tools/loadgen/ledger.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BREACHES_SHOWN 30

/* What has a number. */
struct entry {
    uint64_t content; /* hash; 0: nobody has heard it */
    int64_t message;  /* index in `said`; -1: none, an edit or the like */
    bool in_history;
};

struct ledger_channel {
    int64_t id, base, highest;
    struct entry *entries; /* [sequence - base - 1] */
    size_t capacity;
};

struct said {
    size_t channel;
    int64_t character_id;
    int64_t acknowledged; /* its place; 0: not told, -1: refused */
    int64_t heard;        /* its place as listeners were told; 0: nobody heard it */
    struct {
        bool asked;
        unsigned confirmed, heard;
    } changes[LEDGER_CHANGES];
    uint64_t said_us;
};

struct ledger {
    uint64_t run_id;
    struct ledger_channel *channels;
    size_t channel_count;
    struct said *said;
    size_t said_count, said_capacity;
    uint64_t first_number; /* of `said` */
    struct ledger_counts counts;
};

void ledger_breach(struct ledger *ledger, const char *format, ...)
{
    va_list arguments;

    if (ledger->counts.breaches++ >= BREACHES_SHOWN)
        return;
    va_start(arguments, format);
    fputs("breach: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

/* --- life --- */

struct ledger *ledger_new(const int64_t *channels, size_t channel_count)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (ledger == NULL ||
        (ledger->channels = calloc(channel_count, sizeof(*ledger->channels))) == NULL)
        abort();
    ledger->channel_count = channel_count;
    for (size_t i = 0; i < channel_count; i++)
        ledger->channels[i].id = channels[i];
    ledger->run_id = (uint64_t)clock_wall_us() * 1000 + (uint64_t)getpid() % 1000;
    return ledger;
}

void ledger_free(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->channel_count; i++)
        free(ledger->channels[i].entries);
    free(ledger->channels);
    free(ledger->said);
    free(ledger);
}

void ledger_set_base(struct ledger *ledger, size_t channel, int64_t sequence)
{
    ledger->channels[channel].base = sequence;
    ledger->channels[channel].highest = sequence;
}

int64_t ledger_base(const struct ledger *ledger, size_t channel)
{
    return ledger->channels[channel].base;
}

void ledger_counts(const struct ledger *ledger, struct ledger_counts *ret)
{
    *ret = ledger->counts;
    ret->said = ledger->said_count;
}

/* --- saying --- */

uint64_t ledger_say(struct ledger *ledger, size_t channel, int64_t character_id)
{
    if (ledger->said_count == ledger->said_capacity) {
        ledger->said_capacity = ledger->said_capacity == 0 ? 1024 : 2 * ledger->said_capacity;
        ledger->said = realloc(ledger->said, ledger->said_capacity * sizeof(*ledger->said));
        if (ledger->said == NULL)
            abort();
    }
    ledger->said[ledger->said_count] = (struct said){
        .channel = channel, .character_id = character_id, .said_us = clock_monotonic_us()};
    return ledger->first_number + ledger->said_count++;
}

void ledger_write_text(const struct ledger *ledger, uint64_t number, char *out, size_t size)
{
    snprintf(out, size, "delivery %" PRIx64 " %" PRIu64, ledger->run_id, number);
}

static struct said *said_with(struct ledger *ledger, uint64_t number)
{
    return &ledger->said[number - ledger->first_number];
}

void ledger_acknowledge(struct ledger *ledger, uint64_t number, int64_t sequence)
{
    said_with(ledger, number)->acknowledged = sequence;
}

void ledger_refuse(struct ledger *ledger, uint64_t number)
{
    said_with(ledger, number)->acknowledged = -1;
}

void ledger_write_edited_text(const struct ledger *ledger, uint64_t number, char *out, size_t size)
{
    snprintf(out, size, "delivery %" PRIx64 " %" PRIu64 " edited", ledger->run_id, number);
}

void ledger_ask(struct ledger *ledger, uint64_t number, enum ledger_change change)
{
    said_with(ledger, number)->changes[change].asked = true;
}

void ledger_confirm(struct ledger *ledger, uint64_t number, enum ledger_change change)
{
    said_with(ledger, number)->changes[change].confirmed++;
}

/* --- hearing --- */

static struct entry *entry_at(struct ledger_channel *channel, int64_t sequence)
{
    size_t index = (size_t)(sequence - channel->base - 1);

    if (index >= channel->capacity) {
        size_t capacity = channel->capacity == 0 ? 1024 : channel->capacity;
        while (index >= capacity)
            capacity *= 2;
        channel->entries = realloc(channel->entries, capacity * sizeof(*channel->entries));
        if (channel->entries == NULL)
            abort();
        memset(channel->entries + channel->capacity, 0,
               (capacity - channel->capacity) * sizeof(*channel->entries));
        channel->capacity = capacity;
    }
    if (sequence > channel->highest)
        channel->highest = sequence;
    return &channel->entries[index];
}

/* FNV-1a. */
static uint64_t hash(uint64_t state, const void *data, size_t length)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < length; i++)
        state = (state ^ bytes[i]) * 1099511628211u;
    return state;
}

/* Without its text, which check_text() looks at: who comes late hears it as it is then. */
static uint64_t content_of_message(const Message *message)
{
    return hash(14695981039346656037u, &message->character_id, sizeof(message->character_id)) | 1;
}

static uint64_t content_of(const SubscribeResponse *event)
{
    struct buffer encoded = {0};
    uint64_t state;

    if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_MESSAGE)
        return content_of_message(event->message);
    message_encode(&event->base, &encoded);
    state = hash(14695981039346656037u, buffer_data(&encoded), encoded.length);
    buffer_free(&encoded);
    return state | 1;
}

/* Messages are taken back after their place was told. */
static struct said *find_deleted(struct ledger *ledger, size_t channel, const Message *message)
{
    for (size_t i = ledger->said_count; i-- > 0;)
        if (ledger->said[i].channel == channel && ledger->said[i].acknowledged == message->sequence)
            return &ledger->said[i];
    ledger_breach(ledger, "channel %" PRId64 ", %" PRId64 ": nobody said what was taken back",
                  ledger->channels[channel].id, message->sequence);
    return NULL;
}

/* Whether the message has one of the texts that it had or has; `now`: the one that it has. */
static bool has_its_text(const struct ledger *ledger, const struct said *said,
                         const Message *message, bool now)
{
    uint64_t number = ledger->first_number + (uint64_t)(said - ledger->said);
    bool edited = said->changes[LEDGER_EDIT].asked, gone = said->changes[LEDGER_DELETION].asked;
    char original[200], other[200];

    if (message->deleted || (now && gone))
        return gone && message->deleted && message->text[0] == '\0';
    ledger_write_text(ledger, number, original, sizeof(original));
    ledger_write_edited_text(ledger, number, other, sizeof(other));
    return (edited && strcmp(message->text, other) == 0) ||
           (!(now && edited) && strcmp(message->text, original) == 0);
}

static void check_text(struct ledger *ledger, size_t channel, const struct said *said,
                       const Message *message, bool now)
{
    if (!has_its_text(ledger, said, message, now))
        ledger_breach(ledger, "channel %" PRId64 ", %" PRId64 ": came as '%s'%s%s",
                      ledger->channels[channel].id, message->sequence, message->text,
                      message->deleted ? ", taken back" : "", now ? ", in the history" : "");
}

/* Which of the messages said since the last check this is; NULL and a breach if it is none. */
static struct said *find_said(struct ledger *ledger, size_t channel, const Message *message)
{
    uint64_t run_id, number;
    struct said *said;

    if (message->deleted)
        return find_deleted(ledger, channel, message);
    if (sscanf(message->text, "delivery %" SCNx64 " %" SCNu64, &run_id, &number) != 2 ||
        run_id != ledger->run_id || number >= ledger->first_number + ledger->said_count) {
        ledger_breach(ledger, "channel %" PRId64 ", %" PRId64 ": nobody said '%s'",
                      ledger->channels[channel].id, message->sequence, message->text);
        return NULL;
    }
    if (number < ledger->first_number) {
        ledger_breach(ledger,
                      "channel %" PRId64 ", %" PRId64 ": message %" PRIu64
                      " of an earlier round came once more",
                      ledger->channels[channel].id, message->sequence, number);
        return NULL;
    }
    said = said_with(ledger, number);
    if (said->channel != channel || said->character_id != message->character_id)
        ledger_breach(ledger,
                      "channel %" PRId64 ", %" PRId64 ": message %" PRIu64
                      " came in another channel or from somebody else",
                      ledger->channels[channel].id, message->sequence, number);
    return said;
}

static void take_place(struct ledger *ledger, size_t channel, struct entry *entry,
                       const Message *message)
{
    struct said *said = find_said(ledger, channel, message);

    if (said == NULL)
        return;
    entry->message = said - ledger->said;
    if (said->heard != 0)
        ledger_breach(ledger,
                      "channel %" PRId64 ": message %" PRIu64 " has two places, %" PRId64
                      " and %" PRId64,
                      ledger->channels[channel].id, ledger->first_number + (uint64_t)entry->message,
                      said->heard, message->sequence);
    said->heard = message->sequence;
}

static void take_change(struct ledger *ledger, size_t channel, int64_t message_sequence,
                        enum ledger_change change)
{
    struct ledger_channel *in = &ledger->channels[channel];
    const struct entry *entry;

    if (message_sequence <= in->base || message_sequence > in->highest)
        return;
    entry = entry_at(in, message_sequence);
    if (entry->message >= 0)
        ledger->said[entry->message].changes[change].heard++;
}

/* The first to hear of a number. */
static void take_event(struct ledger *ledger, size_t channel, struct entry *entry,
                       const SubscribeResponse *event)
{
    entry->message = -1;
    switch (event->event_case) {
    case SUBSCRIBE_RESPONSE_EVENT_MESSAGE:
        take_place(ledger, channel, entry, event->message);
        break;
    case SUBSCRIBE_RESPONSE_EVENT_REACTION:
        take_change(ledger, channel, event->reaction->message_sequence, LEDGER_REACTION);
        break;
    case SUBSCRIBE_RESPONSE_EVENT_EDITED:
        take_change(ledger, channel, event->edited->message_sequence, LEDGER_EDIT);
        break;
    case SUBSCRIBE_RESPONSE_EVENT_DELETED:
        take_change(ledger, channel, event->deleted->message_sequence, LEDGER_DELETION);
        break;
    default:
        break;
    }
}

static void note_delay(struct ledger *ledger, const struct entry *entry)
{
    uint64_t delay_us;

    if (entry->message < 0)
        return;
    delay_us = clock_monotonic_us() - ledger->said[entry->message].said_us;
    if (delay_us > ledger->counts.longest_us)
        ledger->counts.longest_us = delay_us;
}

int64_t ledger_hear(struct ledger *ledger, size_t listener, size_t channel, int64_t after,
                    int64_t sequence, const SubscribeResponse *event)
{
    struct ledger_channel *in = &ledger->channels[channel];
    uint64_t content = content_of(event);
    struct entry *entry;

    ledger->counts.heard++;
    if (sequence != after + 1)
        ledger_breach(ledger, "player %zu, channel %" PRId64 ": %" PRId64 " after %" PRId64 ": %s",
                      listener, in->id, sequence, after,
                      sequence <= after ? "doubled or out of order" : "a gap");
    if (sequence <= in->base)
        return after > sequence ? after : sequence;
    entry = entry_at(in, sequence);
    if (entry->content == 0) {
        entry->content = content;
        take_event(ledger, channel, entry, event);
    } else if (entry->content != content) {
        ledger_breach(ledger,
                      "player %zu, channel %" PRId64 ", %" PRId64
                      ": others were told something else under this number",
                      listener, in->id, sequence);
    }
    if (event->event_case == SUBSCRIBE_RESPONSE_EVENT_MESSAGE && entry->message >= 0)
        check_text(ledger, channel, &ledger->said[entry->message], event->message, false);
    note_delay(ledger, entry);
    return after > sequence ? after : sequence;
}

void ledger_read(struct ledger *ledger, size_t channel, const Message *message)
{
    struct ledger_channel *in = &ledger->channels[channel];
    struct entry *entry;

    if (message->sequence <= in->base)
        return;
    entry = entry_at(in, message->sequence);
    if (entry->content != content_of_message(message))
        ledger_breach(ledger, "channel %" PRId64 ", %" PRId64 ": the history says '%s', %s", in->id,
                      message->sequence, message->text,
                      entry->content == 0 ? "which nobody heard"
                                          : "listeners heard something else");
    else if (entry->message >= 0)
        check_text(ledger, channel, &ledger->said[entry->message], message, true);
    entry->in_history = true;
}

/* --- at the end --- */

static void settle_message(struct ledger *ledger, uint64_t number)
{
    const struct said *said = said_with(ledger, number);
    int64_t id = ledger->channels[said->channel].id;

    if (said->acknowledged == -1 && said->heard != 0)
        ledger_breach(ledger,
                      "channel %" PRId64 ": message %" PRIu64 " was refused and came as %" PRId64,
                      id, number, said->heard);
    if (said->acknowledged > 0 && said->heard == 0)
        ledger_breach(ledger,
                      "channel %" PRId64 ": message %" PRIu64 " was acknowledged as %" PRId64
                      " and nobody heard it",
                      id, number, said->acknowledged);
    if (said->acknowledged > 0 && said->heard != 0 && said->heard != said->acknowledged)
        ledger_breach(ledger,
                      "channel %" PRId64 ": message %" PRIu64 " was acknowledged as %" PRId64
                      " and came as %" PRId64,
                      id, number, said->acknowledged, said->heard);
    for (size_t i = 0; i < LEDGER_CHANGES; i++)
        if (said->changes[i].confirmed != said->changes[i].heard)
            ledger_breach(ledger,
                          "channel %" PRId64 ": message %" PRIu64
                          ": %u changes of the kind %zu were acknowledged and %u heard",
                          id, number, said->changes[i].confirmed, i, said->changes[i].heard);
}

static void settle_channel(struct ledger *ledger, struct ledger_channel *channel)
{
    for (int64_t sequence = channel->base + 1; sequence <= channel->highest; sequence++) {
        const struct entry *entry = entry_at(channel, sequence);
        if (entry->content == 0)
            ledger_breach(ledger, "channel %" PRId64 ", %" PRId64 ": nobody heard it", channel->id,
                          sequence);
        else if (entry->message >= 0 && !entry->in_history)
            ledger_breach(ledger, "channel %" PRId64 ", %" PRId64 ": the history does not have it",
                          channel->id, sequence);
    }
    if (channel->capacity > 0)
        memset(channel->entries, 0, channel->capacity * sizeof(*channel->entries));
    channel->base = channel->highest;
}

void ledger_settle(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->said_count; i++)
        settle_message(ledger, ledger->first_number + i);
    for (size_t i = 0; i < ledger->channel_count; i++)
        settle_channel(ledger, &ledger->channels[i]);
    ledger->first_number += ledger->said_count;
    ledger->said_count = 0;
    ledger->counts.heard = 0;
    ledger->counts.longest_us = 0;
}
