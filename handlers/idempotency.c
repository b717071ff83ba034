#include "handlers/idempotency.h"

#include <openssl/sha.h>
#include <string.h>

#include "db/queries/accounts.h"

static void hash_request(const ProtobufCMessage *request, unsigned char out[SHA256_DIGEST_LENGTH])
{
    struct buffer encoded = {0};

    message_encode(request, &encoded);
    SHA256(encoded.length ? buffer_data(&encoded) : NULL, encoded.length, out);
    buffer_free(&encoded);
}

enum status idempotency_find(struct rpc_call *call, struct db *tx, const char *key,
                             const ProtobufCMessage *request, ProtobufCMessage *response)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct idempotency_lock_row *lock;
    struct idempotency_get_row *row;
    const struct message_type *type = message_type_of(response);
    ProtobufCMessage *stored;
    const char *error;

    if (key[0] == '\0')
        return STATUS_NOT_FOUND;
    TRY(idempotency_lock(tx, call->arena, call->identity.account_id, call->method->path, key,
                         &lock));
    TRY(idempotency_get(tx, call->arena, call->identity.account_id, call->method->path, key, &row));
    hash_request(request, digest);
    if (row->request_hash.length != sizeof(digest) ||
        memcmp(row->request_hash.data, digest, sizeof(digest)) != 0)
        return rpc_fail_reason(call, STATUS_FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED",
                               "this idempotency key was used for another request");
    TRY(message_decode(call->arena, type, row->response.data, row->response.length, &stored,
                       &error));
    memcpy(response, stored, type->descriptor.sizeof_message);
    return STATUS_OK;
}

enum status idempotency_store(struct rpc_call *call, struct db *tx, const char *key,
                              const ProtobufCMessage *request, const ProtobufCMessage *response)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buffer encoded = {0};
    enum status status;

    if (key[0] == '\0')
        return STATUS_OK;
    hash_request(request, digest);
    message_encode(response, &encoded);
    status = idempotency_insert(tx, call->identity.account_id, call->method->path, key,
                                (struct bytes){digest, sizeof(digest)},
                                (struct bytes){buffer_data(&encoded), encoded.length});
    buffer_free(&encoded);
    return status;
}
