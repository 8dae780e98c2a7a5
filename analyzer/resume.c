/* resume.c - see resume.h.
 *
 * The files belong to whoever was traced. What root reads may have been laid out by another user, so the collector runs as their owner.
 */
#include "resume.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "diag.h"
#include "file_lock.h"
#include "run_environment.h"

/* In the child. */
static _Noreturn void become_collector(const char *collector, const char *trace, const struct stat *owner) {
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
    }
    if (geteuid() == 0 && owner->st_uid != 0 &&
        (setgroups(0, NULL) != 0 || setgid(owner->st_gid) != 0 || setuid(owner->st_uid) != 0)) {
        diag_error("cannot become the owner of %s: %s", trace, strerror(errno));
        _exit(SEEP_EXIT_UNREADABLE);
    }
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0); /* it lives on: what the caller has open is none of its business */
    execl(collector, "seep-collect", "--resume", trace, (char *)NULL);
    diag_error("cannot run %s: %s", collector, strerror(errno));
    _exit(SEEP_EXIT_UNREADABLE);
}

static void run_collector(const char *trace, const struct stat *owner) {
    char collector[PATH_MAX];
    if (run_find_companion("seep-collect", collector) != 0) {
        diag_warning("%s: seep-collect is neither beside seep nor in ../lib/seep: the trace is read as it is", trace);
        return;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        become_collector(collector, trace, owner);
    }
    if (pid < 0) {
        diag_warning("cannot run %s: %s: the trace is read as it is", collector, strerror(errno));
    }
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

void resume_abandoned(const char *path) {
    char trace[PATH_MAX], state[PATH_MAX + sizeof ".state"];
    struct stat st;
    if (!realpath(path, trace)) {
        return;
    }
    snprintf(state, sizeof state, "%s.state", trace);
    /* An empty one says that all is done. */
    if (lstat(state, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || !file_lock_wait(trace, 0)) {
        return;
    }
    if (geteuid() != 0 && st.st_uid != geteuid()) {
        diag_warning("%s: its collector was killed; user %u, whose files these are, can have what it left behind by "
                     "reading the trace",
                     path, st.st_uid);
        return;
    }
    diag_error("%s: its collector was killed; another one goes on with what it left behind", path);
    run_collector(trace, &st);
}
