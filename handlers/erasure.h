/* erasure.h - erasing what is personal in accounts whose grace is over (closing.h). */
#ifndef WAYSTONE_HANDLERS_ERASURE_H
#define WAYSTONE_HANDLERS_ERASURE_H

/* The job that does it; before the server starts. */
void erasure_register(void);

#endif
