#include "server/http/h2_watch.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#define OPENED_BITS 64

void h2_watch_start(struct h2_watch *watch)
{
    *watch = (struct h2_watch){.skip = NGHTTP2_CLIENT_MAGIC_LEN};
}

void h2_watch_free(struct h2_watch *watch)
{
    free(watch->resets);
    watch->resets = NULL;
}

static uint32_t number(const uint8_t *bytes, size_t count)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

bool h2_watch_next(struct h2_watch *watch, const uint8_t *data, size_t length, size_t *position,
                   size_t *ret_start, struct h2_frame_head *ret)
{
    size_t at = *position, take;

    take = length - at < watch->skip ? length - at : watch->skip;
    watch->skip -= (uint32_t)take;
    at += take;
    take = H2_FRAME_HEAD_BYTES - watch->head_length;
    *ret_start = watch->head_length > 0 ? 0 : at;
    if (take > length - at)
        take = length - at;
    if (take > 0)
        memcpy(watch->head + watch->head_length, data + at, take);
    watch->head_length += (uint8_t)take;
    *position = at + take;
    if (watch->skip > 0 || watch->head_length < H2_FRAME_HEAD_BYTES)
        return false;
    watch->head_length = 0;
    ret->length = number(watch->head, 3);
    ret->type = watch->head[3];
    ret->flags = watch->head[4];
    ret->stream_id = (int32_t)(number(watch->head + 5, 4) & 0x7fffffff);
    watch->skip = ret->length;
    return true;
}

bool h2_watch_needs_stream(const struct h2_watch *watch, const struct h2_frame_head *head)
{
    return (head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_DATA) &&
           head->stream_id % 2 == 1 && head->stream_id <= watch->highest;
}

void h2_watch_opened(struct h2_watch *watch, int32_t stream_id)
{
    uint32_t step;

    if (stream_id % 2 == 0 || stream_id <= watch->highest)
        return;
    step = watch->highest == 0 ? OPENED_BITS : (uint32_t)(stream_id - watch->highest) / 2;
    watch->opened = (step < OPENED_BITS ? watch->opened << step : 0) | 1;
    watch->highest = stream_id;
}

void h2_watch_reset(struct h2_watch *watch, int32_t stream_id)
{
    if (watch->resets == NULL) {
        watch->resets = calloc(LIMIT_STREAMS_PER_CONNECTION, sizeof(*watch->resets));
        if (watch->resets == NULL)
            abort();
    }
    watch->resets[watch->reset_count++ % LIMIT_STREAMS_PER_CONNECTION] = stream_id;
}

static bool was_reset(const struct h2_watch *watch, int32_t stream_id)
{
    for (size_t i = 0; watch->resets != NULL && i < LIMIT_STREAMS_PER_CONNECTION; i++)
        if (watch->resets[i] == stream_id)
            return true;
    return false;
}

uint32_t h2_watch_verdict(const struct h2_watch *watch, int32_t stream_id)
{
    uint32_t back = (uint32_t)(watch->highest - stream_id) / 2;

    if (was_reset(watch, stream_id))
        return NGHTTP2_NO_ERROR;
    if (back < OPENED_BITS && (watch->opened >> back & 1) == 0)
        return NGHTTP2_PROTOCOL_ERROR;
    return NGHTTP2_STREAM_CLOSED;
}
