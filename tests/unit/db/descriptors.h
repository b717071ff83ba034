/* descriptors.h - a process that has opened all the files it may. */
#ifndef WAYSTONE_TESTS_UNIT_DB_DESCRIPTORS_H
#define WAYSTONE_TESTS_UNIT_DB_DESCRIPTORS_H

/* Leaves the process `left` file descriptors, until descriptors_give_back(). */
void descriptors_take(unsigned left);
void descriptors_give_back(void);

#endif
