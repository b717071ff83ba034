/* hex.h - bytes as lower-case hexadecimal digits. */
#ifndef WAYSTONE_BASE_HEX_H
#define WAYSTONE_BASE_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Writes 2 * count digits and a NUL to `out`. */
static inline void hex_write(const uint8_t *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 0x0F];
    }
    *out = '\0';
}

#endif
