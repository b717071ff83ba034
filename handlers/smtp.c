#include "handlers/smtp.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS 5000L
#define TOTAL_MS 20000L

struct upload {
    struct bytes left;
    const atomic_bool *interrupted;
};

bool smtp_start(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

void smtp_stop(void)
{
    curl_global_cleanup();
}

static size_t give(char *out, size_t size, size_t count, void *user)
{
    struct upload *upload = user;
    size_t length = size * count < upload->left.length ? size * count : upload->left.length;

    memcpy(out, upload->left.data, length);
    upload->left.data += length;
    upload->left.length -= length;
    return length;
}

/* Called about once a second, whatever the server does. */
static int may_go_on(void *user, curl_off_t download, curl_off_t downloaded, curl_off_t length,
                     curl_off_t sent)
{
    const struct upload *upload = user;

    return atomic_load(upload->interrupted) ? 1 : 0;
}

static void set_security(CURL *curl, const struct smtp_config *config)
{
    curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(config->tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (config->ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, config->ca);
    if (config->user != NULL) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, config->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, config->password);
    }
}

static void set_transfer(CURL *curl, const struct smtp_config *config, struct upload *upload)
{
    curl_easy_setopt(curl, CURLOPT_URL, config->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, upload);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, may_go_on);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, upload);
}

/* What a server says about a recipient or a message, rather than about us or itself (RFC 5321,
 * 4.2.3). */
static bool is_final(long response)
{
    return response >= 550 && response <= 554;
}

static enum status judge(CURL *curl, CURLcode code, const char *why, char *reterr,
                         size_t reterr_size)
{
    long response = 0;

    if (code == CURLE_OK)
        return STATUS_OK;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &response);
    snprintf(reterr, reterr_size, "%s (the server's last answer: %ld)",
             why[0] != '\0' ? why : curl_easy_strerror(code), response);
    return is_final(response) && code != CURLE_LOGIN_DENIED ? STATUS_INVALID_ARGUMENT
                                                            : STATUS_INTERNAL;
}

enum status smtp_send(const struct smtp_config *config, const char *from, const char *to,
                      struct bytes message, char *reterr, size_t reterr_size)
{
    struct upload upload = {message, config->interrupted};
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *recipients;
    enum status status;
    CURL *curl = curl_easy_init();

    if (curl == NULL)
        return STATUS_INTERNAL;
    recipients = curl_slist_append(NULL, to);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    set_transfer(curl, config, &upload);
    set_security(curl, config);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients);
    status = judge(curl, curl_easy_perform(curl), why, reterr, reterr_size);
    curl_slist_free_all(recipients);
    curl_easy_cleanup(curl);
    return status;
}
