/* app.h - what the handlers share: one per loop.
 *
 * main.c makes it; every pointer is the loop's own unless it says otherwise. */
#ifndef WAYSTONE_HANDLERS_APP_H
#define WAYSTONE_HANDLERS_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "db/redis.h"

struct api_key_auth;
struct audit_queue;
struct events;
struct hub;
struct jobs;
struct key_reader;
struct keys;
struct live;
struct live_watch;
struct presence;
struct provider_list;
struct provider_memory;
struct local_limits;
struct sanctions;
struct secrets;
struct send_batch;
struct speakers;
struct outbox;
struct token_cache;
struct word_filters;
struct workers;

struct app {
    struct loop *loop;
    struct db *db;
    struct redis *redis;
    struct hub *hub;                 /* live delivery */
    struct live_watch *live_watch;   /* what is taken away: live_watch.c */
    struct presence *presence;       /* who is there: presence_live.c */
    struct events *events;           /* open streams: events.c */
    struct live *live;               /* copies through Redis: live.c */
    struct send_batch *sends;        /* send_batch.c */
    struct token_cache *token_cache; /* authenticator.c */
    struct api_key_auth *api_keys;   /* api_key_auth.c */
    struct audit_queue *audit;       /* audit.c */
    struct outbox *outbox;           /* outbox.c */
    struct jobs *jobs;               /* jobs.c; of the first loop only */
    struct local_limits *limits;     /* limiter.c: while Redis is away */
    struct sanctions *sanctions;     /* sanctions.c: those in force */
    struct word_filters *word_filters;
    struct speakers *speakers; /* speakers.h: who said what lately */
    struct workers *workers;   /* password hashing; shared by all loops */
    const struct keys *keys;   /* signing keys; NULL until they were read: signing_keys.c */
    struct key_reader *key_reader;
    const struct secrets *secrets;           /* the master key; shared, read-only */
    const struct provider_list *providers;   /* provider_list.c; shared, read-only */
    struct provider_memory *provider_memory; /* provider_client.c: what they say of themselves */

    /* configuration, the same on every loop */
    const char *relying_party_id; /* of passkeys: our domain */
    const char *origins;          /* of our pages, for passkeys; separated by spaces */
    const char *issuer;           /* "iss" and "aud" of access tokens */
    uint32_t access_token_s;
    uint32_t key_life_s;    /* for which a key signs */
    uint32_t key_publish_s; /* for which it is known before */
    uint32_t refresh_token_s;
    uint32_t refresh_grace_s; /* for which a used refresh token still works */
    uint32_t session_s;       /* longest life of a session, however often it is refreshed */
    uint32_t default_calls;   /* a minute, loop and caller, without a limit; 0: no bound */
    uint32_t rate_scale;      /* multiplies the schema's rate limits; 1 in production */
    uint32_t new_account_s;   /* younger accounts cannot send links; 0: all can */
    uint32_t closing_grace_s; /* from closing an account to erasing it */
    uint32_t name_reserved_s; /* for which an erased account's name stays taken */
    bool insecure_cookies;    /* cleartext loopback only: cookies without Secure */
};

#endif
