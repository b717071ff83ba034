/* devices.h - what a client is and where, in words that fit on a page. Pure. */
#ifndef WAYSTONE_HANDLERS_DEVICES_H
#define WAYSTONE_HANDLERS_DEVICES_H

#include "base/arena.h"

#define DEVICE_MAX_LENGTH 64

/* "Firefox on Linux" from a user-agent header; its first product ("grpc-python") when it is no
 * browser. Letters, digits, spaces and ".+_-" only. NULL or nonsense: "Unknown device". */
const char *device_name(struct arena *arena, const char *user_agent);

/* "203.0.113.0/24" or "2001:db8:1::/48" of a numeric address: the network, which tells the owner
 * enough. Empty if it is none. */
const char *device_place(struct arena *arena, const char *address);

#endif
