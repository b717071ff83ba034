#include "tools/loadgen/attempts.h"

#include "tools/loadgen/grpc.h"

#include <stdlib.h>

#define BACK_OFF_MS 30
#define BACK_OFF_MAX_MS 1000

bool attempt_is_passing(const struct link_stream *stream)
{
    if (stream->error_code != 0)
        return true;
    switch (stream->grpc_status) {
    case -1:
    case CANCELLED:
    case DEADLINE:
    case EXHAUSTED:
    case ABORTED:
    case UNAVAILABLE:
        return true;
    default:
        return false;
    }
}

uint64_t attempt_back_off_ms(unsigned failures)
{
    uint64_t longest_ms = (uint64_t)BACK_OFF_MS << (failures < 8 ? failures : 8);

    if (longest_ms > BACK_OFF_MAX_MS)
        longest_ms = BACK_OFF_MAX_MS;
    return longest_ms / 2 + (uint64_t)random() % (longest_ms / 2 + 1);
}

void attempt_start(struct link_stream *stream, struct link *link, const char *path,
                   const struct player *player, const struct buffer *body)
{
    stream->request = (struct link_request){
        .method = "POST",
        .path = path,
        .content_type = GRPC_CONTENT_TYPE,
        .authorization = player->authorization,
        .timeout = ATTEMPT_TIMEOUT,
        .body = {buffer_data(body), body->length},
    };
    link_start(link, stream);
}
