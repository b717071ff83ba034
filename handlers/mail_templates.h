/* mail_templates.h - the words of each kind of mail.
 *
 * In texts "{name}" is the user name, "{detail}" what exactly, "{place}" the network. */
#ifndef WAYSTONE_HANDLERS_MAIL_TEMPLATES_H
#define WAYSTONE_HANDLERS_MAIL_TEMPLATES_H

#include "handlers/mail.h"

struct mail_template {
    const char *subject;
    const char *what;  /* what happened, or is asked for */
    const char *path;  /* of the page that takes the token; NULL: no link */
    const char *label; /* of the link in HTML */
    const char *then;  /* what to do about it */
    bool tells_place;  /* where it came from, if that is known */
};

/* NULL if there is no such kind. */
const struct mail_template *mail_template_of(enum mail_kind kind);

#endif
