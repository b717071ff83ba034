#include "handlers/secrets.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

TestSuite(secrets, .timeout = 30);

#define FIRST "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SECOND "/////////////////////////////////////////w8="

static const struct bytes plain = {(const uint8_t *)"attack at dawn", 14};

static void secrets_freep(struct secrets **secrets)
{
    secrets_free(*secrets);
}

/* NULL when the text is refused. */
static struct secrets *load_text(const char *text, char *reterr, size_t reterr_size)
{
    char path[] = "/tmp/waystone-secret-XXXXXX";
    int file = mkstemp(path);
    struct secrets *secrets;

    cr_assert(file >= 0);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    close(file);
    secrets = secrets_load(path, reterr, reterr_size);
    unlink(path);
    return secrets;
}

static struct secrets *load_good(const char *text)
{
    char error[512] = "";
    struct secrets *secrets = load_text(text, error, sizeof(error));

    cr_assert_not_null(secrets, "%s", error);
    return secrets;
}

static bool opens(const struct secrets *secrets, const char *purpose, int64_t id,
                  struct bytes sealed)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct bytes opened;

    if (!secrets_open(secrets, arena, purpose, id, sealed, &opened))
        return false;
    cr_expect_eq(opened.length, plain.length);
    cr_expect_arr_eq(opened.data, plain.data, plain.length);
    return true;
}

Test(secrets, what_is_sealed_opens)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(secrets_freep) struct secrets *secrets = load_good(FIRST "\n");
    struct bytes sealed, again;

    cr_assert(secrets_seal(secrets, arena, "a.b", 7, plain, &sealed));
    cr_assert(secrets_seal(secrets, arena, "a.b", 7, plain, &again));
    cr_expect_eq(sealed.length, plain.length + 28);
    cr_expect_null(memmem(sealed.data, sealed.length, "dawn", 4));
    cr_expect_neq(memcmp(sealed.data, again.data, sealed.length), 0, "a nonce comes once");
    cr_expect(opens(secrets, "a.b", 7, sealed));
    cr_expect_not(secrets_are_for_development(secrets));
}

Test(secrets, nothing_is_something)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(secrets_freep) struct secrets *secrets = load_good(FIRST);
    struct bytes sealed, opened = {NULL, 99};

    cr_assert(secrets_seal(secrets, arena, "a", 1, (struct bytes){NULL, 0}, &sealed));
    cr_assert(secrets_open(secrets, arena, "a", 1, sealed, &opened));
    cr_expect_eq(opened.length, 0);
}

Test(secrets, another_place_does_not_open)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(secrets_freep) struct secrets *secrets = load_good(FIRST);
    CLEANUP(secrets_freep) struct secrets *other = load_good(SECOND);
    struct bytes sealed;

    cr_assert(secrets_seal(secrets, arena, "a.b", 7, plain, &sealed));
    cr_expect_not(opens(secrets, "a.b", 8, sealed));
    cr_expect_not(opens(secrets, "a.b", 7 + (1LL << 40), sealed));
    cr_expect_not(opens(secrets, "a.c", 7, sealed));
    cr_expect_not(opens(secrets, "a.", 7, sealed));
    cr_expect_not(opens(other, "a.b", 7, sealed));
}

Test(secrets, every_changed_bit_and_every_cut_is_noticed)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(secrets_freep) struct secrets *secrets = load_good(FIRST);
    struct bytes sealed;
    uint8_t *copy;

    cr_assert(secrets_seal(secrets, arena, "a.b", 7, plain, &sealed));
    copy = arena_memdup(arena, sealed.data, sealed.length);
    for (size_t bit = 0; bit < 8 * sealed.length; bit++) {
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_expect_not(opens(secrets, "a.b", 7, (struct bytes){copy, sealed.length}), "bit %zu",
                      bit);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t length = 0; length < sealed.length; length++)
        cr_expect_not(opens(secrets, "a.b", 7, (struct bytes){copy, length}), "%zu", length);
}

Test(secrets, earlier_keys_open_and_do_not_seal)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    CLEANUP(secrets_freep) struct secrets *before = load_good(FIRST "\n");
    CLEANUP(secrets_freep) struct secrets *after = load_good(SECOND "\n" FIRST "\n\n");
    CLEANUP(secrets_freep) struct secrets *only = load_good(SECOND "\r\n");
    struct bytes old, new;

    cr_assert(secrets_seal(before, arena, "a", 1, plain, &old));
    cr_assert(secrets_seal(after, arena, "a", 1, plain, &new));
    cr_expect(opens(after, "a", 1, old));
    cr_expect(opens(only, "a", 1, new));
    cr_expect_not(opens(before, "a", 1, new));
    cr_expect_not(opens(only, "a", 1, old));
}

Test(secrets, what_is_no_key_is_refused_with_the_command_that_makes_one)
{
    static const char *const wrong[] = {
        "",
        "\n\n",
        "secret",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",  /* 31 bytes */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n",  /* 33 */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=x\n", /* more */
        "AAECAwQFBgcICQoLDA0ODxAR*hMUFRYXGBkaGxwdHh8=\n",  /* no base64 */
        FIRST "\nnonsense\n",
        FIRST "\n" FIRST "\n" FIRST "\n" FIRST "\n" FIRST "\n", /* too many */
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char error[512] = "";
        cr_expect_null(load_text(wrong[i], error, sizeof(error)), "%zu", i);
        cr_expect_not_null(strstr(error, "openssl rand -base64 32"), "%s", error);
        cr_expect_null(strstr(error, "AAEC"), "an error that tells the key: %s", error);
    }
}

Test(secrets, missing_file_is_named)
{
    char error[512] = "";

    cr_expect_null(secrets_load("/nonexistent/master.key", error, sizeof(error)));
    cr_expect_not_null(strstr(error, "/nonexistent/master.key"), "%s", error);
}

Test(secrets, without_a_file_it_is_the_known_key)
{
    char error[512] = "";
    CLEANUP(secrets_freep) struct secrets *secrets = secrets_load("", error, sizeof(error));

    cr_assert_not_null(secrets);
    cr_expect(secrets_are_for_development(secrets));
}
