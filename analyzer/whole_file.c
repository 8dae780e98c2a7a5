/* whole_file.c - see whole_file.h. */
#include "whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"

char *whole_file_read(const char *path, size_t max, size_t *n) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    size_t cap = 1 << 16;
    char *bytes = fd >= 0 ? xalloc(cap) : NULL;
    *n = 0;
    while (bytes) {
        if (*n == cap) {
            bytes = xrealloc(bytes, cap *= 2, 1);
        }
        ssize_t done = read(fd, bytes + *n, cap - *n);
        if (done == 0) {
            bytes = xrealloc(bytes, *n, 1); /* so that tools see whoever reads past the end */
            break;
        }
        *n += done > 0 ? (size_t)done : 0;
        if ((done < 0 && errno != EINTR) || *n > max) {
            errno = done < 0 ? errno : EFBIG;
            free(bytes);
            bytes = NULL;
        }
    }
    if (fd >= 0) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return bytes;
}

static int write_all(int fd, const char *bytes, size_t n) {
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno != EINTR) {
            return -errno;
        }
        bytes += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

/* Into what is there already. A failure leaves a regular file as long as it was. */
static int write_into(const char *path, int flags, const void *bytes, size_t n) {
    struct stat st;
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags, 0666);
    if (fd < 0) {
        return -errno;
    }
    bool is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    int status = write_all(fd, bytes, n);
    if (status != 0 && is_regular && ftruncate(fd, st.st_size) != 0) {
        diag_warning("%s: cannot be cut back: %s", path, strerror(errno));
    }
    if (close(fd) != 0 && status == 0) {
        status = -errno;
    }
    return status;
}

static int write_new(const char *path, mode_t mode, const void *bytes, size_t n) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return -errno;
    }
    int status = write_all(fd, bytes, n);
    if (close(fd) != 0 && status == 0) {
        status = -errno;
    }
    return status;
}

/* Beside the file that the path leads to. */
static int replace_regular(const char *path, const struct stat *old, const void *bytes, size_t n) {
    char *real = old ? realpath(path, NULL) : NULL, *fresh = NULL;
    const char *to = real ? real : path;
    if (asprintf(&fresh, "%s.%ld.new", to, (long)getpid()) < 0) {
        free(real);
        return -ENOMEM;
    }
    int status = write_new(fresh, 0666, bytes, n);
    if (status == 0 && old && chmod(fresh, old->st_mode & 07777) != 0) {
        status = -errno;
    }
    if (status == 0 && rename(fresh, to) != 0) {
        status = -errno;
    }
    if (status != 0 && status != -EEXIST) {
        unlink(fresh);
    }
    free(fresh);
    free(real);
    return status;
}

int whole_file_replace(const char *path, const void *bytes, size_t n) {
    struct stat st;
    bool is_there = stat(path, &st) == 0;
    if (is_there && S_ISDIR(st.st_mode)) {
        return -EISDIR;
    }
    if (is_there && !S_ISREG(st.st_mode)) {
        return write_into(path, 0, bytes, n);
    }
    return replace_regular(path, is_there ? &st : NULL, bytes, n);
}

int whole_file_append(const char *path, const void *bytes, size_t n) {
    return write_into(path, O_APPEND | O_CREAT, bytes, n);
}

int whole_file_check(const char *path) {
    struct stat st;
    if (stat(path, &st) == 0) {
        return S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) != 0 ? -errno : 0;
    }
    const char *slash = strrchr(path, '/');
    char *folder = slash == path ? xstrndup("/", 1) : slash ? xstrndup(path, (size_t)(slash - path)) : xstrndup(".", 1);
    int status = access(folder, W_OK | X_OK) != 0 ? -errno : 0;
    free(folder);
    return status;
}

bool whole_file_is_same(const char *a, const char *b) {
    struct stat of_a, of_b;
    bool is_a = stat(a, &of_a) == 0, is_b = stat(b, &of_b) == 0;
    if (is_a && is_b) {
        return S_ISREG(of_a.st_mode) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
    }
    return !is_a && !is_b && strcmp(a, b) == 0;
}
