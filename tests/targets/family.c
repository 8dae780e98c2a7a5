/* family.c - processes that fork and exec in all ways, and tell on stdout what they did.
 *
 * usage: family tree DEPTH N    each process allocates, and forks N children while DEPTH lasts; all books are one (BOOKS)
 *        family daemon FILE     daemon(), then work for a second, then write FILE and end
 *        family leave HOW       a child ends by HOW: exit, _exit, quick_exit, abort, segv, kill, return
 *        family crowd N         N children at once, that wait for each other
 *        family grandchild      a vfork child forks, after a fork of its parent's
 *        family stillborn HOW     N children that never come to be: HOW is failed (no process more is allowed), killed (at once)
 *        family cleared PROGRAM  clear the environment, then system() and popen() the program
 *        family spawn PROGRAM    posix_spawn() it, and one that is not there
 *        family scrub HOW ...   run another program with an environment that has nothing in it
 */
#include "books.h"
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int s_own, s_kept;

SITE void *site_own(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE void *site_kept(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void wait_for_all(int n) {
    for (int i = 0; i < n; i++) {
        int status;
        if (wait(&status) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            _exit(3);
        }
    }
}

/* Allocate and free as far as seed says; some blocks stay, and each child frees one of those. */
static void work(unsigned seed) {
    for (unsigned i = 0; i < 500; i++) {
        struct block b;
        size_t n = 1 + (seed * 31 + i * 7) % 900;
        book_alloc(&b, i % 50 ? s_own : s_kept, i % 50 ? site_own(n) : site_kept(n), n);
        if (i % 50) {
            void *p = b.p;
            book_free(&b);
            free(p);
        }
    }
}

static void grow(unsigned depth, unsigned n, unsigned seed) {
    void *of_parent = site_kept(77);
    struct block b;
    book_alloc(&b, s_kept, of_parent, 77);
    work(seed);
    for (unsigned i = 0; depth > 0 && i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            free(of_parent); /* the child's copy: in the books it stays the parent's */
            grow(depth - 1, n, seed * n + i + 1);
            _exit(0);
        }
        if (child < 0) {
            _exit(4);
        }
    }
    wait_for_all(depth > 0 ? (int)n : 0);
}

static int tree(unsigned depth, unsigned n) {
    books_open();
    s_own = book_site("site_own");
    s_kept = book_site("site_kept");
    books_share();
    grow(depth, n, 1);
    books_close();
    return 0;
}

static int become_daemon(const char *file) {
    if (daemon(1, 0) != 0) {
        return 1;
    }
    void *p = site_own(4321);
    usleep(700000);
    free(p);
    p = site_kept(1234);
    FILE *f = fopen(file, "w");
    fprintf(f, "%d\n", (int)getpid());
    fclose(f);
    return 0;
}

static void leave(const char *how) {
    site_kept(1000);
    fflush(stdout);
    if (strcmp(how, "exit") == 0) {
        exit(11);
    } else if (strcmp(how, "_exit") == 0) {
        _exit(12);
    } else if (strcmp(how, "quick_exit") == 0) {
        quick_exit(13);
    } else if (strcmp(how, "abort") == 0) {
        abort();
    } else if (strcmp(how, "segv") == 0) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    } else if (strcmp(how, "kill") == 0) {
        kill(getpid(), SIGKILL);
    }
}

static int crowd(int n) {
    int ends[2];
    char byte;
    if (pipe(ends) != 0) {
        return 1;
    }
    for (int i = 0; i < n; i++) {
        pid_t child = fork();
        if (child == 0) {
            close(ends[1]);
            site_kept(10);
            _exit(read(ends[0], &byte, 1) == 0 ? 0 : 5); /* until the parent closes it */
        }
        if (child < 0) {
            return 2;
        }
    }
    close(ends[1]);
    wait_for_all(n);
    return 0;
}

/* What was prepared for the first fork must not be taken by the second one, which is none of this process. */
static int grandchild(void) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        site_kept(100);
        _exit(0);
    }
    waitpid(child, &status, 0);
    pid_t between = vfork();
    if (between == 0) {
        pid_t last = fork();
        if (last == 0) {
            free(site_own(50));
            _exit(0);
        }
        _exit(waitpid(last, NULL, 0) != last);
    }
    int other = 1;
    waitpid(between, &other, 0);
    return status != 0 || other != 0;
}

static int is_stillborn;

static void wait_for_the_end(void) {
    while (is_stillborn) {
        pause();
    }
}

/* Its handler runs before any library's. */
static void prepare_first(void) {
    pthread_atfork(NULL, NULL, wait_for_the_end);
}

__attribute__((section(".preinit_array"), used)) static void (*const prepare)(void) = prepare_first;

static int stillborn(const char *how) {
    is_stillborn = strcmp(how, "killed") == 0;
    for (int i = 0; i < 3; i++) {
        struct rlimit none = {0, 0};
        if (strcmp(how, "failed") == 0 && (setrlimit(RLIMIT_NPROC, &none) != 0 || (getuid() == 0 && setuid(65534) != 0))) {
            return 3;
        }
        pid_t child = fork();
        if (strcmp(how, "failed") == 0) {
            if (child != -1) {
                return 4;
            }
        } else if (child < 0 || kill(child, SIGKILL) != 0 || (i > 0 && waitpid(child, NULL, 0) != child)) {
            return 5; /* the first one stays a zombie */
        }
    }
    return 0;
}

static int cleared(const char *program) {
    clearenv();
    int result = system(program);
    if (environ && environ[0]) {
        return 3; /* it was to be seen */
    }
    FILE *f = popen(program, "r");
    return result != 0 || !f || pclose(f) != 0;
}

static int spawn(char *program) {
    static char missing[] = "/nowhere/to/be/found";
    char *arguments[] = {program, NULL};
    pid_t pid;
    int status;
    if (posix_spawn(&pid, missing, NULL, NULL, arguments, environ) == 0 ||
        posix_spawn(NULL, program, NULL, NULL, arguments, environ) != 0) {
        return 3;
    }
    return wait(&status) < 0;
}

static int scrub(char **argv) {
    static char path[] = "PATH=/usr/bin:/bin";
    char *environment[] = {path, NULL};
    execve(argv[0], argv, environment);
    return 9;
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "tree") == 0) {
        return tree((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
    }
    if (argc == 3 && strcmp(argv[1], "daemon") == 0) {
        return become_daemon(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "crowd") == 0) {
        return crowd(atoi(argv[2]));
    }
    if (argc == 2 && strcmp(argv[1], "grandchild") == 0) {
        return grandchild();
    }
    if (argc == 3 && strcmp(argv[1], "stillborn") == 0) {
        return stillborn(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "cleared") == 0) {
        return cleared(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "spawn") == 0) {
        return spawn(argv[2]);
    }
    if (argc > 2 && strcmp(argv[1], "scrub") == 0) {
        return scrub(argv + 2);
    }
    if (argc == 3 && strcmp(argv[1], "leave") == 0) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            leave(argv[2]);
            return 0;
        }
        waitpid(child, &status, 0);
        printf("%d %d\n", (int)child, WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
        return 0;
    }
    return 2;
}
