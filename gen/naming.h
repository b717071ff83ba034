/* naming.h - the names of C for everything in a model.
 *
 * A type keeps its short name, "Message", unless two packages of the model have it: then both
 * get their package in front. What would still clash, with a keyword or with a name derived
 * from another ("Message_type"), gets underscores behind. */
#ifndef WAYSTONE_GEN_NAMING_H
#define WAYSTONE_GEN_NAMING_H

#include "gen/model.h"

void naming_choose(struct model *model);

#endif
