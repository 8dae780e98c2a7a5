/* cloned.c - a child made in every way that is no fork(): it frees a block of its parent's and keeps some of its own; the books are those of both.
 *
 * usage: cloned HOW       prints the child's pid as its parent knows it
 *        cloned edges     what clone() and syscall() return, one line for each call
 */
#include "books.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { OF_PARENT = 77, STACK_BYTES = 16384 };

static int s_parent, s_child;
static void *of_parent;
static int done[2]; /* a pipe that the child's end closes */
static pid_t parent_tid, child_tid, told_tid;

SITE void *site_parent(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE void *site_child(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

/* Allocate and free; every tenth block stays. */
static void work(void) {
    for (size_t i = 1; i <= 300; i++) {
        struct block b;
        book_alloc(&b, s_child, site_child(i), i);
        void *p = b.p;
        if (i % 10) {
            book_free(&b);
            free(p);
        }
    }
}

static int child(void *arg) {
    free(of_parent); /* its copy: in the books it stays the parent's */
    work();
    if (told_tid && child_tid != (pid_t)syscall(SYS_gettid)) {
        return 9;
    }
    return *(int *)arg;
}

static int run_true(void *arg) {
    (void)arg;
    execl("/bin/true", "true", NULL);
    return 8;
}

static pid_t by_clone(int flags) {
    static char stack[STACK_BYTES] __attribute__((aligned(16)));
    static int status = 5;
    return clone(flags & CLONE_VM ? run_true : child, stack + sizeof stack, flags, &status, &parent_tid, NULL, &child_tid);
}

static pid_t by_clone3(uint64_t flags) {
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static pid_t by_instruction(void) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"((long)SYS_fork) : "rcx", "r11", "memory");
    return (pid_t)result;
}

static pid_t make(const char *how) {
    static const struct {
        const char *how;
        int flags;
    } clones[] = {
        {"clone", SIGCHLD},
        {"clone-vfork", SIGCHLD | CLONE_VFORK},
        {"clone-tids", SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID},
        {"clone-parent", SIGCHLD | CLONE_PARENT},
        {"clone-silent", 0},
        {"clone-files", SIGCHLD | CLONE_FILES | CLONE_FS},
        {"clone-newpid", SIGCHLD | CLONE_NEWPID},
        {"clone-vm", SIGCHLD | CLONE_VM | CLONE_VFORK},
    };
    for (size_t i = 0; i < sizeof clones / sizeof clones[0]; i++) {
        if (strcmp(how, clones[i].how) == 0) {
            told_tid = clones[i].flags & CLONE_CHILD_SETTID;
            return by_clone(clones[i].flags);
        }
    }
    if (strcmp(how, "syscall-fork") == 0) {
        return (pid_t)syscall(SYS_fork);
    }
    if (strcmp(how, "syscall-clone") == 0) {
        return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
    }
    if (strcmp(how, "syscall-clone3") == 0) {
        return by_clone3(0);
    }
    if (strcmp(how, "instruction") == 0) {
        return by_instruction();
    }
    if (strcmp(how, "unshare") == 0 && unshare(CLONE_NEWPID) == 0) {
        return fork();
    }
    return -1;
}

static void tell(const char *call, long result) {
    const char *error = strerrorname_np(errno); /* what the call has left */
    printf("%s %ld %s\n", call, result, error);
    errno = 0;
}

/* The results of calls that make nothing, and of one with six arguments. */
static int edges(void) {
    static char none[STACK_BYTES];
    struct clone_args args = {.exit_signal = SIGCHLD};
    errno = 33;
    printf("getppid is right %d, errno %d\n", syscall(SYS_getppid) == getppid(), errno);
    tell("no such call", syscall(5000));
    tell("clone3 of nothing", syscall(SYS_clone3, NULL, sizeof args));
    tell("clone3 of nowhere", syscall(SYS_clone3, 8, sizeof args));
    tell("clone3 too small", syscall(SYS_clone3, &args, 8));
    tell("clone with bad flags", syscall(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0));
    tell("clone of nothing", clone(NULL, none + sizeof none, SIGCHLD, NULL));
    tell("clone on nothing", clone(child, NULL, SIGCHLD, NULL));
    tell("clone with bad flags", clone(child, none + sizeof none, CLONE_FS | CLONE_NEWNS, NULL));
    int fd = open("/proc/self/exe", O_RDONLY);
    const char *p = (const char *)syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0); /* NOLINT */
    printf("mmap %d\n", p != MAP_FAILED && memcmp(p, "\177ELF", 4) == 0);
    errno = 33;
    pid_t pid = (pid_t)syscall(SYS_fork);
    if (pid == 0) {
        _exit(errno);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    printf("errno after fork %d and %d\n", errno, WEXITSTATUS(status));
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    if (strcmp(argv[1], "edges") == 0) {
        return edges();
    }
    books_open();
    s_parent = book_site("site_parent");
    s_child = book_site("site_child");
    books_share();
    struct block b;
    book_alloc(&b, s_parent, of_parent = site_parent(OF_PARENT), OF_PARENT);
    if (pipe(done) != 0) {
        return 3;
    }
    pid_t pid = make(argv[1]);
    if (pid == 0) {
        static int status = 5;
        _exit(child(&status));
    }
    if (pid < 0) {
        perror("cloned");
        return 4;
    }
    if (strcmp(argv[1], "clone-tids") == 0 && parent_tid != pid) {
        return 6;
    }
    int status = 0;
    char byte;
    close(done[1]);
    if (read(done[0], &byte, 1) != 0) {
        return 6;
    }
    if (strcmp(argv[1], "clone-parent") != 0 && (waitpid(pid, &status, __WALL) != pid || !WIFEXITED(status))) {
        return 7;
    }
    printf("%d %d\n", (int)pid, WEXITSTATUS(status));
    books_close();
    return 0;
}
