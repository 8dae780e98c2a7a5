/* rooted_open.c - see rooted_open.h. */
#include "rooted_open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
    LINKS_MAX = 40, /* as the kernel has it: path_resolution(7) */
    TRIES_MAX = 16, /* EAGAIN: something was renamed meanwhile, anywhere in the system */
};

/* Returns fd, or -1 if it is no regular file. */
static int only_regular(int fd) {
    struct stat st;
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* A path being resolved: no symlink in `done`, anything in `rest`. */
struct walk {
    char done[PATH_MAX], rest[PATH_MAX];
    unsigned n_links;
};

static void drop_last(char *path) {
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = '\0';
}

/* Cut the first component off walk->rest and append it to walk->done. Returns 1, 0 if none is left, -1 if it is too long. */
static int take_component(struct walk *walk) {
    const char *name = walk->rest + strspn(walk->rest, "/");
    size_t n = strcspn(name, "/"), n_done = strlen(walk->done);
    if (n == 0) {
        return 0;
    }
    if (n == 2 && memcmp(name, "..", 2) == 0) {
        drop_last(walk->done);
    } else if (n != 1 || name[0] != '.') {
        if (n_done + 1 + n >= sizeof walk->done) {
            return -1;
        }
        snprintf(walk->done + n_done, sizeof walk->done - n_done, "%s%.*s", n_done ? "/" : "", (int)n, name);
    }
    memmove(walk->rest, name + n, strlen(name + n) + 1);
    return 1;
}

/* Put a symlink's target in its place. Returns false if there are too many, or it is too long. */
static bool follow(struct walk *walk, const char *target, size_t n) {
    size_t n_rest = strlen(walk->rest);
    if (++walk->n_links > LINKS_MAX || n + n_rest >= sizeof walk->rest) {
        return false;
    }
    memmove(walk->rest + n, walk->rest, n_rest + 1); /* empty, or it begins with a slash */
    memcpy(walk->rest, target, n);
    if (target[0] == '/') {
        walk->done[0] = '\0';
    } else {
        drop_last(walk->done);
    }
    return true;
}

static int open_walked(int root, const char *path) {
    struct walk walk = {.n_links = 0};
    char target[PATH_MAX];
    if (strlen(path) >= sizeof walk.rest) {
        return -1;
    }
    strcpy(walk.rest, path);
    for (int taken; (taken = take_component(&walk)) != 0;) {
        ssize_t n = taken < 0 || !walk.done[0] ? 0 : readlinkat(root, walk.done, target, sizeof target);
        if (taken < 0 || (n > 0 && !follow(&walk, target, (size_t)n))) {
            return -1;
        }
    }
    return walk.done[0] ? openat(root, walk.done, READ_FLAGS | O_NOFOLLOW) : -1;
}

/* Returns a descriptor, or -1 with errno. */
static int open_resolved(int root, const char *path) {
    struct open_how how = {.flags = READ_FLAGS, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = -1;
    for (int tries = 0; tries < TRIES_MAX; tries++) {
        fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN) {
            break;
        }
    }
    return fd;
}

static int open_below(const char *root, const char *path, bool is_walk) {
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        return -1;
    }
    int fd = is_walk ? -1 : open_resolved(root_fd, path);
    if (is_walk || (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EAGAIN))) {
        fd = open_walked(root_fd, path);
    }
    close(root_fd);
    return only_regular(fd);
}

int rooted_open(const char *root, const char *path) {
    return root ? open_below(root, path, false) : only_regular(open(path, READ_FLAGS));
}

int rooted_open_by_walk(const char *root, const char *path) {
    return open_below(root, path, true);
}
