/* app.h - what the handlers share: one per loop.
 *
 * main.c makes it; every pointer is the loop's own unless it says otherwise. */
#ifndef WAYSTONE_HANDLERS_APP_H
#define WAYSTONE_HANDLERS_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "db/redis.h"

struct hub;
struct keys;
struct chat;
struct workers;

struct app {
    struct db *db;
    struct redis *redis;
    struct hub *hub;         /* live delivery */
    struct chat *chat;       /* chat's side of the hub */
    struct workers *workers; /* password hashing; shared by all loops */
    struct keys *keys;       /* token signing keys; shared, read-only */

    /* configuration, the same on every loop */
    const char *issuer;   /* "iss" and "aud" of access tokens */
    uint32_t access_token_s;
    uint32_t refresh_token_s;
    bool insecure_cookies; /* cleartext loopback only: cookies without Secure */
};

#endif
