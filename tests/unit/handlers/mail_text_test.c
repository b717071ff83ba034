#include <criterion/criterion.h>
#include <string.h>

#include "handlers/mail_text.h"

static const struct mail_frame frame = {
    .from = "Waystone <noreply@example.org>",
    .site_url = "https://play.example.org",
    .id = "0011223344",
    .sent_at_s = 1795284000, /* 2026-11-21 18:00 UTC */
};

static const struct mail recover = {
    .to = "mira@example.org",
    .kind = MAIL_RECOVER,
    .user_name = "mira",
    .token = "abcDEF-_123",
    .place = "203.0.113.0/24",
};

static const char *render(struct arena *arena, const struct mail *mail)
{
    struct bytes message;

    cr_assert_eq(mail_render(arena, &frame, mail, &message), STATUS_OK);
    return arena_strndup(arena, (const char *)message.data, message.length);
}

static size_t count(const char *text, const char *part)
{
    size_t found = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        found++;
    return found;
}

Test(mail_text, has_head_text_and_html)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *text = render(arena, &recover);

    cr_expect_eq(text, strstr(text, "From: Waystone <noreply@example.org>\r\n"
                                    "To: <mira@example.org>\r\nSubject: "));
    cr_expect(strstr(text, "\r\nDate: Sat, 21 Nov 2026 18:00:00 +0000\r\n"), "%s", text);
    cr_expect(strstr(text, "\r\nMessage-ID: <0011223344@example.org>\r\n"));
    cr_expect(strstr(text, "\r\nAuto-Submitted: auto-generated\r\n"));
    cr_expect_eq(count(text, "Content-Transfer-Encoding: 7bit\r\n"), 2);
    cr_expect(strstr(text, "\r\nHello mira,\r\n"));
    cr_expect(strstr(text, "\r\nhttps://play.example.org/recover#token=abcDEF-_123\r\n"));
    cr_expect(strstr(text, "<a href=\"https://play.example.org/recover#token=abcDEF-_123\">"));
    cr_expect_eq(count(text, "203.0.113.0/24"), 2);
    for (const char *at = text; *at != '\0'; at++)
        cr_assert(*at != '\n' || at[-1] == '\r', "a bare line feed");
}

/* Whatever comes from outside stays within its line, and within its element. */
Test(mail_text, nothing_is_injected)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct mail mail = {
        .to = "mira@example.org",
        .kind = MAIL_API_KEY_MADE,
        .user_name = "x\r\nBcc: evil@example.org",
        .detail = "<script>alert('&')</script>\"{name}\r\n.\r\nQUIT",
        .place = "1.2.3.4\n\n--waystone-part--",
    };
    const char *text = render(arena, &mail);

    cr_expect_null(strstr(text, "\nBcc:"));
    cr_expect_null(strstr(text, "\n.\r\n"));
    cr_expect_eq(count(text, "\n--waystone-part--"), 1);
    cr_expect(
        strstr(text, "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;&quot;{name}  .  QUIT"),
        "%s", text);
    cr_expect_eq(count(text, "<script>"), 1, "in the text only");
}

Test(mail_text, other_languages_are_quoted)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct mail mail = recover;
    const char *text;

    mail.kind = MAIL_PROVIDER_LINKED;
    mail.detail = "Übersee=Spiele";
    text = render(arena, &mail);
    cr_expect_eq(count(text, "Content-Transfer-Encoding: quoted-printable\r\n"), 2);
    cr_expect_eq(count(text, "=C3=9Cbersee=3DSpiele"), 2, "%s", text);
    for (const char *line = text; line != NULL;
         line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        cr_expect_leq(strcspn(line, "\r\n"), 78, "%.80s", line);
}

Test(mail_text, every_kind_has_its_words)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct mail mail = recover;

    mail.detail = "7";
    for (mail.kind = MAIL_VERIFY_EMAIL; mail.kind <= MAIL_ACCOUNT_ERASED; mail.kind++) {
        const char *text = render(arena, &mail);
        cr_expect(strstr(text, "Subject: ") && strstr(text, "mira"), "%d", (int)mail.kind);
        cr_expect_null(strstr(text, "{"), "%d: %s", (int)mail.kind, text);
        cr_expect_null(strstr(text, "null"), "%d: %s", (int)mail.kind, text);
    }
}

Test(mail_text, what_is_no_mail)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct bytes message;
    struct mail mail = recover;

    mail.token = "";
    cr_expect_eq(mail_render(arena, &frame, &mail, &message), STATUS_INVALID_ARGUMENT);
    mail = recover;
    mail.kind = (enum mail_kind)0;
    cr_expect_eq(mail_render(arena, &frame, &mail, &message), STATUS_INVALID_ARGUMENT);
    mail.kind = (enum mail_kind)1000;
    cr_expect_eq(mail_render(arena, &frame, &mail, &message), STATUS_INVALID_ARGUMENT);
    mail = recover;
    mail.to = "mira@example.org>\r\nRCPT TO:<evil@example.org";
    cr_expect_eq(mail_render(arena, &frame, &mail, &message), STATUS_INVALID_ARGUMENT);
}

Test(mail_text, addresses)
{
    static const char *const good[] = {"a@b", "mira+game@example.org", "o'neil@example.org"};
    static const char *const bad[] = {"",        "mira",        "@b",      "a@",    "a@b@c",
                                      "a b@c",   "a@b\n",       "a@b,c@d", "<a@b>", "a@b;c",
                                      "\"a\"@b", "a@b\xC3\xBC", "a@[1]",   "a(b)@c"};
    char longest[256];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect(mail_address_is_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(!mail_address_is_valid(bad[i]), "%s", bad[i]);
    memset(longest, 'a', sizeof(longest));
    longest[3] = '@';
    longest[254] = '\0';
    cr_expect(mail_address_is_valid(longest));
    longest[254] = 'a';
    longest[255] = '\0';
    cr_expect(!mail_address_is_valid(longest));
}

Test(mail_text, senders)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();

    cr_expect_str_eq(mail_address_of(arena, "a@b.c"), "a@b.c");
    cr_expect_str_eq(mail_address_of(arena, "The Game <a@b.c>"), "a@b.c");
    cr_expect_null(mail_address_of(arena, "The Game <a@b.c> more"));
    cr_expect_null(mail_address_of(arena, "The Game <a@b.c"));
    cr_expect_null(mail_address_of(arena, "The\r\nBcc: x@y.z <a@b.c>"));
    cr_expect_null(mail_address_of(arena, "nobody"));
}
