/* Any text as grpc-timeout and connect-timeout-ms, against the grammar of the specifications told
 * once more: digits, at most so many, and a unit. */
#include <stdlib.h>
#include <string.h>

#include "server/protocol/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nanoseconds of a unit; 0 when there is none of that name. */
static uint64_t unit_ns(char unit)
{
    static const char names[] = "numSMH";
    static const uint64_t ns[] = {1, 1000, 1000000, 1000000000, 60000000000, 3600000000000};
    const char *at = unit != '\0' ? strchr(names, unit) : NULL;

    return at != NULL ? ns[at - names] : 0;
}

/* Microseconds, rounded up; -1 when it is malformed. */
static int64_t expected_us(const char *text, size_t digits, size_t most, uint64_t ns)
{
    char number[16] = "";

    if (digits == 0 || digits > most || ns == 0)
        return -1;
    memcpy(number, text, digits);
    if (strspn(number, "0123456789") != digits)
        return -1;
    return (int64_t)(((unsigned __int128)strtoull(number, NULL, 10) * ns + 999) / 1000);
}

static void check(bool taken, int64_t us, int64_t expected)
{
    if (taken != (expected >= 0) || (taken && us != expected))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    int64_t us = -1;

    check(timeout_parse_connect(text, size, &us), us, expected_us(text, size, 10, 1000000));
    check(timeout_parse_grpc(text, size, &us), us,
          size > 0 ? expected_us(text, size - 1, 8, unit_ns(text[size - 1])) : -1);
    return 0;
}
