#include "handlers/common_passwords.h"

static uint64_t hash(const char *text, size_t length)
{
    uint64_t value = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        value = (value ^ (uint8_t)text[i]) * 1099511628211u;
    return value;
}

bool password_is_common(const char *lower, size_t length)
{
    uint64_t wanted = hash(lower, length);
    size_t first = 0;

    /* The last entry that is not above; no step depends on what was found. */
    for (size_t count = common_password_count; count > 1; count -= count / 2)
        if (common_password_hashes[first + count / 2] <= wanted)
            first += count / 2;
    return common_password_hashes[first] == wanted;
}
