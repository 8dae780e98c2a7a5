/* process_watch.c - see process_watch.h. */
#include "process_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_files.h"

/* PIDFD_GET_INFO of linux/pidfd.h (6.13; exit codes 6.15), which is newer than the headers we build with. */
struct pidfd_info_v0 {
    uint64_t mask;
    uint64_t cgroupid;
    uint32_t ids[11];
    int32_t exit_code;
};

#define PIDFD_GET_INFO_V0 _IOWR(0xFF, 11, struct pidfd_info_v0)

enum { PIDFD_INFO_EXIT_BIT = 1 << 3 };

void process_watch_open(struct process_watch *w, uint32_t pid) {
    *w = (struct process_watch){.pid = pid, .pidfd = -1};
    struct proc_stat stat;
    if (pid == 0) {
        return;
    }
    w->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    w->is_known = w->pidfd >= 0 || kill((pid_t)pid, 0) == 0 || errno == EPERM;
    if (proc_read_stat(pid, &stat)) {
        w->start_ticks = stat.start_ticks;
        w->start_stack = stat.start_stack;
    }
}

void process_watch_close(struct process_watch *w) {
    if (w->pidfd >= 0) {
        close(w->pidfd);
    }
    w->pidfd = -1;
}

/* A leader that left its threads behind is a zombie, too, but not the end. */
static bool is_zombie(const struct proc_stat *stat) {
    return (stat->state == 'Z' || stat->state == 'X') && stat->n_threads <= 1;
}

bool process_watch_is_alive(const struct process_watch *w) {
    if (!w->is_known) {
        return false;
    }
    if (w->pidfd >= 0) {
        struct pollfd p = {.fd = w->pidfd, .events = POLLIN};
        return poll(&p, 1, 0) <= 0;
    }
    if (kill((pid_t)w->pid, 0) != 0 && errno == ESRCH) {
        return false;
    }
    struct proc_stat stat;
    if (!proc_read_stat(w->pid, &stat)) {
        return kill((pid_t)w->pid, 0) == 0 || errno != ESRCH; /* /proc may be hidden */
    }
    return stat.start_ticks == w->start_ticks && !is_zombie(&stat);
}

bool process_watch_has_execed(const struct process_watch *w) {
    struct proc_stat stat;
    return w->start_stack != 0 && proc_read_stat(w->pid, &stat) && stat.start_ticks == w->start_ticks &&
           stat.start_stack != 0 && stat.start_stack != w->start_stack;
}

static bool wait_status_read(const struct process_watch *w, int *status) {
    struct proc_stat stat;
    if (proc_read_stat(w->pid, &stat) && stat.start_ticks == w->start_ticks && is_zombie(&stat)) {
        *status = stat.exit_code;
        return true;
    }
    struct pidfd_info_v0 info = {.mask = PIDFD_INFO_EXIT_BIT};
    if (w->pidfd >= 0 && ioctl(w->pidfd, PIDFD_GET_INFO_V0, &info) == 0 && (info.mask & PIDFD_INFO_EXIT_BIT)) {
        *status = info.exit_code;
        return true;
    }
    return false;
}

struct process_end process_watch_end(const struct process_watch *w, const struct ring_header *ring) {
    bool has_exited = atomic_load_explicit(&ring->target_state, memory_order_acquire) == RING_TARGET_EXITED;
    int status = 0;
    bool is_read = w->is_known && wait_status_read(w, &status);
    if (is_read && WIFSIGNALED(status)) {
        return (struct process_end){TRACE_END_SIGNAL, (uint32_t)WTERMSIG(status)};
    }
    /* A status of 0 also means that we may not look: then only exit()'s word counts. */
    if (is_read && (status != 0 || !has_exited)) {
        return (struct process_end){status != 0 || w->start_stack != 0 ? TRACE_END_EXIT : TRACE_END_UNKNOWN,
                                    (uint32_t)WEXITSTATUS(status)};
    }
    if (has_exited) {
        uint32_t value = atomic_load_explicit(&ring->exit_status, memory_order_relaxed);
        return (struct process_end){TRACE_END_EXIT, value & 0xff};
    }
    return (struct process_end){TRACE_END_UNKNOWN, 0};
}
