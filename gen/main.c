/* protoc-gen-waystone: the plugin by which protoc writes C for Waystone. See generate.h. */
#include <stdio.h>

#include "gen/generate.h"

#define CHUNK_BYTES (64 * 1024)

static void read_all(FILE *file, struct buffer *content)
{
    size_t length;

    do {
        length = fread(buffer_reserve(content, CHUNK_BYTES), 1, CHUNK_BYTES, file);
        buffer_commit(content, length);
    } while (length > 0);
}

int main(void)
{
    struct buffer request = {0}, response = {0};
    int result = 1;

    read_all(stdin, &request);
    if (ferror(stdin))
        fprintf(stderr, "protoc-gen-waystone: cannot read the request from standard input\n");
    else if (generate(request.length ? buffer_data(&request) : (const uint8_t *)"", request.length,
                      &response) != STATUS_OK)
        fprintf(stderr, "protoc-gen-waystone: standard input has no request of protoc; "
                        "this is a plugin, run it through protoc --waystone_out\n");
    else if (fwrite(buffer_data(&response), 1, response.length, stdout) != response.length ||
             fflush(stdout) != 0)
        fprintf(stderr, "protoc-gen-waystone: cannot write the answer to standard output\n");
    else
        result = 0;
    buffer_free(&request);
    buffer_free(&response);
    return result;
}
