/* mail.h - mail to the owners of accounts.
 *
 * What is to be sent is a row of the outbox, written in the transaction of its cause and sealed
 * with the master key, since it may carry a token. It is sent by a pool of threads of its own:
 * through an SMTP server, or as files into a folder, for development. The outbox tries again what
 * fails; a mail may therefore come twice, with the same Message-ID, but is never lost: what cannot
 * be sent is a dead letter. */
#ifndef WAYSTONE_HANDLERS_MAIL_H
#define WAYSTONE_HANDLERS_MAIL_H

#include <stdbool.h>

#include "handlers/app.h"
#include "server/rpc.h"

/* Rows wait in the outbox under these numbers: add at the end. */
enum mail_kind {
    MAIL_VERIFY_EMAIL = 1, /* token: that the address is the account's */
    MAIL_EMAIL_IN_USE = 2, /* somebody named an address that has an account */
    MAIL_RECOVER = 3,      /* token: for a new password */
    MAIL_RECOVERED = 4,    /* a new password was set by mail */
    MAIL_PASSWORD_CHANGED = 5,
    MAIL_EMAIL_CHANGE_STARTED = 6,    /* to the address until now; detail: the other */
    MAIL_EMAIL_CHANGED = 7,           /* to the address until now */
    MAIL_SESSION_STOLEN = 8,          /* a refresh token came twice */
    MAIL_FACTOR_ADDED = 9,            /* detail: "An authenticator app", "The passkey 'phone'" */
    MAIL_FACTOR_REMOVED = 10,         /* the same */
    MAIL_RECOVERY_CODES_CHANGED = 11, /* made anew */
    MAIL_RECOVERY_CODE_USED = 12,
    MAIL_PROVIDER_LINKED = 13,   /* detail: its name */
    MAIL_PROVIDER_UNLINKED = 14, /* the same */
    MAIL_API_KEY_MADE = 15,      /* detail: its name */
    MAIL_ACCOUNT_CLOSED = 16,    /* detail: when it is erased, "2026-12-05" */
    MAIL_ACCOUNT_REOPENED = 17,
    MAIL_ACCOUNT_ERASED = 18,
};

struct mail {
    const char *to; /* one address, as RegisterRequest.email takes it */
    enum mail_kind kind;
    const char *user_name;
    const char *token;  /* for kinds with a link */
    const char *place;  /* network of who caused it; NULL: the call's, if there is one */
    const char *detail; /* what exactly; NULL: nothing */
};

/* Leaves a mail to the outbox, within a transaction. `call` may be NULL. INVALID_ARGUMENT if `to`
 * is no address. Suspends. */
enum status mail_later(struct rpc_call *call, struct db *tx, const struct mail *mail) MUST_CHECK;

/* The same to the owner of an account, if the address is verified: others could be a stranger's.
 * `detail` may be NULL. Suspends. */
enum status mail_owner_later(struct rpc_call *call, struct db *tx, int64_t account_id,
                             enum mail_kind kind, const char *detail) MUST_CHECK;

/* --- life: once for the process --- */

struct mail_config {
    const char *directory; /* for files; empty: none */
    const char *smtp_url;  /* "smtp://host:587" (STARTTLS) or "smtps://host:465"; empty: none */
    const char *smtp_user, *smtp_password_file; /* empty: without signing in */
    const char *smtp_ca;                        /* PEM file; empty: the system's */
    bool smtp_tls;                              /* false: cleartext */
    const char *from;                           /* "Waystone <noreply@example.org>" */
    const char *site_url;                       /* "https://play.example.org" */
};

/* Before the server starts. Text and secrets must outlive it. False with one sentence in `reterr`.
 */
bool mail_start(const struct mail_config *config, const struct secrets *secrets, char *reterr,
                size_t reterr_size);

/* Conversations with a mail server end within a second, undone. Any thread. */
void mail_interrupt(void);

/* After the loops. */
void mail_stop(void);

/* Who sends; before the server starts. */
void mail_register(void);

#endif
