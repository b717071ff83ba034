/* step_up.h - whether a session has proved lately who it is.
 *
 * Methods with `step_up: true` in the schema need a proof of the last ten minutes: a session that
 * was just opened has it, FactorService.StepUp renews it. API keys never have it, since nobody sits
 * in front of them. */
#ifndef WAYSTONE_HANDLERS_STEP_UP_H
#define WAYSTONE_HANDLERS_STEP_UP_H

#include "handlers/app.h"
#include "server/interceptors.h"

#define STEP_UP_LIFE_S 600

struct prover *step_up_interface(void);

#endif
