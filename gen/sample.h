/* sample.h - the smallest request that keeps its rules, for examples in documents. */
#ifndef WAYSTONE_GEN_SAMPLE_H
#define WAYSTONE_GEN_SAMPLE_H

#include "gen/model.h"

enum sample_language {
    SAMPLE_JSON,       /* {"channelId":"1","text":"text"} */
    SAMPLE_PYTHON,     /* channel_id=1, text="text": arguments of a constructor */
    SAMPLE_TYPESCRIPT, /* { channelId: 1n, text: "text" } */
};

/* Has the fields that must be set, and the first member of each required oneof. Rules whose
 * values cannot be guessed, such as patterns, may turn out broken. */
const char *sample_message(struct model *model, const struct model_message *message,
                           enum sample_language language);

#endif
