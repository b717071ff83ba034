#include "gen/emit.h"

void emit_validate(struct output *out, struct model *model, const struct model_message *message)
{
}
