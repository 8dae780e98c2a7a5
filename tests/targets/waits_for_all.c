/* waits_for_all.c - a server that waits for any child and handles SIGCHLD: it meets its own children and nobody else.
 *
 * Exit status 3: somebody else was there to wait for; 4: a signal told of somebody else; 5: a child was missing.
 */
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "books.h"

enum { CHILDREN = 12 };

extern char **environ;

static pid_t children[CHILDREN];
static volatile sig_atomic_t n_strange;
static int s_parent;

SITE void *site_parent(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static int place_of(pid_t pid) {
    int i = 0;
    while (i < CHILDREN && children[i] != pid) {
        i++;
    }
    return i;
}

static void on_child(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    n_strange += place_of(info->si_pid) == CHILDREN;
}

static void allocate(void) {
    struct block b;
    for (size_t i = 0; i < 20000; i++) {
        book_alloc(&b, s_parent, site_parent(1 + i % 99), 1 + i % 99);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
}

static pid_t start(int i) {
    static char *arguments[] = {(char *)"true", NULL};
    pid_t pid = -1;
    if (i % 2) {
        posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ);
    } else {
        pid = fork();
        if (pid == 0) {
            free(malloc(100));
            _exit(0);
        }
    }
    return pid;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigset_t child, before;
    books_open();
    s_parent = book_site("site_parent");
    sigaction(SIGCHLD, &action, NULL);
    if (waitpid(-1, NULL, WNOHANG | __WALL) != -1 || errno != ECHILD) {
        return 3;
    }
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before); /* until all are known by their ids */
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(i);
        allocate();
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    for (int i = 0; i < CHILDREN; i++) {
        pid_t pid = waitpid(-1, NULL, __WALL);
        if (place_of(pid) == CHILDREN) {
            return 5;
        }
        children[place_of(pid)] = 0;
    }
    if (waitpid(-1, NULL, __WALL) != -1 || errno != ECHILD) {
        return 3;
    }
    books_close();
    return n_strange ? 4 : 0;
}
