/* exit_in_hook.c - children that end where a signal handler struck a hook, at every instruction, one child for each: by exit() in the
 * handler itself, where the hook is under way still; or after a jump out of it, which leaves it for good.
 *
 * A child's malloc is single-stepped, and struck when the k-th instruction inside libseep.so comes up. The program knows on which side of the real
 * malloc that was, and prints how many children were struck behind it. Untraced, nothing strikes.
 *
 * usage: exit_in_hook exit|jump [STRIDE] [onstack]   every STRIDE-th instruction; handlers on an alternate stack
 */
#include "single_step.h"
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { MISSES_MAX = 3, NOT_STRUCK = 0, STRUCK_BEFORE = 1, STRUCK_BEHIND = 2 };

static uint64_t code_start, code_end; /* of libseep.so */
static long strike_at, n_steps;
static int is_jump, has_been_elsewhere, is_behind;
static sigjmp_buf before;

static int find_code(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    for (int i = 0; strstr(info->dlpi_name, "libseep.so") && i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            code_start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            code_end = code_start + info->dlpi_phdr[i].p_memsz;
        }
    }
    return 0;
}

/* The real malloc is what is between two stretches of the library's code. */
static void on_step(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    uint64_t ip = (uint64_t)registers[REG_RIP];
    if (ip < code_start || ip >= code_end) {
        has_been_elsewhere = n_steps > 0;
        return;
    }
    is_behind |= has_been_elsewhere;
    if (n_steps++ != strike_at) {
        return;
    }
    if (is_jump) {
        siglongjmp(before, 1);
    }
    exit(is_behind ? STRUCK_BEHIND : STRUCK_BEFORE);
}

static __attribute__((noinline)) void exit_now(void) {
    exit(is_behind ? STRUCK_BEHIND : STRUCK_BEFORE);
}

/* From further down the stack than the hook was, with what it has left there untouched. */
static __attribute__((noinline)) void exit_deep(void) {
    char frame[8192];
    __asm__ volatile("" : : "r"(frame) : "memory");
    exit_now();
}

static __attribute__((noinline)) void *allocate(int is_stepped) {
    if (is_stepped) {
        STEP_BEGIN();
    }
    void *p = malloc(50);
    if (is_stepped) {
        STEP_END();
    }
    __asm__ volatile("" : : "r"(p) : "memory");
    return p;
}

/* What a process's first allocation needs is had before. */
static void be_struck(void) {
    free(allocate(0));
    if (sigsetjmp(before, 1) == 0) {
        free(allocate(1));
        exit(NOT_STRUCK);
    }
    (strike_at % 2 ? exit_deep : exit_now)();
}

int main(int argc, char **argv) {
    static char stack_bytes[65536];
    long stride = argc > 2 ? atol(argv[2]) : 1, n_struck = 0, n_behind = 0;
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = sizeof stack_bytes};
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO | (argc > 3 ? SA_ONSTACK : 0)};
    is_jump = argc > 1 && strcmp(argv[1], "jump") == 0;
    dl_iterate_phdr(find_code, NULL);
    sigaltstack(&stack, NULL);
    sigaction(SIGTRAP, &action, NULL);
    for (int n_misses = 0; n_misses < MISSES_MAX; strike_at += stride) {
        pid_t pid = fork();
        if (pid == 0) {
            be_struck();
        }
        int status = 0;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) > STRUCK_BEHIND) {
            fprintf(stderr, "a child ended with %x\n", (unsigned)status);
            return 1;
        }
        n_misses += WEXITSTATUS(status) == NOT_STRUCK;
        n_struck += WEXITSTATUS(status) != NOT_STRUCK;
        n_behind += WEXITSTATUS(status) == STRUCK_BEHIND;
    }
    printf("%ld %ld\n", n_struck, n_behind);
    return 0;
}
