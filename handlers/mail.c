#include "handlers/mail.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/workers.h"
#include "db/queries/credentials.h"
#include "handlers/devices.h"
#include "handlers/mail_text.h"
#include "handlers/outbox.h"
#include "handlers/secrets.h"
#include "handlers/smtp.h"

#define KIND "mail"
#define PURPOSE "outbox.mail"
#define THREADS 4
#define QUEUE 256
#define ID_BYTES 16
#define FIELDS 8 /* id, time, kind, to, user name, token, place, detail */

/* Of the process; written before the loops start. */
static struct {
    struct mail_config config;
    const struct secrets *secrets;
    struct arena *arena; /* holds what was derived from the configuration */
    const char *from_address, *site_url, *smtp_password;
    struct workers *workers;
    atomic_bool interrupted;
} mailer;

/* --- into the outbox --- */

/* Texts with a NUL behind each, so that none can hold another's place. */
static void write_fields(struct buffer *out, const struct mail *mail, const char *place)
{
    unsigned char random_bytes[ID_BYTES];
    char id[2 * ID_BYTES + 1];
    const char *texts[] = {mail->to, mail->user_name, mail->token, place, mail->detail};

    randombytes_buf(random_bytes, sizeof(random_bytes));
    sodium_bin2hex(id, sizeof(id), random_bytes, sizeof(random_bytes));
    buffer_printf(out, "%s%c%lld%c%d%c", id, '\0', (long long)(clock_wall_us() / 1000000), '\0',
                  (int)mail->kind, '\0');
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        buffer_append_string(out, texts[i] != NULL ? texts[i] : "");
        buffer_append_char(out, '\0');
    }
}

static enum status add(struct arena *arena, struct db *tx, const struct mail *mail,
                       const char *place)
{
    struct buffer plain = {0};
    struct bytes sealed;
    bool is_sealed;

    write_fields(&plain, mail, place);
    is_sealed = secrets_seal(mailer.secrets, arena, PURPOSE, 0,
                             (struct bytes){buffer_data(&plain), plain.length}, &sealed);
    sodium_memzero(buffer_data(&plain), plain.length);
    buffer_free(&plain);
    return is_sealed ? outbox_add(tx, KIND, OUTBOX_SLOW, sealed) : STATUS_INTERNAL;
}

enum status mail_later(struct rpc_call *call, struct db *tx, const struct mail *mail)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    const char *place = mail->place;

    if (!mail_address_is_valid(mail->to))
        return STATUS_INVALID_ARGUMENT;
    if (place == NULL && call != NULL)
        place = device_place(arena, call->peer);
    return add(arena, tx, mail, place);
}

enum status mail_owner_later(struct rpc_call *call, struct db *tx, int64_t account_id,
                             enum mail_kind kind, const char *detail)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new();
    struct credentials_owner_row *owner;

    TRY(credentials_owner(tx, arena, account_id, &owner));
    if (!owner->email_verified)
        return STATUS_OK;
    return mail_later(
        call, tx,
        &(struct mail){
            .to = owner->email, .kind = kind, .user_name = owner->user_name, .detail = detail});
}

/* --- out of it, on a worker --- */

struct delivery {
    const char *id, *to;
    struct bytes message;
    int64_t at_us;
    enum status status;
    char error[200];
};

/* Under a name of its own first: who lists the folder sees whole mails only. */
static enum status write_file(struct delivery *delivery, const char *draft, const char *path)
{
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written;

    if (fd < 0)
        return STATUS_INTERNAL;
    written = write(fd, delivery->message.data, delivery->message.length) ==
              (ssize_t)delivery->message.length;
    if (close(fd) == 0 && written && rename(draft, path) == 0)
        return STATUS_OK;
    unlink(draft);
    return STATUS_INTERNAL;
}

static void deliver_as_file(struct delivery *delivery)
{
    char draft[PATH_MAX], path[PATH_MAX];

    snprintf(draft, sizeof(draft), "%s/.%s", mailer.config.directory, delivery->id);
    snprintf(path, sizeof(path), "%s/%lld-%s.eml", mailer.config.directory,
             (long long)delivery->at_us, delivery->id);
    delivery->status = write_file(delivery, draft, path);
    if (delivery->status != STATUS_OK)
        snprintf(delivery->error, sizeof(delivery->error), "mail.directory: %s", strerror(errno));
}

static void deliver_by_smtp(struct delivery *delivery)
{
    struct smtp_config smtp = {
        .url = mailer.config.smtp_url,
        .user = mailer.config.smtp_user[0] != '\0' ? mailer.config.smtp_user : NULL,
        .password = mailer.smtp_password,
        .ca = mailer.config.smtp_ca[0] != '\0' ? mailer.config.smtp_ca : NULL,
        .tls = mailer.config.smtp_tls,
        .interrupted = &mailer.interrupted,
    };

    delivery->status = smtp_send(&smtp, mailer.from_address, delivery->to, delivery->message,
                                 delivery->error, sizeof(delivery->error));
}

static void deliver(void *argument)
{
    struct delivery *delivery = argument;

    if (mailer.config.smtp_url[0] != '\0')
        deliver_by_smtp(delivery);
    else
        deliver_as_file(delivery);
}

/* --- out of it, on the loop --- */

static bool read_fields(struct bytes plain, const char *fields[FIELDS])
{
    const char *at = (const char *)plain.data, *end = at + plain.length;

    for (size_t i = 0; i < FIELDS; i++) {
        const char *nul = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
        if (nul == NULL)
            return false;
        fields[i] = at;
        at = nul + 1;
    }
    return at == end;
}

static enum status prepare(struct outbox_task *task, struct delivery *ret)
{
    const char *fields[FIELDS];
    struct mail_frame frame = {.from = mailer.config.from, .site_url = mailer.site_url};
    struct bytes plain;
    struct mail mail;

    if (!secrets_open(mailer.secrets, task->arena, PURPOSE, 0, task->payload, &plain) ||
        !read_fields(plain, fields))
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT,
                                "it was not sealed with this master key");
    frame.id = fields[0];
    frame.sent_at_s = strtoll(fields[1], NULL, 10);
    mail = (struct mail){
        .kind = (enum mail_kind)strtol(fields[2], NULL, 10),
        .to = fields[3],
        .user_name = fields[4],
        .token = fields[5],
        .place = fields[6],
        .detail = fields[7],
    };
    *ret = (struct delivery){.id = fields[0], .to = fields[3], .at_us = clock_wall_us()};
    if (mail_render(task->arena, &frame, &mail, &ret->message) != STATUS_OK)
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT, "there is no such mail");
    return STATUS_OK;
}

static enum status send_mail(struct outbox_task *task)
{
    struct delivery delivery;

    if (mailer.config.smtp_url[0] == '\0' && mailer.config.directory[0] == '\0')
        return outbox_fail_task(task, STATUS_INVALID_ARGUMENT,
                                "neither mail.smtp_url nor mail.directory is set");
    TRY(prepare(task, &delivery));
    TRY(workers_run(mailer.workers, deliver, &delivery));
    if (delivery.status != STATUS_OK)
        return outbox_fail_task(task, delivery.status, "%s", delivery.error);
    return STATUS_OK;
}

void mail_register(void)
{
    outbox_register(KIND, send_mail);
}

/* --- life --- */

static bool complain(char *reterr, size_t reterr_size, const char *sentence, const char *value)
{
    snprintf(reterr, reterr_size, sentence, value);
    return false;
}

/* The first line of a file. NULL if it cannot be read, or is empty or too long. */
static const char *read_secret(struct arena *arena, const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "re");
    char *text = NULL;

    if (file == NULL)
        return NULL;
    if (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        text = line[0] != '\0' ? arena_strdup(arena, line) : NULL;
    }
    sodium_memzero(line, sizeof(line));
    fclose(file);
    return text;
}

static bool check_smtp(const struct mail_config *config, char *reterr, size_t reterr_size)
{
    bool starttls = strncmp(config->smtp_url, "smtp://", 7) == 0;

    if (config->directory[0] != '\0')
        return complain(reterr, reterr_size,
                        "mail.directory and mail.smtp_url are both set; choose one%s", "");
    if (!starttls && strncmp(config->smtp_url, "smtps://", 8) != 0)
        return complain(reterr, reterr_size,
                        "mail.smtp_url: '%s' is neither smtp://host:port nor smtps://host:port",
                        config->smtp_url);
    if (strchr(config->smtp_url, '@') != NULL)
        return complain(reterr, reterr_size,
                        "mail.smtp_url holds a name or password; use mail.smtp_user and "
                        "mail.smtp_password_file%s",
                        "");
    if (config->smtp_user[0] != '\0' && starttls && !config->smtp_tls)
        return complain(reterr, reterr_size,
                        "mail.smtp_tls is off, so that the password of mail.smtp_user would be "
                        "sent in the open%s",
                        "");
    if (config->smtp_user[0] == '\0')
        return true;
    mailer.smtp_password = read_secret(mailer.arena, config->smtp_password_file);
    return mailer.smtp_password != NULL ||
           complain(reterr, reterr_size, "mail.smtp_password_file: '%s' holds no password",
                    config->smtp_password_file);
}

static bool check_directory(const char *directory, char *reterr, size_t reterr_size)
{
    if ((mkdir(directory, 0700) == 0 || errno == EEXIST) && access(directory, W_OK | X_OK) == 0)
        return true;
    return complain(reterr, reterr_size, "mail.directory: nothing can be written to '%s'",
                    directory);
}

static bool check_site(const char *url, char *reterr, size_t reterr_size)
{
    size_t length = strlen(url);
    bool is_url = strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;

    for (const char *c = url; *c != '\0'; c++)
        is_url = is_url && *c > ' ' && *c <= '~' && strchr("\"'<>#?", *c) == NULL;
    if (!is_url || length > 200)
        return complain(reterr, reterr_size,
                        "mail.site_url: '%s' is no address of a site, such as "
                        "https://play.example.org",
                        url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    mailer.site_url = arena_strndup(mailer.arena, url, length);
    return true;
}

static bool check(const struct mail_config *config, char *reterr, size_t reterr_size)
{
    mailer.from_address = mail_address_of(mailer.arena, config->from);
    if (mailer.from_address == NULL)
        return complain(reterr, reterr_size,
                        "mail.from: '%s' is no sender, such as Waystone <noreply@example.org>",
                        config->from);
    if (!check_site(config->site_url, reterr, reterr_size))
        return false;
    if (config->smtp_url[0] != '\0')
        return check_smtp(config, reterr, reterr_size);
    if (config->directory[0] != '\0')
        return check_directory(config->directory, reterr, reterr_size);
    log_warning("no mail is sent: neither mail.smtp_url nor mail.directory is set");
    return true;
}

bool mail_start(const struct mail_config *config, const struct secrets *secrets, char *reterr,
                size_t reterr_size)
{
    mailer.arena = arena_new();
    mailer.config = *config;
    mailer.secrets = secrets;
    if (!check(config, reterr, reterr_size))
        return false;
    if (!smtp_start())
        return complain(reterr, reterr_size, "libcurl does not start%s", "");
    mailer.workers = workers_new(THREADS, QUEUE);
    return true;
}

void mail_interrupt(void)
{
    atomic_store(&mailer.interrupted, true);
}

void mail_stop(void)
{
    workers_free(mailer.workers);
    smtp_stop();
    arena_free(mailer.arena);
}
