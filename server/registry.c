/* The methods of a server, found by path. */
#include "base/limits.h"
#include "server/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *path, size_t length)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        value = (value ^ (uint8_t)path[i]) * 1099511628211u;
    return value;
}

static void *must_realloc(void *memory, size_t size_bytes)
{
    void *result = realloc(memory, size_bytes);

    if (result == NULL)
        abort();
    return result;
}

static void insert(struct rpc_server *server, struct rpc_entry entry)
{
    size_t mask = server->table_size - 1;
    size_t slot = hash(entry.method->path, strlen(entry.method->path)) & mask;

    while (server->table[slot].method != NULL) {
        assert(strcmp(server->table[slot].method->path, entry.method->path) != 0);
        slot = (slot + 1) & mask;
    }
    server->table[slot] = entry;
}

static void grow(struct rpc_server *server)
{
    struct rpc_entry *old = server->table;
    size_t old_size = server->table_size;

    server->table_size = old_size ? old_size * 2 : 64;
    server->table = must_realloc(NULL, server->table_size * sizeof(*server->table));
    memset(server->table, 0, server->table_size * sizeof(*server->table));
    for (size_t i = 0; i < old_size; i++)
        if (old[i].method != NULL)
            insert(server, old[i]);
    free(old);
}

struct rpc_server *rpc_server_new(const struct rpc_server_config *config)
{
    struct rpc_server *server = must_realloc(NULL, sizeof(*server));

    memset(server, 0, sizeof(*server));
    server->config = *config;
    if (server->config.default_timeout_ms == 0)
        server->config.default_timeout_ms = LIMIT_TIMEOUT_MS;
    if (server->config.max_request_bytes == 0)
        server->config.max_request_bytes = LIMIT_REQUEST_BYTES;
    if (server->config.request_memory_bytes == 0)
        server->config.request_memory_bytes = LIMIT_REQUEST_MEMORY_BYTES;
    return server;
}

void rpc_server_free(struct rpc_server *server)
{
    if (server == NULL)
        return;
    free(server->table);
    free(server->services);
    free(server);
}

void rpc_server_add_interceptor(struct rpc_server *server,
                                const struct rpc_interceptor *interceptor)
{
    assert(server->interceptor_count < RPC_MAX_INTERCEPTORS);
    server->interceptors[server->interceptor_count++] = *interceptor;
}

void rpc_server_add_service(struct rpc_server *server, const struct rpc_service *service,
                            const void *implementation)
{
    server->services =
        must_realloc(server->services, (server->service_count + 1) * sizeof(*server->services));
    server->services[server->service_count++] = service;
    for (size_t i = 0; i < service->method_count; i++) {
        if ((server->method_count + 1) * 2 > server->table_size)
            grow(server);
        insert(server, (struct rpc_entry){&service->methods[i], implementation});
        server->method_count++;
    }
}

const struct rpc_service *rpc_server_service(const struct rpc_server *server, size_t index)
{
    return server->services[index];
}

size_t rpc_server_service_count(const struct rpc_server *server)
{
    return server->service_count;
}

const struct rpc_entry *rpc_server_find(const struct rpc_server *server, const char *path,
                                        size_t length)
{
    size_t mask = server->table_size - 1;
    size_t slot;

    if (server->table_size == 0)
        return NULL;
    for (slot = hash(path, length) & mask; server->table[slot].method != NULL;
         slot = (slot + 1) & mask) {
        const char *known = server->table[slot].method->path;
        if (strncmp(known, path, length) == 0 && known[length] == '\0')
            return &server->table[slot];
    }
    return NULL;
}

bool rpc_is_method_path(const struct rpc_server *server, const char *path, size_t length)
{
    return rpc_server_find(server, path, length) != NULL;
}
