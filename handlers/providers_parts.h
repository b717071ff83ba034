/* providers_parts.h - the methods of ProviderService by file; providers.c registers them. */
#ifndef WAYSTONE_HANDLERS_PROVIDERS_PARTS_H
#define WAYSTONE_HANDLERS_PROVIDERS_PARTS_H

#include "handlers/oidc.h"
#include "handlers/provider_flows.h"
#include "handlers/provider_list.h"
#include "waystone/auth/v1/providers.h"

/* providers.c: the two halves of a way to a provider and back. */
enum status providers_find(struct rpc_call *call, const char *id, const struct provider **ret)
    MUST_CHECK;
enum status providers_send(struct rpc_call *call, const struct provider *provider,
                           struct provider_flow *flow, char **ret_url) MUST_CHECK;

struct providers_back {
    enum provider_flow_purpose purpose;
    int64_t session_id; /* 0: of no session */
    const char *state, *code, *issuer;
};
enum status providers_receive(struct rpc_call *call, const struct providers_back *back,
                              struct provider_flow *ret_flow, const struct provider **ret_provider,
                              struct oidc_identity *ret_identity) MUST_CHECK;

/* What a provider calls somebody, for people to read; may be empty. */
const char *providers_label(const struct oidc_identity *identity);

/* providers_newcomer.c */
enum status providers_newcomer(struct rpc_call *call, struct db *tx,
                               const struct provider *provider,
                               const struct oidc_identity *identity, ProviderNewcomer **ret)
    MUST_CHECK;
enum status providers_register_with(struct rpc_call *call, const RegisterWithProviderRequest *req,
                                    RegisterWithProviderResponse *res) MUST_CHECK;

/* providers_link.c */
enum status providers_start_link(struct rpc_call *call, const StartProviderLinkRequest *req,
                                 StartProviderLinkResponse *res) MUST_CHECK;
enum status providers_finish_link(struct rpc_call *call, const FinishProviderLinkRequest *req,
                                  FinishProviderLinkResponse *res) MUST_CHECK;
enum status providers_unlink(struct rpc_call *call, const UnlinkProviderRequest *req,
                             UnlinkProviderResponse *res) MUST_CHECK;

#endif
