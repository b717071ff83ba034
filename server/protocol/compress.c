#include "server/protocol/compress.h"

#include <brotli/decode.h>
#include <brotli/encode.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

/* Fast levels: a loop compresses while its other calls wait. */
#define GZIP_LEVEL 1
#define ZSTD_LEVEL 1
#define BROTLI_LEVEL 3

#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to ask for gzip's head */
#define GZIP_MEMORY_LEVEL 8
#define ZSTD_MAX_WINDOW_LOG 23 /* 8 MiB: what RFC 8878 asks every decoder to take */
#define CHUNK_BYTES (16 * 1024)

static const char *const names[COMPRESSION_COUNT] = {"identity", "zstd", "gzip", "br"};

const char *compression_name(enum compression compression)
{
    return names[compression];
}

bool compression_find(const char *name, size_t length, enum compression *ret)
{
    *ret = COMPRESSION_IDENTITY;
    if (length == 0)
        return true;
    for (int i = 0; i < COMPRESSION_COUNT; i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], name, length) == 0) {
            *ret = (enum compression)i;
            return true;
        }
    }
    return false;
}

static struct bytes trim(struct bytes text)
{
    while (text.length > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
        text.length--;
    return text;
}

/* "q=0", "q=0.0", "q=0.000": not wanted. */
static bool is_refused(struct bytes parameters)
{
    parameters = trim(parameters);
    if (parameters.length < 3 || strncasecmp((const char *)parameters.data, "q=0", 3) != 0)
        return false;
    for (size_t i = 3; i < parameters.length; i++)
        if (parameters.data[i] != '.' && parameters.data[i] != '0')
            return false;
    return true;
}

enum compression compression_choose(const char *list, size_t length)
{
    enum compression best = COMPRESSION_IDENTITY;

    while (length > 0) {
        const char *comma = memchr(list, ',', length);
        size_t item_length = comma ? (size_t)(comma - list) : length;
        const char *semicolon = memchr(list, ';', item_length);
        size_t name_length = semicolon ? (size_t)(semicolon - list) : item_length;
        struct bytes name = trim((struct bytes){(const uint8_t *)list, name_length});
        size_t rest = semicolon ? name_length + 1 : item_length;
        enum compression found;

        if (compression_find((const char *)name.data, name.length, &found) &&
            found != COMPRESSION_IDENTITY && (best == COMPRESSION_IDENTITY || found < best) &&
            !is_refused((struct bytes){(const uint8_t *)list + rest, item_length - rest}))
            best = found;
        list += item_length + (comma != NULL);
        length -= item_length + (comma != NULL);
    }
    return best;
}

/* --- compressing: into exactly as many bytes as would still be a gain; 0 when they do not do ---
 */

static size_t compress_gzip(struct bytes input, uint8_t *out, size_t capacity)
{
    z_stream stream = {.next_in = (Bytef *)input.data,
                       .avail_in = (uInt)input.length,
                       .next_out = out,
                       .avail_out = (uInt)capacity};
    int result;

    if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    result = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    return result == Z_STREAM_END ? stream.total_out : 0;
}

static size_t compress_zstd(struct bytes input, uint8_t *out, size_t capacity)
{
    size_t length = ZSTD_compress(out, capacity, input.data, input.length, ZSTD_LEVEL);

    return ZSTD_isError(length) ? 0 : length;
}

static size_t compress_brotli(struct bytes input, uint8_t *out, size_t capacity)
{
    size_t length = capacity;

    return BrotliEncoderCompress(BROTLI_LEVEL, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC,
                                 input.length, input.data, &length, out)
               ? length
               : 0;
}

bool compress_bytes(enum compression compression, struct bytes input, struct buffer *out)
{
    size_t capacity = input.length > 0 ? input.length - 1 : 0;
    uint8_t *target;
    size_t length = 0;

    if (capacity == 0 || compression == COMPRESSION_IDENTITY)
        return false;
    target = buffer_reserve(out, capacity);
    if (compression == COMPRESSION_GZIP)
        length = compress_gzip(input, target, capacity);
    else if (compression == COMPRESSION_ZSTD)
        length = compress_zstd(input, target, capacity);
    else if (compression == COMPRESSION_BROTLI)
        length = compress_brotli(input, target, capacity);
    buffer_commit(out, length);
    return length > 0;
}

/* --- decompressing: in chunks, so that a small input never makes us allocate much at once --- */

static const char too_large[] = "the decompressed message is larger than this method takes";

static enum status malformed(const char *sentence, const char **reterr)
{
    *reterr = sentence;
    return STATUS_INVALID_ARGUMENT;
}

/* The next piece of output; none left means the message is too large. */
static size_t room(const struct buffer *out, size_t start, size_t max_bytes)
{
    size_t left = max_bytes + 1 - (out->length - start);

    return left < CHUNK_BYTES ? left : CHUNK_BYTES;
}

static enum status decompress_gzip(struct bytes input, size_t max_bytes, struct buffer *out,
                                   const char **reterr)
{
    z_stream stream = {.next_in = (Bytef *)input.data, .avail_in = (uInt)input.length};
    size_t start = out->length;
    int result = Z_OK;

    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
        abort();
    while (result == Z_OK && out->length - start <= max_bytes) {
        size_t size = room(out, start, max_bytes);
        stream.next_out = buffer_reserve(out, size);
        stream.avail_out = (uInt)size;
        result = inflate(&stream, Z_NO_FLUSH);
        buffer_commit(out, size - stream.avail_out);
    }
    inflateEnd(&stream);
    if (out->length - start > max_bytes) {
        *reterr = too_large;
        return STATUS_RESOURCE_EXHAUSTED;
    }
    if (result != Z_STREAM_END || stream.avail_in > 0)
        return malformed("the message is not one whole gzip stream", reterr);
    return STATUS_OK;
}

static enum status decompress_zstd(struct bytes input, size_t max_bytes, struct buffer *out,
                                   const char **reterr)
{
    ZSTD_inBuffer in = {input.data, input.length, 0};
    ZSTD_DCtx *context = ZSTD_createDCtx();
    size_t start = out->length;
    size_t left = 1; /* 0: a frame has ended */
    bool full = false;

    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_MAX_WINDOW_LOG);
    while (left != 0 && !ZSTD_isError(left) && out->length - start <= max_bytes &&
           (in.pos < in.size || full)) {
        size_t size = room(out, start, max_bytes);
        ZSTD_outBuffer piece = {buffer_reserve(out, size), size, 0};
        left = ZSTD_decompressStream(context, &piece, &in);
        buffer_commit(out, piece.pos);
        full = piece.pos == size;
    }
    ZSTD_freeDCtx(context);
    if (out->length - start > max_bytes) {
        *reterr = too_large;
        return STATUS_RESOURCE_EXHAUSTED;
    }
    if (left != 0 || in.pos < in.size)
        return malformed("the message is not one whole zstd frame", reterr);
    return STATUS_OK;
}

static enum status decompress_brotli(struct bytes input, size_t max_bytes, struct buffer *out,
                                     const char **reterr)
{
    BrotliDecoderState *state = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    BrotliDecoderResult result = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    size_t start = out->length;

    while (result == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT && out->length - start <= max_bytes) {
        size_t size = room(out, start, max_bytes);
        size_t left = size;
        uint8_t *piece = buffer_reserve(out, size);
        result =
            BrotliDecoderDecompressStream(state, &input.length, &input.data, &left, &piece, NULL);
        buffer_commit(out, size - left);
    }
    BrotliDecoderDestroyInstance(state);
    if (out->length - start > max_bytes) {
        *reterr = too_large;
        return STATUS_RESOURCE_EXHAUSTED;
    }
    if (result != BROTLI_DECODER_RESULT_SUCCESS || input.length > 0)
        return malformed("the message is not one whole brotli stream", reterr);
    return STATUS_OK;
}

enum status decompress_bytes(enum compression compression, struct bytes input, size_t max_bytes,
                             struct buffer *out, const char **reterr)
{
    if (input.length == 0)
        return STATUS_OK;
    switch (compression) {
    case COMPRESSION_GZIP:
        return decompress_gzip(input, max_bytes, out, reterr);
    case COMPRESSION_ZSTD:
        return decompress_zstd(input, max_bytes, out, reterr);
    case COMPRESSION_BROTLI:
        return decompress_brotli(input, max_bytes, out, reterr);
    case COMPRESSION_IDENTITY:
    case COMPRESSION_COUNT:
        break;
    }
    if (input.length > max_bytes) {
        *reterr = too_large;
        return STATUS_RESOURCE_EXHAUSTED;
    }
    buffer_append(out, input.data, input.length);
    return STATUS_OK;
}
