#include "handlers/mail_templates.h"

#include <stddef.h>

#define NOT_YOU                                                                                    \
    "If that was not you, sign in, look at your sessions and change your password; if you cannot " \
    "sign in any more, ask for a new password on the sign-in page."

static const struct mail_template templates[] = {
    [MAIL_VERIFY_EMAIL] =
        {
            .subject = "Confirm your e-mail address",
            .what = "please confirm that this address belongs to the Waystone account {name}.",
            .path = "/verify-email",
            .label = "Confirm the address",
            .then = "The link works once, within 24 hours. If you know nothing of this account, do "
                    "nothing: without your confirmation the address stays unused.",
            .tells_place = true,
        },
    [MAIL_EMAIL_IN_USE] =
        {
            .subject = "Your e-mail address was named again",
            .what =
                "somebody named this address for the Waystone account {name}, but it belongs to "
                "an account already, and stays with it.",
            .then = "If that was you, sign in with the account that you have, or ask for a new "
                    "password on the sign-in page. If it was not, you need not do anything.",
            .tells_place = true,
        },
    [MAIL_RECOVER] =
        {
            .subject = "A new password for your account",
            .what = "somebody asked for a new password for the Waystone account {name}.",
            .path = "/recover",
            .label = "Choose a new password",
            .then =
                "The link works once, within 30 minutes. If you did not ask for it, do nothing: "
                "your password stays as it is.",
            .tells_place = true,
        },
    [MAIL_RECOVERED] =
        {
            .subject = "Your password was set anew",
            .what = "the password of your Waystone account {name} was set anew by a link from a "
                    "mail, and all sessions were ended.",
            .then = "If that was not you, somebody else can read your mail: secure your mailbox, "
                    "then ask for a new password on the sign-in page.",
            .tells_place = true,
        },
    [MAIL_PASSWORD_CHANGED] =
        {
            .subject = "Your password was changed",
            .what = "the password of your Waystone account {name} was changed, and all other "
                    "sessions were ended.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_EMAIL_CHANGE_STARTED] =
        {
            .subject = "Another e-mail address was asked for",
            .what = "somebody who is signed in asked to change the address of your Waystone "
                    "account {name} to {detail}. This one stays until the other is confirmed.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_EMAIL_CHANGED] =
        {
            .subject = "Your account has another e-mail address",
            .what = "your Waystone account {name} has another e-mail address from now on. This was "
                    "the last mail to the old one.",
            .then = "If that was not you, write to the studio's support at once.",
            .tells_place = true,
        },
    [MAIL_SESSION_STOLEN] =
        {
            .subject = "A session was ended for your safety",
            .what =
                "the key of one of your sessions of the Waystone account {name} was used twice: "
                "somebody may have copied it. We ended that session.",
            .then = "Sign in again, look at your other sessions, and change your password if you "
                    "see one that you do not know.",
            .tells_place = true,
        },
    [MAIL_FACTOR_ADDED] =
        {
            .subject = "Your account can be opened in another way",
            .what = "{detail} was added to your Waystone account {name}.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_FACTOR_REMOVED] =
        {
            .subject = "Your account lost a protection",
            .what = "{detail} was removed from your Waystone account {name}.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_RECOVERY_CODES_CHANGED] =
        {
            .subject = "Your recovery codes were made anew",
            .what = "the recovery codes of your Waystone account {name} were made anew; the old "
                    "ones do not work any more.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_RECOVERY_CODE_USED] =
        {
            .subject = "A recovery code was used",
            .what = "somebody signed in to your Waystone account {name} with a recovery code.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_PROVIDER_LINKED] =
        {
            .subject = "Your account was linked",
            .what = "your Waystone account {name} can be opened with {detail} from now on.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_PROVIDER_UNLINKED] =
        {
            .subject = "A link of your account was removed",
            .what = "your Waystone account {name} cannot be opened with {detail} any more.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_API_KEY_MADE] =
        {
            .subject = "An API key was made",
            .what = "the API key \"{detail}\" was made for your Waystone account {name}.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_ACCOUNT_CLOSED] =
        {
            .subject = "Your account was closed",
            .what = "your Waystone account {name} was closed. What is personal in it is erased on "
                    "{detail}, for ever.",
            .then = "Until then you can have it back: sign in and choose to keep it.",
            .tells_place = true,
        },
    [MAIL_ACCOUNT_REOPENED] =
        {
            .subject = "Your account is open again",
            .what = "your Waystone account {name} is open again, and nothing of it is erased.",
            .then = NOT_YOU,
            .tells_place = true,
        },
    [MAIL_ACCOUNT_ERASED] =
        {
            .subject = "Your account was erased",
            .what =
                "what was personal in your Waystone account {name} was erased, as was announced. "
                "This was the last mail.",
            .then = "Thank you for having been with us.",
        },
};
#define TEMPLATE_COUNT (sizeof(templates) / sizeof(templates[0]))

const struct mail_template *mail_template_of(enum mail_kind kind)
{
    return (size_t)kind < TEMPLATE_COUNT && templates[kind].subject != NULL ? &templates[kind]
                                                                            : NULL;
}
