/* interpose_clone.c - clone() and syscall(): children that are made without fork() are fork children all the same, unless they share memory
 * (CLONE_VM: a thread, or a child as of vfork()). What shares memory goes straight through, and so does every other system call.
 *
 * Left alone, too, and counted at its first hook: a child with thread-local storage of its own (CLONE_SETTLS), where this library's would be
 * looked for in memory that is none of it; and one that returns from syscall() on a stack of its own.
 * Context  async-signal-safe; syscall() looks nothing up
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch.h"
#include "interpose.h"
#include "lifecycle.h"
#include "real.h"
#include "sys.h"

static bool is_fork(uint64_t flags) {
    return !(flags & (CLONE_VM | CLONE_SETTLS));
}

/* What a child is to run, in its copy of the parent's memory. */
struct child_start {
    int (*fn)(void *);
    void *arg;
};

static int start_child(void *start) {
    struct child_start child = *(struct child_start *)start;
    int saved = errno;
    lifecycle_in_fork_child();
    errno = saved;
    int status = child.fn(child.arg);
    lifecycle_note_exit(status); /* clone() ends with it, by no function */
    return status;
}

/* Arguments that the flags do not ask for need not be there. */
EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...) {
    va_list rest;
    va_start(rest, arg);
    bool wants_tid = flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID), wants_tls = wants_tid || (flags & CLONE_SETTLS),
         wants_parent = wants_tls || (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD));
    pid_t *parent_tid = wants_parent ? va_arg(rest, pid_t *) : NULL;
    void *tls = wants_tls ? va_arg(rest, void *) : NULL;
    pid_t *child_tid = wants_tid ? va_arg(rest, pid_t *) : NULL;
    va_end(rest);
    if (!is_fork((uint32_t)flags) || !fn || !stack) {
        return REAL(clone)(fn, stack, flags, arg, parent_tid, tls, child_tid);
    }
    struct child_start start = {fn, arg};
    lifecycle_before_fork();
    int result = REAL(clone)(start_child, stack, flags, &start, parent_tid, tls, child_tid);
    int saved = errno;
    lifecycle_after_fork();
    lifecycle_fork_returned(result);
    errno = saved;
    return result;
}

/* ---- syscall ---- */

typedef long system_call(long number, ...);

/* NULL until the functions behind the hooks have been looked up. */
HIDDEN system_call *clone_next_syscall __attribute__((used));

/* As libc's does it. */
static long by_itself(long number, long a, long b, long c, long d, long e, long f) {
    long result = arch_syscall(number, a, b, c, d, e, f);
    if (result < 0 && result > -ARCH_PAGE_BYTES) {
        errno = (int)-result;
        return -1;
    }
    return result;
}

static long by_fork(long number, long a, long b, long c, long d, long e, long f) {
    system_call *next = clone_next_syscall;
    lifecycle_before_fork();
    long result = next ? next(number, a, b, c, d, e, f) : by_itself(number, a, b, c, d, e, f);
    int saved = errno;
    if (result == 0) {
        lifecycle_in_fork_child();
    } else {
        lifecycle_after_fork();
        lifecycle_fork_returned(result);
    }
    errno = saved;
    return result;
}

/* The arguments of clone3 are the caller's, who may have them anywhere, or nowhere. */
static bool is_fork_by_clone3(const struct clone_args *args, uint64_t size) {
    return size >= CLONE_ARGS_SIZE_VER0 && sys_is_readable((uint64_t)args) && sys_is_readable((uint64_t)&args->tls) &&
           is_fork(args->flags) && !args->stack;
}

/* Called by syscall() with its first arguments; returns what it goes on to. */
HIDDEN void *clone_choose_syscall(long number, long a, long b) __attribute__((used));
void *clone_choose_syscall(long number, long a, long b) {
    if (!clone_next_syscall) {
        clone_next_syscall = real_table[REAL_syscall];
    }
    bool forks = (int)number == SYS_fork || ((int)number == SYS_clone && is_fork((uint64_t)a) && !b) ||
                 ((int)number == SYS_clone3 &&
                  is_fork_by_clone3((const struct clone_args *)a, (uint64_t)b)); /* NOLINT(performance-no-int-to-ptr) */
    if (forks) {
        return (void *)by_fork;
    }
    return clone_next_syscall ? (void *)clone_next_syscall : (void *)by_itself;
}

ARCH_DEFINE_SYSCALL(clone_next_syscall, clone_choose_syscall);
