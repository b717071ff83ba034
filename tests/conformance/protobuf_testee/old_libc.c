/* old-libc - what the suite's runner misses in Debian 12's libraries.
 *
 * The runner that npm carries was linked with glibc 2.38 and GCC 13. Of what is newer than
 * Debian 12 it uses these five functions only. tools/dev/conformance.py makes a copy of the
 * runner that does not insist on the versions, and preloads this. */
#include <stdlib.h>

/* The names are those of the libraries.
 * NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
long __isoc23_strtol(const char *text, char **end, int base);
long long __isoc23_strtoll(const char *text, char **end, int base);
unsigned long __isoc23_strtoul(const char *text, char **end, int base);
unsigned long long __isoc23_strtoull(const char *text, char **end, int base);
void _ZSt21ios_base_library_initv(void);
void _ZNSt8ios_base4InitC1Ev(void *object); /* std::ios_base::Init::Init(), in libstdc++ */

/* C23's differ in that they take "0b1", which the suite has none of. */
long __isoc23_strtol(const char *text, char **end, int base)
{
    return strtol(text, end, base);
}

long long __isoc23_strtoll(const char *text, char **end, int base)
{
    return strtoll(text, end, base);
}

unsigned long __isoc23_strtoul(const char *text, char **end, int base)
{
    return strtoul(text, end, base);
}

unsigned long long __isoc23_strtoull(const char *text, char **end, int base)
{
    return strtoull(text, end, base);
}

/* Makes std::cout and its like ready; each source file did that for itself until GCC 13. */
void _ZSt21ios_base_library_initv(void)
{
    static char init;

    _ZNSt8ios_base4InitC1Ev(&init);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
