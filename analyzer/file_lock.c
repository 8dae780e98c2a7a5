/* file_lock.c - see file_lock.h. */
#include "file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 10 };

/* Is that file still the one of the name? A recorder with a limit puts another one in its place, which is locked before. */
static bool is_in_place(int fd, const char *path) {
    struct stat here, there;
    return fstat(fd, &here) != 0 || stat(path, &there) != 0 || (here.st_dev == there.st_dev && here.st_ino == there.st_ino);
}

static bool is_free(const char *path) {
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
            return true;
        }
        bool is_unlocked = flock(fd, LOCK_SH | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR);
        bool is_settled = !is_unlocked || is_in_place(fd, path);
        close(fd);
        if (is_settled) {
            return is_unlocked;
        }
    }
}

bool file_lock_wait(const char *path, unsigned wait_ms) {
    for (unsigned waited_ms = 0;; waited_ms += POLL_MS) {
        if (is_free(path)) {
            return true;
        }
        if (waited_ms >= wait_ms) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
}
