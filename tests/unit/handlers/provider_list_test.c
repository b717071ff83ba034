#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers/fetch.h"
#include "handlers/provider_list.h"

TestSuite(provider_list, .timeout = 30);

struct files {
    char folder[64], list[128], secret[128];
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

static void files_make(struct files *files)
{
    strcpy(files->folder, "/tmp/waystone-providers-XXXXXX");
    cr_assert_not_null(mkdtemp(files->folder));
    snprintf(files->list, sizeof(files->list), "%s/providers.json", files->folder);
    snprintf(files->secret, sizeof(files->secret), "%s/secret", files->folder);
    write_text(files->secret, "hush\n");
}

static void files_removep(struct files *files)
{
    unlink(files->list);
    unlink(files->secret);
    rmdir(files->folder);
}

#define FIRST                                                                       \
    "{\"id\": \"one\", \"name\": \"One\", \"issuer\": \"https://one.example.org\"," \
    " \"client_id\": \"us\", \"redirect_uri\": \"https://play.example.org/sign-in/provider\""

/* What is wrong with a file must be said with these words. */
static void refused(const char *text, const char *word)
{
    CLEANUP(files_removep) struct files files;
    char error[512] = "";
    struct provider_list *list;

    files_make(&files);
    write_text(files.list, text);
    list = provider_list_load(files.list, false, error, sizeof(error));
    cr_expect_null(list, "taken: %s", text);
    cr_expect(strstr(error, word) != NULL, "%s: '%s' is not in '%s'", text, word, error);
    cr_expect(strstr(error, files.list) != NULL, "'%s' does not name the file", error);
    provider_list_free(list);
}

Test(provider_list, none_without_a_file)
{
    char error[512] = "";
    struct provider_list *list = provider_list_load("", false, error, sizeof(error));

    cr_assert_not_null(list);
    cr_expect_eq(list->count, 0);
    cr_expect_null(provider_find(list, "one"));
    provider_list_free(list);
}

Test(provider_list, what_is_written_is_read)
{
    CLEANUP(files_removep) struct files files;
    char text[1024], error[512] = "";
    struct provider_list *list;

    files_make(&files);
    snprintf(
        text, sizeof(text),
        "{\"providers\": [" FIRST ", \"client_secret_file\": \"%s\"},"
        " {\"id\": \"two\", \"name\": \"Zw\xc3\xb6lf\", \"issuer\": \"https://two.example.org/\","
        " \"client_id\": \"us\", \"redirect_uri\": \"https://play.example.org/x\","
        " \"scopes\": \"openid\"}]}",
        files.secret);
    write_text(files.list, text);
    list = provider_list_load(files.list, false, error, sizeof(error));
    cr_assert_not_null(list, "%s", error);
    cr_assert_eq(list->count, 2);
    cr_expect_str_eq(provider_find(list, "one")->client_secret, "hush");
    cr_expect_str_eq(provider_find(list, "one")->scopes, "openid email profile");
    cr_expect_null(provider_find(list, "two")->client_secret);
    cr_expect_str_eq(provider_find(list, "two")->scopes, "openid");
    cr_expect_eq(provider_find_issuer(list, "https://two.example.org/"), &list->items[1]);
    cr_expect_null(provider_find_issuer(list, "https://two.example.org"));
    provider_list_free(list);
}

Test(provider_list, what_is_wrong_is_said)
{
    refused("", "cannot be read");
    refused("{", "providers");
    refused("[]", "providers");
    refused("{\"providers\": {}}", "providers");
    refused("{\"providers\": [1]}", "list of providers");
    refused("{\"providers\": [" FIRST "}], \"more\": 1}", "beside");
    refused("{\"providers\": [" FIRST "}]} x", "behind");
    refused("{\"providers\": [" FIRST "}, " FIRST "}]}", "two providers 'one'");
    refused("{\"providers\": [" FIRST ", \"client_secret\": \"hush\"}]}", "client_secret");
    refused("{\"providers\": [" FIRST ", \"client_secret_file\": \"/nowhere\"}]}", "/nowhere");
    refused("{\"providers\": [" FIRST ", \"client_secret_file\": \"/dev/null\"}]}", "/dev/null");
    refused("{\"providers\": [" FIRST ", \"ca_file\": \"/nowhere\"}]}", "/nowhere");
    refused("{\"providers\": [" FIRST ", \"scopes\": \"email openidx\"}]}", "openid");
    refused("{\"providers\": [" FIRST ", \"id\": \"One\"}]}", "One");
    refused("{\"providers\": [" FIRST ", \"name\": \"\"}]}", "name");
    refused("{\"providers\": [" FIRST ", \"client_id\": \"\"}]}", "client_id");
    refused("{\"providers\": [" FIRST ", \"issuer\": \"http://127.0.0.1:1\"}]}", "https://");
    refused("{\"providers\": [" FIRST ", \"issuer\": \"https://x.org?a\"}]}", "issuer");
    refused("{\"providers\": [" FIRST ", \"redirect_uri\": \"http://play.example.org\"}]}",
            "redirect_uri");
    refused("{\"providers\": [" FIRST "}, " FIRST ", \"id\": \"two\"}]}", "issuer");
    refused("{\"providers\": [" FIRST ", \"name\": \"\xff\"}]}", "UTF-8");
}

Test(provider_list, a_secret_that_everybody_may_read)
{
    CLEANUP(files_removep) struct files files;
    char text[1024], error[512] = "";

    files_make(&files);
    chmod(files.secret, 0644);
    snprintf(text, sizeof(text), "{\"providers\": [" FIRST ", \"client_secret_file\": \"%s\"}]}",
             files.secret);
    write_text(files.list, text);
    cr_expect_null(provider_list_load(files.list, false, error, sizeof(error)));
    cr_expect(strstr(error, "chmod") != NULL, "%s", error);
    cr_expect(strstr(error, "hush") == NULL, "%s", error);
}

Test(provider_list, cleartext_on_this_machine_where_it_is_allowed)
{
    CLEANUP(files_removep) struct files files;
    char error[512] = "";
    struct provider_list *list;

    files_make(&files);
    write_text(files.list, "{\"providers\": [" FIRST ", \"issuer\": \"http://127.0.0.1:3000\"}]}");
    list = provider_list_load(files.list, true, error, sizeof(error));
    cr_assert_not_null(list, "%s", error);
    cr_expect(fetcher_allows(list->items[0].fetcher, "http://127.0.0.1:3000/token"));
    provider_list_free(list);
}
