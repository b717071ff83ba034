#include "handlers/provider_list.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "handlers/fetch.h"
#include "handlers/json_fields.h"

#define FILE_MAX_BYTES (256 * 1024)
#define SECRET_MAX_BYTES 1024
#define ID_MAX_BYTES 32
#define TEXT_MAX_BYTES 255
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct loading {
    struct provider_list *list;
    const char *path;
    bool cleartext;
    char *reterr;
    size_t reterr_size;
};

static bool fail(const struct loading *loading, const char *format, ...) PRINTF_LIKE(2, 3);

static bool fail(const struct loading *loading, const char *format, ...)
{
    va_list arguments;
    int length =
        snprintf(loading->reterr, loading->reterr_size, "auth.providers = '%s': ", loading->path);

    if (length < 0 || (size_t)length >= loading->reterr_size)
        return false;
    va_start(arguments, format);
    vsnprintf(loading->reterr + length, loading->reterr_size - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

/* --- files --- */

/* At most `max` bytes into the arena; NULL, with errno, if there are more or none. */
static const char *read_file(struct arena *arena, const char *path, size_t max, size_t *ret_length)
{
    FILE *file = fopen(path, "re");
    char *text;

    if (file == NULL)
        return NULL;
    setvbuf(file, NULL, _IONBF, 0); /* no copy in a buffer that nobody clears */
    text = arena_alloc(arena, max + 2);
    *ret_length = fread(text, 1, max + 1, file);
    if (ferror(file) || *ret_length > max || *ret_length == 0) {
        errno = ferror(file) ? EIO : *ret_length == 0 ? ENODATA : EFBIG;
        text = NULL;
    }
    fclose(file);
    return text;
}

/* --- one provider --- */

struct entry {
    const char *id, *name, *issuer, *client_id, *secret_file, *redirect_uri, *scopes, *ca_file;
};

static bool take_entry(struct json_text *text, const struct loading *loading, struct entry *ret)
{
    const struct json_field fields[] = {
        {"id", JSON_FIELD_TEXT, &ret->id},
        {"name", JSON_FIELD_TEXT, &ret->name},
        {"issuer", JSON_FIELD_TEXT, &ret->issuer},
        {"client_id", JSON_FIELD_TEXT, &ret->client_id},
        {"client_secret_file", JSON_FIELD_TEXT, &ret->secret_file},
        {"redirect_uri", JSON_FIELD_TEXT, &ret->redirect_uri},
        {"scopes", JSON_FIELD_TEXT, &ret->scopes},
        {"ca_file", JSON_FIELD_TEXT, &ret->ca_file},
    };
    const char *unknown;

    *ret = (struct entry){.id = "",
                          .name = "",
                          .issuer = "",
                          .client_id = "",
                          .redirect_uri = "",
                          .scopes = "openid email profile"};
    if (!json_fields_take(text, fields, COUNT_OF(fields), &unknown))
        return fail(loading, "it is not the JSON of a list of providers");
    if (unknown != NULL)
        return fail(loading, "a provider has the unknown member '%s'", unknown);
    return true;
}

static bool is_id(const char *text)
{
    size_t length = strlen(text);

    return length >= 1 && length <= ID_MAX_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* With a space before and behind, so that "openid" is found as a word. */
static bool has_openid(const char *scopes)
{
    char padded[TEXT_MAX_BYTES + 3];

    snprintf(padded, sizeof(padded), " %s ", scopes);
    return strstr(padded, " openid ") != NULL;
}

static bool check_texts(const struct loading *loading, const struct entry *entry)
{
    if (!is_id(entry->id))
        return fail(loading, "the provider id '%s' must be 1 to %d of a-z, 0-9 and '-'", entry->id,
                    ID_MAX_BYTES);
    if (provider_find(loading->list, entry->id) != NULL)
        return fail(loading, "there are two providers '%s'", entry->id);
    if (entry->name[0] == '\0' || strlen(entry->name) > TEXT_MAX_BYTES)
        return fail(loading, "provider '%s' needs a name, of at most %d bytes", entry->id,
                    TEXT_MAX_BYTES);
    if (entry->client_id[0] == '\0' || strlen(entry->client_id) > TEXT_MAX_BYTES)
        return fail(loading, "provider '%s' needs a client_id, of at most %d bytes", entry->id,
                    TEXT_MAX_BYTES);
    if (strlen(entry->scopes) > TEXT_MAX_BYTES || !has_openid(entry->scopes))
        return fail(loading, "the scopes of provider '%s' must have 'openid' among them",
                    entry->id);
    return true;
}

static bool check_addresses(const struct loading *loading, const struct entry *entry)
{
    const char *allowed = loading->cleartext ? "https:// (or http:// on this machine)" : "https://";

    if (!fetch_allows(entry->issuer, loading->cleartext) || strchr(entry->issuer, '?') != NULL ||
        strlen(entry->issuer) > TEXT_MAX_BYTES)
        return fail(loading, "the issuer '%s' of provider '%s' must be %s, without a query",
                    entry->issuer, entry->id, allowed);
    if (provider_find_issuer(loading->list, entry->issuer) != NULL)
        return fail(loading, "there are two providers with the issuer '%s'", entry->issuer);
    if (!fetch_allows(entry->redirect_uri, loading->cleartext))
        return fail(loading, "the redirect_uri '%s' of provider '%s' must be %s",
                    entry->redirect_uri, entry->id, allowed);
    return true;
}

static bool read_secret(const struct loading *loading, const struct entry *entry,
                        const char **ret_secret)
{
    size_t length;
    const char *text;
    struct stat status;

    *ret_secret = NULL;
    if (entry->secret_file == NULL)
        return true;
    text = read_file(loading->list->memory, entry->secret_file, SECRET_MAX_BYTES, &length);
    if (text == NULL)
        return fail(loading, "the client_secret_file '%s' of provider '%s' cannot be read: %s",
                    entry->secret_file, entry->id, strerror(errno));
    if (stat(entry->secret_file, &status) == 0 && (status.st_mode & S_IROTH) != 0)
        return fail(loading, "everybody may read the client_secret_file '%s'; chmod o-r",
                    entry->secret_file);
    length = strcspn(text, "\r\n");
    *ret_secret = arena_strndup(loading->list->memory, text, length);
    OPENSSL_cleanse((char *)text, SECRET_MAX_BYTES);
    return length > 0 || fail(loading, "the client_secret_file '%s' is empty", entry->secret_file);
}

static bool check_ca_file(const struct loading *loading, const struct entry *entry)
{
    FILE *file = entry->ca_file != NULL ? fopen(entry->ca_file, "re") : NULL;

    if (entry->ca_file == NULL)
        return true;
    if (file == NULL)
        return fail(loading, "the ca_file '%s' of provider '%s' cannot be read: %s", entry->ca_file,
                    entry->id, strerror(errno));
    fclose(file);
    return true;
}

static bool add(const struct loading *loading, const struct entry *entry)
{
    struct provider_list *list = loading->list;
    const char *secret;

    if (list->count == PROVIDERS_MAX)
        return fail(loading, "there are more than %d providers", PROVIDERS_MAX);
    if (!check_texts(loading, entry) || !check_addresses(loading, entry) ||
        !read_secret(loading, entry, &secret) || !check_ca_file(loading, entry))
        return false;
    list->items[list->count++] = (struct provider){
        .id = entry->id,
        .name = entry->name,
        .issuer = entry->issuer,
        .client_id = entry->client_id,
        .client_secret = secret,
        .redirect_uri = entry->redirect_uri,
        .scopes = entry->scopes,
        .fetcher = fetcher_new(entry->ca_file, loading->cleartext),
    };
    return true;
}

/* --- all of them --- */

static bool take_list(const struct loading *loading, struct json_text *text)
{
    struct json_slice name;
    struct entry entry;

    if (json_text_kind(text) != JSON_OBJECT || !json_text_enter(text) ||
        !json_text_member(text, &name) || !json_name_is(name, "providers") ||
        json_text_kind(text) != JSON_ARRAY || !json_text_enter(text))
        return fail(loading, "it must be JSON like {\"providers\": [{\"id\": ...}]}");
    while (json_text_item(text))
        if (!take_entry(text, loading, &entry) || !add(loading, &entry))
            return false;
    if (json_text_member(text, &name))
        return fail(loading, "there is something beside \"providers\"");
    return json_text_close(text) || fail(loading, "%s", text->error);
}

static bool load(const struct loading *loading)
{
    struct json_text text;
    struct bytes json = {0};

    json.data = (const uint8_t *)read_file(loading->list->memory, loading->path, FILE_MAX_BYTES,
                                           &json.length);
    if (json.data == NULL)
        return fail(loading, "it cannot be read: %s", strerror(errno));
    if (!json_fields_open(&text, loading->list->memory, json))
        return fail(loading, "it is not UTF-8");
    return take_list(loading, &text);
}

struct provider_list *provider_list_load(const char *path, bool cleartext, char *reterr,
                                         size_t reterr_size)
{
    struct provider_list *list = calloc(1, sizeof(*list));
    struct loading loading = {list, path, cleartext, reterr, reterr_size};

    if (list == NULL)
        abort();
    list->memory = arena_new();
    if (path[0] == '\0' || load(&loading))
        return list;
    provider_list_free(list);
    return NULL;
}

void provider_list_interrupt(const struct provider_list *list)
{
    for (size_t i = 0; list != NULL && i < list->count; i++)
        fetcher_interrupt(list->items[i].fetcher);
}

void provider_list_free(struct provider_list *list)
{
    if (list == NULL)
        return;
    provider_list_interrupt(list);
    for (size_t i = 0; i < list->count; i++) {
        fetcher_free(list->items[i].fetcher);
        if (list->items[i].client_secret != NULL)
            OPENSSL_cleanse((char *)list->items[i].client_secret,
                            strlen(list->items[i].client_secret));
    }
    arena_free(list->memory);
    free(list);
}

const struct provider *provider_find(const struct provider_list *list, const char *id)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].id, id) == 0)
            return &list->items[i];
    return NULL;
}

const struct provider *provider_find_issuer(const struct provider_list *list, const char *issuer)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].issuer, issuer) == 0)
            return &list->items[i];
    return NULL;
}
