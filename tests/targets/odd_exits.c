/* odd_exits.c - programs that come to exit() in a state in which the allocator must not be asked anything.
 *
 *   odd_exits N WAY    so many fork children, one after the other, each of which exits in that way with status 3:
 *
 *     signal      in a handler that interrupted malloc or free, most often with a lock held: there is a second thread
 *     jump        in main, after a handler jumped out of malloc
 *     cancel      in main, after a thread was cancelled in the middle of malloc
 *     damaged     in main, after it wrote into a block that it had freed
 *     filtered    under a seccomp filter that kills on clone()
 *     plain       in main
 *
 * Says how many did. A child that has not ended after 20 seconds is killed and counts as stuck. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS = 3, BLOCKS = 512 };

static sigjmp_buf out;

/* Sizes that no thread's cache has, so that nearly all the time goes by with the arena locked. */
static void *churn(void *unused) {
    static __thread void *blocks[BLOCKS];
    uint32_t random = 12345;
    (void)unused;
    for (;;) {
        random = random * 1664525 + 1013904223;
        void **b = &blocks[random >> 8 & (BLOCKS - 1)];
        free(*b);
        *b = malloc(1100 + (random >> 16) % 20000);
    }
    return NULL;
}

static void *sleep_for_ever(void *unused) {
    (void)unused;
    for (;;) {
        pause();
    }
    return NULL;
}

static void exit_at_once(int number) {
    (void)number;
    exit(STATUS);
}

static void jump_out(int number) {
    (void)number;
    siglongjmp(out, 1);
}

static void interrupt_churning(void (*handler)(int), int i) {
    struct sigaction action = {.sa_handler = handler};
    struct itimerval soon = {.it_value.tv_usec = 2000 + i % 50 * 37};
    pthread_t other;
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);                      /* the other thread does not get it */
    if (pthread_create(&other, NULL, sleep_for_ever, NULL) != 0) { /* with one thread no lock is taken */
        _exit(90);
    }
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    sigaction(SIGALRM, &action, NULL);
    if (sigsetjmp(out, 1) == 0) {
        setitimer(ITIMER_REAL, &soon, NULL);
        churn(NULL);
    }
}

static void *churn_cancellable(void *unused) {
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    return churn(unused);
}

static void cancel_churning(int i) {
    pthread_t other;
    if (pthread_create(&other, NULL, churn_cancellable, NULL) != 0) {
        _exit(91);
    }
    usleep(2000 + (useconds_t)i % 50 * 37);
    pthread_cancel(other); /* not joined: it waits for its own lock */
    usleep(1000);
}

static void say_abort(int number) {
    static const char text[] = "a handler runs\n";
    (void)number;
    (void)!write(1, text, sizeof text - 1);
}

/* Walking the lists, malloc crashes in the one kind of heap, and in the other finds out and aborts. */
static void damage_heap(int i) {
    static char *volatile small[16];
    uint64_t *volatile p = malloc(5000);
    void *volatile behind = malloc(100); /* else it would become part of what was never used */
    volatile uint64_t *links = p;
    (void)behind;
    signal(SIGABRT, say_abort);
    signal(SIGSEGV, say_abort);
    if (i % 2) {
        free(p);
        links[0] = links[1] = 0x4141414141414140;
        return;
    }
    for (int k = 0; k < 16; k++) {
        small[k] = malloc(24);
    }
    links = (volatile uint64_t *)small[15];
    for (int k = 0; k < 16; k++) {
        free(small[k]); /* the last ones are in no thread's cache */
    }
    links[0] ^= 8;
}

static void forbid_clone(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(92);
    }
}

static void run(const char *way, int i) {
    if (!strcmp(way, "signal")) {
        interrupt_churning(exit_at_once, i);
    } else if (!strcmp(way, "jump")) {
        interrupt_churning(jump_out, i);
    } else if (!strcmp(way, "cancel")) {
        cancel_churning(i);
    } else if (!strcmp(way, "damaged")) {
        damage_heap(i);
    } else if (!strcmp(way, "filtered")) {
        forbid_clone();
    }
    exit(STATUS);
}

/* Returns the status as waitpid() has it, or -1 if it did not come to its end. */
static int await(pid_t child) {
    int status;
    for (int i = 0; i < 20000; i++) {
        pid_t got = waitpid(child, &status, WNOHANG);
        if (got == child) {
            return status;
        }
        usleep(1000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 1, n_good = 0, n_stuck = 0;
    for (int i = 0; i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            run(argc > 2 ? argv[2] : "plain", i);
        }
        int status = await(child);
        n_good += status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == STATUS;
        n_stuck += status < 0;
    }
    printf("%d of %d exited in order, %d were stuck\n", n_good, n, n_stuck);
    return 0;
}
