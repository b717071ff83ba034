/* scopes.h - the scopes that an API key may have, and the methods each opens; made from the schemas
 * by the build. */
#ifndef WAYSTONE_API_SCOPES_H
#define WAYSTONE_API_SCOPES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct api_scope {
    const char *name;           /* "chat.read" */
    const char *const *methods; /* "/waystone.chat.v1.ChatService/ListMessages" */
    size_t method_count;
};

/* By name. */
extern const struct api_scope api_scopes[];
extern const size_t api_scope_count;

static inline bool api_scope_exists(const char *name)
{
    for (size_t i = 0; i < api_scope_count; i++)
        if (strcmp(api_scopes[i].name, name) == 0)
            return true;
    return false;
}

#endif
