/* surroundings.c - see surroundings.h. */
#include "surroundings.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_FREE_FD = 3 };

/* Something that neither reads nor writes: a bare root has no /dev/null. */
static int open_nothing(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : open("/", O_PATH | O_CLOEXEC);
}

void surroundings_fill_standard_fds(void) {
    int fd;
    do {
        fd = open_nothing();
    } while (fd >= 0 && fd < FIRST_FREE_FD);
    if (fd >= 0) {
        close(fd);
    }
}

void surroundings_ignore_signals(void) {
    static const int ignored[] = {SIGINT, SIGHUP, SIGTERM, SIGPIPE, SIGQUIT, SIGXFSZ, SIGXCPU};
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        signal(ignored[i], SIG_IGN);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(unsigned first, unsigned last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) {
        return;
    }
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d && (e = readdir(d));) {
        unsigned fd = (unsigned)strtoul(e->d_name, NULL, 10);
        if (fd >= first && fd <= last && (int)fd != dirfd(d)) {
            close((int)fd);
        }
    }
    if (d) {
        closedir(d);
    }
}

void surroundings_close_all_but(int fd, int dir_fd) {
    int low = dir_fd >= 0 && dir_fd < fd ? dir_fd : fd, high = dir_fd > fd ? dir_fd : fd;
    close_from(FIRST_FREE_FD, (unsigned)low - 1);
    close_from((unsigned)low + 1, (unsigned)high - 1);
    close_from((unsigned)high + 1, ~0u);
}

void surroundings_leave(void) {
    setsid();
    int nothing = open_nothing();
    for (int fd = 0; nothing >= 0 && fd < FIRST_FREE_FD; fd++) {
        dup2(nothing, fd);
    }
    close(nothing);
    if (chdir("/") != 0) {
        /* Then we stay where we are: no harm but a busy mount. */
    }
}

void surroundings_raise_limits(void) {
    static const int resources[] = {RLIMIT_NOFILE, RLIMIT_AS, RLIMIT_DATA, RLIMIT_CPU};
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        struct rlimit limit;
        if (getrlimit(resources[i], &limit) == 0) {
            struct rlimit none = {resources[i] == RLIMIT_NOFILE ? limit.rlim_max : RLIM_INFINITY, limit.rlim_max};
            none.rlim_max = none.rlim_cur > limit.rlim_max ? none.rlim_cur : limit.rlim_max;
            limit.rlim_cur = limit.rlim_max;
            if (setrlimit(resources[i], &none) != 0) { /* only root may */
                setrlimit(resources[i], &limit);
            }
        }
    }
}
