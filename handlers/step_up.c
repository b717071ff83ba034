#include "handlers/step_up.h"

#include "db/queries/factors.h"

static enum status fail(struct rpc_call *call, const char *how)
{
    return rpc_fail_reason(call, STATUS_PERMISSION_DENIED, "STEP_UP_REQUIRED", "%s", how);
}

static enum status check(struct rpc_call *call, void *user)
{
    struct sessions_stepped_up_row *row;
    enum status s;

    if (call->identity.session_id == 0)
        return fail(call, "this needs a person who is signed in; an API key will not do");
    s = sessions_stepped_up(call->app->db, call->arena, call->identity.session_id, STEP_UP_LIFE_S,
                            &row);
    if (s == STATUS_NOT_FOUND || (s == STATUS_OK && !row->is_fresh))
        return fail(call, "prove again who you are (FactorService.StepUp), then repeat the call");
    return s;
}

struct prover *step_up_interface(void)
{
    static struct prover prover = {.check = check};

    return &prover;
}
