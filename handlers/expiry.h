/* expiry.h - the jobs that delete what nobody needs any more. */
#ifndef WAYSTONE_HANDLERS_EXPIRY_H
#define WAYSTONE_HANDLERS_EXPIRY_H

/* Before the server starts. */
void expiry_register(void);

#endif
