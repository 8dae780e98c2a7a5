/* sys.c - the shim's system calls; see sys.h. Not by syscall(), which is among the functions interposed. */
#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "quiet.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
    MESSAGE_BYTES = 1024,
    LOWEST_ADDRESS = 4096,
    ADDRESS_SHARE = 32, /* of RLIMIT_AS at most one such part */
    STATUS_BYTES = 4096,
    COPY_PAUSE_NS_MIN = 50 * 1000,
    COPY_PAUSE_NS_MAX = 2 * 1000 * 1000,
};

static bool is_stderr_open;

static long call(long number, long a, long b, long c, long d) {
    return arch_syscall(number, a, b, c, d, 0, 0);
}

void *sys_map_private(size_t size_bytes) {
    if (quiet_is_on) {
        return quiet_take(size_bytes);
    }
    int saved = errno;
    void *p = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    errno = saved;
    return p == MAP_FAILED ? NULL : p;
}

void sys_unmap(void *p, size_t size_bytes) {
    if (quiet_is_on) {
        quiet_give_back(p, size_bytes);
        return;
    }
    int saved = errno;
    munmap(p, size_bytes);
    errno = saved;
}

bool sys_wipe_on_fork(void *p, size_t size_bytes) {
    int saved = errno;
    bool is_done = madvise(p, size_bytes, MADV_WIPEONFORK) == 0;
    errno = saved;
    return is_done;
}

int sys_populate(void *p, size_t size_bytes) {
    int saved = errno;
    int result = madvise(p, size_bytes, MADV_POPULATE_WRITE) == 0 ? 0 : -errno;
    errno = saved;
    return result;
}

int sys_gettid(void) {
    return (int)call(SYS_gettid, 0, 0, 0, 0);
}

int sys_getpid(void) {
    return (int)call(SYS_getpid, 0, 0, 0, 0);
}

uint64_t sys_pid_namespace(void) {
    int saved = errno;
    struct stat st;
    uint64_t number = stat("/proc/self/ns/pid", &st) == 0 ? st.st_ino : 0;
    errno = saved;
    return number;
}

bool sys_process_exists(int pid) {
    return call(SYS_kill, pid, 0, 0, 0) != -ESRCH;
}

bool sys_thread_exists(int pid, int tid) {
    return call(SYS_tgkill, pid, tid, 0, 0) != -ESRCH;
}

/* rt_sigprocmask reads the set before it finds that "how" is nonsense (as in abseil's AddressIsReadable). No filter forbids it. A set at NULL
 * is none, and not read. */
bool sys_is_readable(uint64_t address) {
    return address >= LOWEST_ADDRESS && call(SYS_rt_sigprocmask, ~0l, (long)address, 0, sizeof(uint64_t)) != -EFAULT;
}

ssize_t sys_copy(void *to, uint64_t from, size_t size_bytes) {
    struct iovec local = {.iov_base = to, .iov_len = size_bytes};
    struct iovec remote = {.iov_base = (void *)from, .iov_len = size_bytes}; /* NOLINT(performance-no-int-to-ptr) */
    return arch_syscall(SYS_process_vm_readv, sys_getpid(), (long)&local, 1, (long)&remote, 1, 0);
}

void sys_futex_wait(const void *word, uint32_t expected, uint64_t ns) {
    struct timespec timeout = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    call(SYS_futex, (long)word, FUTEX_WAIT, (long)expected, (long)&timeout);
}

void sys_futex_wake(const void *word) {
    call(SYS_futex, (long)word, FUTEX_WAKE, 1, 0);
}

bool sys_is_tsc_barred;

bool sys_asks_tsc_barred(void) {
    int state = PR_TSC_ENABLE;
    return call(SYS_prctl, PR_GET_TSC, (long)&state, 0, 0) == 0 && state == PR_TSC_SIGSEGV;
}

void sys_allow_tsc(bool is_allowed) {
    call(SYS_prctl, PR_SET_TSC, is_allowed ? PR_TSC_ENABLE : PR_TSC_SIGSEGV, 0, 0);
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec t = {0};
    if (sys_is_tsc_barred) {
        call(SYS_clock_gettime, clock, (long)&t, 0, 0);
    } else {
        clock_gettime(clock, &t);
    }
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t sys_mono_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t sys_real_ns(void) {
    return clock_ns(CLOCK_REALTIME);
}

bool sys_on_alternate_stack(void) {
    int saved = errno;
    stack_t stack;
    bool is_on = sigaltstack(NULL, &stack) == 0 && (stack.ss_flags & SS_ONSTACK);
    errno = saved;
    return is_on;
}

uint64_t sys_address_share(void) {
    struct rlimit limit;
    bool is_limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return is_limited ? limit.rlim_cur / ADDRESS_SHARE : UINT64_MAX;
}

bool sys_has_filter(void) {
    static char status[STATUS_BYTES];
    ssize_t n = sys_read_file("/proc/self/status", status, sizeof status - 1);
    status[n > 0 ? n : 0] = '\0';
    return strstr(status, "\nSeccomp:\t2") != NULL;
}

ssize_t sys_read_file(const char *path, void *buf, size_t cap) {
    int saved = errno;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -errno : 0;
    if (fd >= 0) {
        size_t got = 0;
        while (got < cap && (n = read(fd, (char *)buf + got, cap - got)) > 0) {
            got += (size_t)n;
        }
        n = n < 0 ? -errno : (ssize_t)got;
        close(fd);
    }
    errno = saved;
    return n;
}

_Noreturn void sys_exit(int status) {
    for (;;) {
        call(SYS_exit_group, status, 0, 0, 0);
    }
}

/* A copy of this process without an exit signal, by the system call itself: no fork handlers of the host run. */
static long clone_silent(void) {
    return call(SYS_clone, 0, 0, 0, 0);
}

/* The same. A handler of the host must not run in the copy: it keeps all signals blocked, and what it starts does, too. */
static long clone_undisturbed(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, before);
    return clone_silent();
}

/* In the child: have a grandchild run the program and go. */
static _Noreturn void run_detached(const char *path, char *const argv[], int keep_fd, int other_fd) {
    long pid = clone_silent();
    if (pid == 0) {
        static char *const no_environment[] = {NULL};
        fcntl(keep_fd, F_SETFD, 0);
        fcntl(other_fd, F_SETFD, 0);
        execve(path, argv, no_environment);
    }
    sys_exit(pid < 0 ? 1 : 0);
}

int sys_spawn_detached(const char *path, char *const argv[], int keep_fd, int other_fd) {
    int saved = errno;
    sigset_t before;
    long pid = clone_undisturbed(&before);
    if (pid == 0) {
        run_detached(path, argv, keep_fd, other_fd);
    }
    int result = pid < 0 ? (int)pid : 0;
    int status = 0;
    while (pid > 0 && wait4((pid_t)pid, &status, __WALL, NULL) < 0 && errno == EINTR) {
    }
    if (pid > 0 && status != 0) {
        result = -EAGAIN;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return result;
}

/* In the copy. abort() unblocks its signal, and a handler of the host would run. */
static _Noreturn void run_copy(void (*answer)(void *context), void *context) {
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    sigaction(SIGABRT, &by_default, NULL);
    prctl(PR_SET_DUMPABLE, 0);
    close(STDERR_FILENO); /* libc says there when it finds a heap damaged */
    answer(context);
    sys_exit(0);
}

/* Wait for a child that raises no signal; whoever else reaps it is welcome. */
static void await_copy(pid_t pid, uint64_t ns) {
    uint64_t pause_ns = COPY_PAUSE_NS_MIN, end_ns = sys_mono_ns() + ns;
    const uint32_t never = 0;
    long got;
    while ((got = wait4(pid, NULL, WNOHANG | __WALL, NULL)) == 0 && sys_mono_ns() < end_ns) {
        sys_futex_wait(&never, 0, pause_ns);
        pause_ns += pause_ns < COPY_PAUSE_NS_MAX ? pause_ns : 0;
    }
    if (got == 0) {
        kill(pid, SIGKILL);
        while (wait4(pid, NULL, __WALL, NULL) < 0 && errno == EINTR) {
        }
    }
}

int sys_ask_copy(void (*answer)(void *context), void *context, uint64_t ns) {
    int saved = errno;
    sigset_t before;
    long pid = clone_undisturbed(&before);
    if (pid == 0) {
        run_copy(answer, context);
    }
    int result = pid < 0 ? (int)pid : 0;
    if (pid > 0) {
        await_copy((pid_t)pid, ns);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return result;
}

const char *sys_error_text(int error) {
    switch (-error) {
    case EACCES:
        return "Permission denied";
    case EDQUOT:
        return "Disk quota exceeded";
    case EEXIST:
        return "File exists";
    case EFBIG:
        return "File too large (RLIMIT_FSIZE)";
    case EINVAL:
        return "Invalid argument";
    case ELOOP:
        return "Is a symbolic link";
    case EMFILE:
        return "Too many open files";
    case ENAMETOOLONG:
        return "File name too long";
    case ENOENT:
        return "No such file or directory";
    case ENOMEM:
        return "Cannot allocate memory";
    case ENOSPC:
        return "No space left on device";
    case ENOTDIR:
        return "Not a directory";
    case EPERM:
        return "Operation not permitted";
    case EROFS:
        return "Read-only file system";
    default:
        return "the system call failed";
    }
}

void sys_start(void) {
    int saved = errno;
    is_stderr_open = fcntl(STDERR_FILENO, F_GETFD) >= 0;
    errno = saved;
}

/* One write to stderr that neither waits for a full pipe nor lets a broken one, or a file at its size limit, kill the host. */
static void write_once(const char *line, size_t n) {
    int saved = errno;
    struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT};
    sigset_t deadly, before, pending;
    sigemptyset(&deadly);
    sigaddset(&deadly, SIGPIPE);
    sigaddset(&deadly, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &deadly, &before);
    sigpending(&pending);
    if (poll(&writable, 1, 0) == 1 && write(STDERR_FILENO, line, n) < 0 && (errno == EPIPE || errno == EFBIG)) {
        const struct timespec at_once = {0};
        int raised = errno == EPIPE ? SIGPIPE : SIGXFSZ;
        sigdelset(&deadly, raised == SIGPIPE ? SIGXFSZ : SIGPIPE);
        if (!sigismember(&pending, raised)) {
            sigtimedwait(&deadly, NULL, &at_once);
        }
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = saved;
}

void sys_message(const char *part, ...) {
    if (!is_stderr_open) {
        return;
    }
    char line[MESSAGE_BYTES] = "seep: ";
    size_t n = strlen(line);
    va_list parts;
    va_start(parts, part);
    for (const char *s = part; s; s = va_arg(parts, const char *)) {
        for (; *s && n < sizeof line - 1; s++) {
            line[n++] = (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s;
        }
    }
    va_end(parts);
    line[n++] = '\n';
    write_once(line, n);
}
