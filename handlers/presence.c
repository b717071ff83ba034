/* PresenceService: how the caller appears, and who is there. */
#include "handlers/presence.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/queries/characters.h"
#include "handlers/channel_access.h"
#include "handlers/presence_live.h"
#include "handlers/sanctions.h"
#include "waystone/presence/v1/presence_service.h"

static enum status set_presence(struct rpc_call *call, const SetPresenceRequest *req,
                                SetPresenceResponse *res)
{
    struct characters_get_row *character;
    enum status s = characters_get(call->app->db, call->arena, call->identity.account_id,
                                   req->character_id, &character);

    if (s == STATUS_NOT_FOUND)
        return rpc_fail(call, s, "you have no character %lld", (long long)req->character_id);
    TRY(s);
    presence_live_appear(call->app, &(struct presence_look){.account_id = call->identity.account_id,
                                                            .character_id = character->id,
                                                            .set_at_us = clock_wall_us(),
                                                            .state = req->state,
                                                            .name = character->name,
                                                            .where = req->where});
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(Presence *const *)a)->character_name, (*(Presence *const *)b)->character_name);
}

static enum status get_presence(struct rpc_call *call, const GetPresenceRequest *req,
                                GetPresenceResponse *res)
{
    struct channel_access access;
    struct sanction_state sanctions;
    PresenceEvent *picture;

    TRY(channel_access_get(call, call->arena, req->channel_id, &access));
    TRY(sanction_state(call->app, call->identity.account_id, req->channel_id, &sanctions));
    if (sanctions.ban_id != 0)
        return rpc_fail(call, STATUS_NOT_FOUND, "there is no channel %lld",
                        (long long)req->channel_id);
    TRY(presence_live_picture(call, req->channel_id, &picture));
    res->online_count = picture->online_count;
    res->present = picture->changed;
    res->n_present = picture->n_changed;
    qsort(res->present, res->n_present, sizeof(*res->present), compare_names);
    return STATUS_OK;
}

static const struct presence_service handlers = {
    .set_presence = set_presence,
    .get_presence = get_presence,
};

void presence_register(struct rpc_server *server)
{
    presence_service_register(server, &handlers);
}
