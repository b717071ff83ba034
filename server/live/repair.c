/* Repair: events whose live copies were lost are read from the source. */
#include "server/live/internal.h"

/* Appends what the source has after the head. */
static enum status repair_topic(struct topic *topic)
{
    const struct hub_source *source = source_of(topic->hub, topic->key.kind);
    size_t count = HUB_PAGE_EVENTS;

    while (count == HUB_PAGE_EVENTS) {
        CLEANUP(arena_freep) struct arena *arena = arena_new();
        struct hub_event *events;
        TRY(source->read(source->user, arena, topic->key.id, topic->head, HUB_PAGE_EVENTS, &events,
                         &count));
        for (size_t i = 0; i < count; i++) {
            if (events[i].sequence > topic->head) /* a copy may have come meanwhile */
                topic_append(topic, &events[i]);
            else
                shared_bytes_unref(events[i].message);
        }
    }
    return STATUS_OK;
}

static void repair_main(void *argument)
{
    struct topic *topic = argument;
    enum status status;

    /* A failure is tried again by the next check of heads. */
    do {
        topic->repair_again = false;
        status = repair_topic(topic);
    } while (status == STATUS_OK && topic->repair_again);
    topic->repairing = false;
    topic->holds--;
    topic_release(topic);
}

void repair_start(struct topic *topic)
{
    /* What is being read may be older than what asks for this. */
    topic->repair_again = true;
    if (topic->repairing || topic->head < 0)
        return;
    topic->repairing = true;
    topic->holds++;
    coro_start(topic->hub->loop, repair_main, topic);
}
