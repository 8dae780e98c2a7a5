/* file_lock.c - see file_lock.h. */
#include "file_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 10 };

bool file_lock_wait(const char *path, unsigned wait_ms) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return true;
    }
    bool is_free = false;
    for (unsigned waited_ms = 0;; waited_ms += POLL_MS) {
        is_free = flock(fd, LOCK_SH | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR);
        if (is_free || waited_ms >= wait_ms) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
    }
    close(fd);
    return is_free;
}
