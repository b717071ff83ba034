/* MetaService: facts about the server itself. */
#include "handlers/meta.h"

#include "version.h"
#include "waystone/meta/v1/meta_service.h"

static enum status get_version(struct rpc_call *call, const GetVersionRequest *req,
                               GetVersionResponse *res)
{
    res->version = (char *)WAYSTONE_VERSION;
    res->revision = (char *)WAYSTONE_REVISION;
    return STATUS_OK;
}

void meta_register(struct rpc_server *server)
{
    static const struct meta_service handlers = {.get_version = get_version};

    meta_service_register(server, &handlers);
}
