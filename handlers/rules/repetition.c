#include "handlers/rules/repetition.h"

bool repetition_step(struct repetition *speaker, int64_t now_ms, uint64_t fingerprint,
                     uint32_t most)
{
    int slot = 0;

    if (fingerprint == 0)
        return true;
    for (int i = 0; i < REPETITION_TEXTS; i++) {
        if (speaker->said[i].fingerprint == fingerprint) {
            slot = i;
            break;
        }
        if (speaker->said[i].since_ms < speaker->said[slot].since_ms)
            slot = i; /* the oldest gives way */
    }
    if (speaker->said[slot].fingerprint != fingerprint ||
        now_ms - speaker->said[slot].since_ms >= REPETITION_WINDOW_MS) {
        speaker->said[slot].fingerprint = fingerprint;
        speaker->said[slot].since_ms = now_ms;
        speaker->said[slot].count = 0;
    }
    if (speaker->said[slot].count >= most)
        return false;
    speaker->said[slot].count++;
    return true;
}

void repetition_raise(struct repetition *speaker, int64_t now_ms, uint64_t fingerprint,
                      uint32_t count)
{
    for (int i = 0; i < REPETITION_TEXTS; i++)
        if (speaker->said[i].fingerprint == fingerprint &&
            now_ms - speaker->said[i].since_ms < REPETITION_WINDOW_MS &&
            speaker->said[i].count < count)
            speaker->said[i].count = count;
}
