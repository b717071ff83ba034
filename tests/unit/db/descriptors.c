#include "tests/unit/db/descriptors.h"

#include <criterion/criterion.h>
#include <sys/resource.h>
#include <unistd.h>

#define TAKEN_MAX 4096
static int taken[TAKEN_MAX];
static size_t taken_count;

void descriptors_take(unsigned left)
{
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = TAKEN_MAX;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (taken_count < TAKEN_MAX && (taken[taken_count] = dup(0)) >= 0)
        taken_count++;
    while (left-- > 0)
        close(taken[--taken_count]);
}

void descriptors_give_back(void)
{
    while (taken_count > 0)
        close(taken[--taken_count]);
}
