/* kill_at.c - kills a process of one thread at a moment that is known: behind a system call, before the next instruction.
 *
 * usage: kill_at PID CALL [N]     CALL: a name below; N: the Nth from now on, the first if it is not given
 * Says "attached" once it looks on. Exit status: 0 killed, 1 it ended before, 2 usage, 77 it may not be traced.
 */
#include <errno.h>
#include <linux/ptrace.h> /* libc names the struct differently from version to version */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned long number;
} calls[] = {
    {"ftruncate", SYS_ftruncate}, {"pwrite", SYS_pwrite64}, {"renameat", SYS_renameat}, {"unlinkat", SYS_unlinkat},
#ifdef SYS_rename
    {"rename", SYS_rename},       {"unlink", SYS_unlink},
#endif
};

static unsigned long number_of(const char *name) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].number;
        }
    }
    fprintf(stderr, "kill_at: %s: not in the list\n", name);
    exit(2);
}

static long trace(long request, pid_t pid, unsigned long address, const void *data) {
    return syscall(SYS_ptrace, request, pid, address, data);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 2;
    }
    pid_t pid = atoi(argv[1]);
    unsigned long wanted = number_of(argv[2]), entered = 0;
    long n_left = argc > 3 ? atol(argv[3]) : 1;
    int status;
    if (trace(PTRACE_SEIZE, pid, 0, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0) {
        perror("kill_at");
        return errno == EPERM ? 77 : 1;
    }
    trace(PTRACE_INTERRUPT, pid, 0, NULL);
    for (int is_told = 0; waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status); is_told = 1) {
        if (!is_told) {
            puts("attached");
            fflush(stdout);
        }
        struct ptrace_syscall_info info = {0};
        int is_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        int signal = is_call || status >> 16 != 0 ? 0 : WSTOPSIG(status);
        if (is_call && trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0) {
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                entered = info.entry.nr;
            } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && entered == wanted && --n_left == 0) {
                kill(pid, SIGKILL);
                waitpid(pid, &status, __WALL);
                return 0;
            }
        }
        if (trace(PTRACE_SYSCALL, pid, 0, (void *)(long)signal) != 0) {
            break;
        }
    }
    return 1;
}
