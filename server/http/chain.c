#include "server/http/chain.h"

#include "base/limits.h"

struct chain_part {
    struct shared_bytes *bytes;
    size_t offset, length;
    size_t before; /* copied bytes between the part before and this one */
};

/* The first one; NULL when there is none. */
static struct chain_part *parts_of(const struct chain *chain)
{
    return (struct chain_part *)(void *)buffer_data(&chain->parts);
}

static size_t count_of(const struct chain *chain)
{
    return chain->parts.length / sizeof(struct chain_part);
}

void chain_free(struct chain *chain)
{
    struct chain_part *parts = parts_of(chain);

    for (size_t i = 0; i < count_of(chain); i++)
        shared_bytes_unref(parts[i].bytes);
    buffer_free(&chain->copied);
    buffer_free(&chain->parts);
    *chain = (struct chain){0};
}

void chain_append_shared(struct chain *chain, struct shared_bytes *bytes, size_t offset,
                         size_t length)
{
    struct chain_part part = {
        .bytes = bytes,
        .offset = offset,
        .length = length,
        .before = chain->copied.length - chain->before,
    };

    if (length < LIMIT_COPIED_BYTES) {
        buffer_append(&chain->copied, bytes->data + offset, length);
        return;
    }
    shared_bytes_ref(bytes);
    buffer_append(&chain->parts, &part, sizeof(part));
    chain->before += part.before;
    chain->shared += length;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Of the copied bytes at the front, which are no more than the first part lets come. */
static void drop_copied(struct chain *chain, size_t length)
{
    struct chain_part *part = parts_of(chain);

    buffer_consume(&chain->copied, length);
    if (part != NULL) {
        part->before -= length;
        chain->before -= length;
    }
}

static void drop_shared(struct chain *chain, size_t length)
{
    struct chain_part *part = parts_of(chain);

    part->offset += length;
    part->length -= length;
    chain->shared -= length;
    if (part->length == 0) {
        shared_bytes_unref(part->bytes);
        buffer_consume(&chain->parts, sizeof(*part));
    }
}

/* How many bytes at the front are copied ones; 0 when a part comes first. */
static size_t copied_at_front(const struct chain *chain)
{
    const struct chain_part *part = parts_of(chain);

    return part != NULL ? part->before : chain->copied.length;
}

void chain_move(struct chain *from, struct chain *to, size_t length, bool copy)
{
    while (length > 0) {
        const struct chain_part *part = parts_of(from);
        size_t taken = least(copied_at_front(from), length);

        if (taken > 0) {
            buffer_append(&to->copied, buffer_data(&from->copied), taken);
            drop_copied(from, taken);
        } else {
            taken = least(part->length, length);
            if (copy)
                buffer_append(&to->copied, part->bytes->data + part->offset, taken);
            else
                chain_append_shared(to, part->bytes, part->offset, taken);
            drop_shared(from, taken);
        }
        length -= taken;
    }
}

size_t chain_pieces(const struct chain *chain, h2o_iovec_t *ret, size_t max_count, size_t max_bytes,
                    size_t *ret_bytes)
{
    const struct chain_part *parts = parts_of(chain);
    uint8_t *copied = buffer_data(&chain->copied);
    size_t part_count = count_of(chain), count = 0, left = max_bytes;

    for (size_t i = 0; i <= part_count && count < max_count && left > 0; i++) {
        size_t between = i < part_count ? parts[i].before : chain->copied.length - chain->before;
        size_t length = least(between, left);

        if (length > 0)
            ret[count++] = h2o_iovec_init(copied, length);
        copied = copied != NULL ? copied + length : NULL;
        left -= length;
        if (i == part_count || count == max_count || left == 0)
            continue;
        length = least(parts[i].length, left);
        ret[count++] = h2o_iovec_init(parts[i].bytes->data + parts[i].offset, length);
        left -= length;
    }
    *ret_bytes = max_bytes - left;
    return count;
}

void chain_consume(struct chain *chain, size_t length)
{
    while (length > 0) {
        size_t taken = least(copied_at_front(chain), length);

        if (taken > 0) {
            drop_copied(chain, taken);
        } else {
            taken = least(parts_of(chain)->length, length);
            drop_shared(chain, taken);
        }
        length -= taken;
    }
}
