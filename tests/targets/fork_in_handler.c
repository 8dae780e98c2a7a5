/* fork_in_handler.c - a timer's handler forks wherever it strikes, also inside the allocator's hooks; the children go on
 * allocating. None may die of it, and the parent's own books must stay right.
 *
 * Usage: fork_in_handler fork|_Fork|syscall */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 150, CHILD_CALLS = 2000, BATCH = 200 };

static volatile sig_atomic_t n_children, is_child;
static pid_t children[CHILDREN];
static pid_t (*make_child)(void);

static pid_t by_syscall(void) {
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
}

static void fork_now(int signal_number) {
    (void)signal_number;
    if (is_child || n_children >= CHILDREN) {
        return;
    }
    pid_t pid = make_child();
    if (pid == 0) {
        is_child = 1;
        return;
    }
    children[n_children] = pid;
    n_children = n_children + 1;
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    make_child = strcmp(how, "_Fork") == 0 ? _Fork : strcmp(how, "syscall") == 0 ? by_syscall : fork;
    struct sigaction action = {.sa_handler = fork_now, .sa_flags = SA_RESTART};
    struct itimerval every = {{0, 500}, {0, 500}};
    long n_calls = 0, n_child_calls = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    while (n_children < CHILDREN && n_child_calls < CHILD_CALLS) {
        for (int i = 0; i < BATCH; i++) {
            void *volatile p = malloc(64 + (size_t)i);
            free(p);
        }
        n_calls += BATCH;
        n_child_calls += is_child ? BATCH : 0;
    }
    if (is_child) {
        _exit(0);
    }
    every = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &every, NULL);
    int n_bad = 0;
    for (int i = 0; i < n_children; i++) {
        int status = 0;
        waitpid(children[i], &status, 0);
        n_bad += status != 0;
    }
    fprintf(stderr, "calls %ld\n", n_calls);
    printf("%d children died\n", n_bad);
    return n_bad != 0;
}
