#include "handlers/audit_chain.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/hex.h"

static void put_number(struct buffer *out, int64_t value)
{
    uint8_t bytes[8];

    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)value >> (56 - 8 * i));
    buffer_append(out, bytes, sizeof(bytes));
}

/* With its length before it, so that no two rows are the same bytes. */
static void put_text(struct buffer *out, const char *text)
{
    put_number(out, (int64_t)strlen(text));
    buffer_append_string(out, text);
}

static void digest(struct buffer *buffer, uint8_t out[AUDIT_HASH_BYTES])
{
    SHA256(buffer_data(buffer), buffer->length, out);
    buffer_free(buffer);
}

void audit_chain_link(const uint8_t before[AUDIT_HASH_BYTES], int64_t position,
                      const struct audit_row *row, uint8_t out[AUDIT_HASH_BYTES])
{
    struct buffer bytes = {0};

    buffer_append(&bytes, before, AUDIT_HASH_BYTES);
    put_number(&bytes, position);
    put_number(&bytes, row->id);
    put_number(&bytes, row->happened_at_us);
    put_number(&bytes, row->account_id);
    put_number(&bytes, row->target_id);
    put_text(&bytes, row->action);
    put_text(&bytes, row->status);
    put_text(&bytes, row->request_id);
    put_text(&bytes, row->target_kind);
    put_text(&bytes, row->detail);
    put_number(&bytes, (int64_t)row->personal_hash.length);
    if (row->personal_hash.length > 0)
        buffer_append(&bytes, row->personal_hash.data, row->personal_hash.length);
    digest(&bytes, out);
}

void audit_chain_personal(struct bytes salt, const char *peer, const char *note,
                          uint8_t out[AUDIT_HASH_BYTES])
{
    struct buffer bytes = {0};

    if (salt.length > 0)
        buffer_append(&bytes, salt.data, salt.length);
    buffer_append_string(&bytes, peer ? peer : "");
    buffer_append_char(&bytes, '\0');
    buffer_append_string(&bytes, note ? note : "");
    digest(&bytes, out);
}

void audit_chain_hex(const uint8_t hash[AUDIT_HASH_BYTES], char out[2 * AUDIT_HASH_BYTES + 1])
{
    hex_write(hash, AUDIT_HASH_BYTES, out);
}
