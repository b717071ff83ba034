/* mail_text.h - the words of each mail, as text and as HTML, and the message around them.
 *
 * Pure: no clock, no storage. Whatever comes from outside is escaped in HTML and cannot end a line
 * or a header. */
#ifndef WAYSTONE_HANDLERS_MAIL_TEXT_H
#define WAYSTONE_HANDLERS_MAIL_TEXT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "handlers/mail.h"

/* What is the same for all, and what names one. */
struct mail_frame {
    const char *from;     /* "Waystone <noreply@example.org>" */
    const char *site_url; /* without "/" at the end */
    const char *id;       /* unique: letters and digits */
    int64_t sent_at_s;    /* wall time */
};

/* Whether it is one address that can stand in a header and in an SMTP command: printable ASCII
 * without spaces, quotes, brackets, commas, at most 254 characters. */
bool mail_address_is_valid(const char *address);

/* The address in "Name <address>" or "address", in the arena; NULL if it is neither, or could end a
 * header. */
const char *mail_address_of(struct arena *arena, const char *from);

/* The message with CRLF line ends, in the arena. INVALID_ARGUMENT if there is no such kind, the
 * address is none, or a link lacks its token. */
enum status mail_render(struct arena *arena, const struct mail_frame *frame,
                        const struct mail *mail, struct bytes *ret) MUST_CHECK;

#endif
