#include "handlers/password_rules.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "handlers/common_passwords.h"

#define CORE_SHORTEST 5 /* of a common password within another one */
#define NAME_SHORTEST 3 /* of a name */
#define GAME "waystone"

/* Bytes of a text. */
struct span {
    const char *text;
    size_t length;
};

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static bool equal(struct span a, struct span b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static struct span lower(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    for (char *c = copy; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return span_of(copy);
}

/* Letters for the signs that often stand for them. */
static struct span without_disguise(struct arena *arena, struct span word)
{
    static const char signs[] = "4@310!5$7+8", letters[] = "aaeioisstt"
                                                           "b";
    char *copy = arena_strndup(arena, word.text, word.length);

    for (char *c = copy; *c != '\0'; c++) {
        const char *sign = strchr(signs, *c);
        if (sign != NULL)
            *c = letters[sign - signs];
    }
    return (struct span){copy, word.length};
}

/* Without the digits and signs at both ends. */
static struct span core(struct span word)
{
    while (word.length > 0 && (unsigned char)word.text[0] < 0x80 &&
           !isalpha((unsigned char)word.text[0])) {
        word.text++;
        word.length--;
    }
    while (word.length > 0 && (unsigned char)word.text[word.length - 1] < 0x80 &&
           !isalpha((unsigned char)word.text[word.length - 1]))
        word.length--;
    return word;
}

/* Its half, if it is the same twice. */
static struct span half(struct span word)
{
    size_t length = word.length / 2;

    if (word.length % 2 == 0 && memcmp(word.text, word.text + length, length) == 0)
        word.length = length;
    return word;
}

/* One character again and again, or each the next (or the one before): "aaaaaaaa", "abcdefgh". */
static bool is_run(struct span word)
{
    int step = word.length > 1 ? word.text[1] - word.text[0] : 0;

    for (size_t i = 1; i < word.length; i++)
        if (word.text[i] - word.text[i - 1] != step)
            return false;
    return word.length >= CORE_SHORTEST && step >= -1 && step <= 1;
}

static bool is_common(struct span word)
{
    return is_run(word) || password_is_common(word.text, word.length);
}

static bool is_common_at_core(struct span word)
{
    struct span inner = half(core(word));

    return inner.length >= CORE_SHORTEST && is_common(inner);
}

static struct span reversed(struct arena *arena, struct span word)
{
    char *copy = arena_strndup(arena, word.text, word.length);

    for (size_t i = 0; i < word.length; i++)
        copy[i] = word.text[word.length - 1 - i];
    return (struct span){copy, word.length};
}

/* Whether it is the name, backwards, twice, or with digits and signs around. */
static bool is_name(struct arena *arena, struct span word, struct span name)
{
    struct span backwards = reversed(arena, name);
    struct span forms[] = {word, core(word), half(word), half(core(word))};

    if (name.length < NAME_SHORTEST)
        return false;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (equal(forms[i], name) || equal(forms[i], backwards) ||
            (core(name).length >= NAME_SHORTEST && equal(forms[i], core(name))))
            return true;
    return false;
}

static bool tells_owner(struct arena *arena, struct span word, const char *user_name,
                        const char *email)
{
    struct span address = lower(arena, email), local = address;
    const char *at = strchr(address.text, '@');

    if (at != NULL)
        local.length = (size_t)(at - address.text);
    return is_name(arena, word, lower(arena, user_name)) || is_name(arena, word, address) ||
           is_name(arena, word, local) || is_name(arena, word, span_of(GAME));
}

const char *password_fault(struct arena *arena, const char *password, const char *user_name,
                           const char *email)
{
    struct span plain = lower(arena, password);
    /* Signs at the end may stand for letters, or for nothing. */
    struct span forms[] = {plain, without_disguise(arena, plain),
                           without_disguise(arena, core(plain))};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (tells_owner(arena, forms[i], user_name, email))
            return "this is too close to the user name, the e-mail address or the game's name; "
                   "choose another password";
        if (is_common(forms[i]) || is_common_at_core(forms[i]))
            return "this is one of the passwords that are tried first; choose another";
    }
    return NULL;
}
