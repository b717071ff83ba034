#include "handlers/audit_head.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        text += written;
        length -= (size_t)written;
    }
    return fsync(fd) == 0;
}

/* A rename that was not written may be undone by a crash. */
static bool sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    bool synced;
    int fd;

    snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - path + 1) : 1,
             slash != NULL ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    synced = fsync(fd) == 0;
    close(fd);
    return synced;
}

bool audit_head_write(const char *path, int64_t position, const char *hash_hex)
{
    char draft[PATH_MAX], line[128];
    int length = snprintf(line, sizeof(line), "%lld:%s\n", (long long)position, hash_hex), fd;
    bool written;

    if (snprintf(draft, sizeof(draft), "%s.%d.new", path, (int)getpid()) >= (int)sizeof(draft)) {
        errno = ENAMETOOLONG;
        return false;
    }
    fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    written = write_all(fd, line, (size_t)length);
    if (close(fd) == 0 && written && rename(draft, path) == 0)
        return sync_folder(path);
    unlink(draft);
    return false;
}
