/* details.h - error details out of the `grpc-status-details-bin` trailer. Private to client/. */
#ifndef WAYSTONE_CLIENT_DETAILS_H
#define WAYSTONE_CLIENT_DETAILS_H

#include "client/client.h"

/* Reads a base64 google.rpc.Status and gives back the Anys it holds, in the arena. What is
 * malformed is left out: the status itself came by another trailer. */
void details_read(struct arena *arena, const char *text, struct client_detail **ret_details,
                  size_t *ret_count);

#endif
