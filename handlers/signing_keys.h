/* signing_keys.h - the keys in PostgreSQL, on every loop.
 *
 * Each loop reads them twice a second and keeps them parsed in `app->keys`, so that all instances
 * sign with the same key and a change is everywhere within a second; NULL until they were read.
 * While PostgreSQL is away, those that are known go on. A job makes the next one in time; without
 * any, the first loop that looks makes one. */
#ifndef WAYSTONE_HANDLERS_SIGNING_KEYS_H
#define WAYSTONE_HANDLERS_SIGNING_KEYS_H

#include <stdatomic.h>

#include "handlers/app.h"

/* The job; before the server starts. */
void signing_keys_register(void);

/* `ready` is set once there is a key to sign with; any thread may look. */
void signing_keys_open(struct app *app, atomic_bool *ready);
void signing_keys_close(struct app *app);

#endif
