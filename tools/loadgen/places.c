#include "tools/loadgen/places.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>

enum whereabouts { IN, GOING_OUT, OUT, COMING_IN };

struct place {
    enum whereabouts is;
    bool follows;
    bool ended;            /* told so, and not followed again since */
    bool may_end;          /* was not wholly inside at some time since it began to follow */
    bool began_outside;    /* to follow, and has not asked to be in since */
    bool late;             /* the breach was told */
    uint64_t out_us;       /* when it was told to be out */
    uint64_t began_out_us; /* to be out and to follow: when both was so */
};

struct places {
    struct ledger *ledger;
    const int64_t *channels;
    size_t listeners, channel_count;
    struct place *places; /* [listener * channel_count + channel] */
    struct places_counts counts;
};

static struct place *at(const struct places *places, size_t listener, size_t channel)
{
    return &places->places[listener * places->channel_count + channel];
}

static void breach(const struct places *places, size_t listener, size_t channel, const char *what)
{
    ledger_breach(places->ledger, "player %zu, channel %" PRId64 ": %s", listener,
                  places->channels[channel], what);
}

struct places *places_new(struct ledger *ledger, size_t listeners, const int64_t *channels,
                          size_t channel_count)
{
    struct places *places = calloc(1, sizeof(*places));

    if (places == NULL)
        abort();
    *places = (struct places){ledger, channels, listeners, channel_count, NULL, {0}};
    places->places = calloc(listeners * channel_count, sizeof(*places->places));
    if (places->places == NULL)
        abort();
    return places;
}

void places_free(struct places *places)
{
    free(places->places);
    free(places);
}

/* --- the way out and in --- */

void places_ask_out(struct places *places, size_t listener, size_t channel)
{
    struct place *place = at(places, listener, channel);

    place->is = GOING_OUT;
    place->may_end = true;
    places->counts.moves++;
}

void places_out(struct places *places, size_t listener, size_t channel)
{
    struct place *place = at(places, listener, channel);

    place->is = OUT;
    place->late = false;
    place->out_us = place->began_out_us = clock_monotonic_us();
}

void places_ask_in(struct places *places, size_t listener, size_t channel)
{
    struct place *place = at(places, listener, channel);

    place->is = COMING_IN;
    place->began_outside = false;
}

void places_in(struct places *places, size_t listener, size_t channel)
{
    at(places, listener, channel)->is = IN;
}

bool places_is_in(const struct places *places, size_t listener, size_t channel)
{
    return at(places, listener, channel)->is == IN;
}

bool places_awaits_end(const struct places *places, size_t listener, size_t channel)
{
    const struct place *place = at(places, listener, channel);

    return place->is == OUT && !place->ended && !place->late;
}

bool places_must_follow_again(const struct places *places, size_t listener, size_t channel)
{
    const struct place *place = at(places, listener, channel);

    return place->is == IN && place->ended;
}

/* --- following --- */

void places_follow(struct places *places, size_t listener, size_t channel)
{
    struct place *place = at(places, listener, channel);

    place->follows = true;
    place->ended = false;
    place->may_end = place->is != IN;
    place->began_outside = place->is == OUT;
    place->began_out_us = clock_monotonic_us();
}

void places_hear(struct places *places, size_t listener, size_t channel)
{
    const struct place *place = at(places, listener, channel);

    if (place->ended)
        breach(places, listener, channel, "hears more after its end");
    else if (place->began_outside)
        breach(places, listener, channel, "hears it from outside");
}

void places_end(struct places *places, size_t listener, size_t channel)
{
    struct place *place = at(places, listener, channel);
    uint64_t delay_us = clock_monotonic_us() - place->out_us;

    if (!place->may_end)
        breach(places, listener, channel, "has ended for somebody who is in it");
    if (place->ended)
        breach(places, listener, channel, "has ended twice");
    place->ended = true;
    if (place->began_outside)
        return;
    places->counts.ends++;
    if (place->is == OUT && delay_us > places->counts.longest_us)
        places->counts.longest_us = delay_us;
}

void places_lose(struct places *places, size_t listener, size_t channel)
{
    at(places, listener, channel)->follows = false;
}

static void tend(struct places *places, size_t listener, size_t channel, uint64_t now_us)
{
    struct place *place = at(places, listener, channel);

    if (place->is != OUT || !place->follows || place->ended || place->late ||
        now_us < place->began_out_us + PLACES_END_MS * 1000ull)
        return;
    place->late = true;
    breach(places, listener, channel, "has not ended for somebody who is outside");
}

void places_tend(struct places *places)
{
    uint64_t now_us = clock_monotonic_us();

    for (size_t i = 0; i < places->listeners; i++)
        for (size_t j = 0; j < places->channel_count; j++)
            tend(places, i, j, now_us);
}

void places_take_counts(struct places *places, struct places_counts *ret)
{
    *ret = places->counts;
    places->counts = (struct places_counts){0};
}
