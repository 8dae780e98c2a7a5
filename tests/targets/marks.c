/* marks.c - marks itself, and tells at each mark what it has alive.
 *
 * usage: marks own N [US]       N marks, with work in between, and so many microseconds
 *        marks threads N        three more threads work, and stand still at each mark
 *        marks forks N          a child at each of N marks, which makes two of its own
 *        marks handler N        N marks out of a signal handler that interrupts the work
 *        marks many N EVERY     N marks, an allocation at every EVERYth
 *        marks names            names that are odd: none, too long, not to be read, of strange bytes
 *        marks steps CHILDREN   it and its children work a step for each line on stdin, and say when they stand still; see lib/compare_marks.py
 *        marks confined N       own, in seccomp's strict mode
 *
 * Books (BOOKS): lib/compare_marks.py says how they look.
 */
#include "../../include/seep.h"
#include "books.h"

#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { BLOCKS = 120, KINDS = 8, SIZES_FROM = 5000, OF_PROCESS = 64, WORK = 300, THREADS = 3, CHILDREN_MAX = 16 };

struct held {
    void *p;
    unsigned size, interval;
};

static struct held held[THREADS + 1][BLOCKS];
static unsigned process, interval;
static uint64_t seeds[THREADS + 1];
static int books_out = -1;

SITE void *site_held(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void work(unsigned thread) {
    for (int i = 0; i < WORK; i++) {
        uint64_t r = books_random(&seeds[thread]); /* the last quarter of the blocks live long */
        struct held *h = &held[thread][r % (r >> 32 & 63 ? BLOCKS * 3 / 4 : BLOCKS)];
        if (h->p) {
            free(h->p);
            h->p = NULL;
        } else {
            h->size = SIZES_FROM + OF_PROCESS * process + thread * KINDS + books_random(&seeds[thread]) % KINDS;
            h->interval = interval;
            h->p = site_held(h->size);
        }
    }
}

static void begin(void) {
    for (unsigned i = 0; i <= THREADS; i++) {
        seeds[i] = 88172645463325252ull + 977 * process + i;
    }
}

/* What is alive now, as one line. */
static void tell(const char *name) {
    static char line[(THREADS + 1) * BLOCKS * 24];
    int n = snprintf(line, sizeof line, "%s %u", name, process);
    for (unsigned i = 0; i < (THREADS + 1) * BLOCKS; i++) {
        const struct held *h = &held[i / BLOCKS][i % BLOCKS];
        if (h->p) {
            n += snprintf(line + n, sizeof line - (size_t)n, " %u:%u", h->size, h->interval);
        }
    }
    line[n++] = '\n';
    if (write(books_out, line, (size_t)n) != n) {
        _exit(99);
    }
}

static void mark(const char *name) {
    tell(name);
    errno = 4711;
    seep_mark(name);
    if (errno != 4711) {
        _exit(96);
    }
    interval++;
}

static int own(int n, unsigned us) {
    for (int i = 0; i < n; i++) {
        work(0);
        mark("own");
        if (us) {
            usleep(us);
        }
    }
    work(0);
    return 0;
}

/* ---- threads ---- */

static pthread_barrier_t barrier;
static int n_rounds;

static void *run(void *argument) {
    unsigned thread = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < n_rounds; i++) {
        pthread_barrier_wait(&barrier);
        work(thread);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static int threads(int n) {
    pthread_t ids[THREADS];
    n_rounds = n;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&ids[i], NULL, run, (void *)(uintptr_t)(i + 1));
    }
    for (int i = 0; i < n; i++) {
        pthread_barrier_wait(&barrier);
        work(0);
        pthread_barrier_wait(&barrier);
        mark("threads");
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    return 0;
}

/* ---- children ---- */

static void become_child(unsigned number) {
    process = number;
    interval = 0;
    memset(held, 0, sizeof held); /* those are the parent's */
    begin();
}

static int forks(int n) {
    char name[16];
    for (int i = 0; i < n; i++) {
        work(0);
        mark("parent");
        seep_mark("both");
        pid_t pid = fork();
        if (pid == 0) {
            become_child((unsigned)i + 1);
            snprintf(name, sizeof name, "child%d", i + 1);
            seep_mark("both");
            work(0);
            mark(name);
            work(0);
            mark(name);
            _exit(0);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            return 3;
        }
    }
    return 0;
}

/* ---- a handler ---- */

static volatile int n_handled, n_wanted;

static void handle(int number) {
    (void)number;
    if (n_handled < n_wanted) {
        seep_mark("handler");
        n_handled++;
    }
}

static int handler(int n) {
    struct sigaction action = {.sa_handler = handle};
    struct itimerval often = {.it_interval = {.tv_usec = 200}, .it_value = {.tv_usec = 200}}, never = {0};
    n_wanted = n;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (n_handled < n) {
        work(0);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    return 0;
}

/* ---- the rest ---- */

static int many(int n, int every) {
    for (int i = 0; i < n; i++) {
        if (i % every == 0) {
            free(site_held(SIZES_FROM));
        }
        seep_mark("many");
    }
    return 0;
}

static int names(void) {
    char longer[301], bytes[256];
    memset(longer, 'x', 300);
    longer[254] = 'y';
    longer[255] = longer[300] = '\0';
    for (int i = 1; i < 256; i++) {
        bytes[i - 1] = (char)i;
    }
    bytes[255] = '\0';
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + 4096, 4096);
    memcpy(edge + 4093, "end", 3);
    seep_mark("");
    seep_mark(NULL);
    seep_mark((const char *)16);
    seep_mark((const char *)-4096);
    longer[255] = 'z';
    seep_mark(longer);
    seep_mark(bytes);
    seep_mark(edge + 4093);
    return 0;
}

/* Each child works when a byte comes, and answers when it stands still. */
static int steps(int n) {
    int go[CHILDREN_MAX][2], done[2];
    char byte;
    if (n > CHILDREN_MAX || pipe(done) != 0) {
        return 2;
    }
    for (int i = 0; i < n; i++) {
        if (pipe(go[i]) != 0) {
            return 2;
        }
        pid_t pid = fork();
        if (pid == 0) {
            become_child((unsigned)i + 1);
            close(go[i][1]);
            while (read(go[i][0], &byte, 1) == 1) {
                work(0);
                tell("step");
                interval++;
                if (write(done[1], "", 1) != 1) {
                    _exit(98);
                }
            }
            _exit(0);
        }
        close(go[i][0]);
        printf("child %d\n", (int)pid);
    }
    printf("parent %d\nready\n", (int)getpid());
    fflush(stdout);
    while (read(0, &byte, 1) == 1) {
        for (int i = 0; i < n; i++) {
            if (write(go[i][1], "", 1) != 1) {
                return 3;
            }
        }
        work(0);
        tell("step");
        interval++;
        for (int i = 0; i < n; i++) {
            if (read(done[0], &byte, 1) != 1) {
                return 3;
            }
        }
        puts("still");
        fflush(stdout);
    }
    for (int i = 0; i < n; i++) {
        close(go[i][1]);
    }
    while (wait(NULL) > 0) {
    }
    return 0;
}

static int confined(int n) {
    mallopt(M_TOP_PAD, 8 << 20); /* from here on libc needs no more of the kernel */
    mallopt(M_TRIM_THRESHOLD, 16 << 20);
    work(0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
        return 4;
    }
    own(n, 0);
    syscall(SYS_exit, 0);
    return 0;
}

int main(int argc, char **argv) {
    int n = argc > 2 ? atoi(argv[2]) : 0;
    const char *how = argc > 1 ? argv[1] : "";
    const char *path = getenv("BOOKS");
    books_out = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_APPEND, 0600);
    begin();
    return strcmp(how, "own") == 0        ? own(n, argc > 3 ? (unsigned)atoi(argv[3]) : 0)
           : strcmp(how, "threads") == 0  ? threads(n)
           : strcmp(how, "forks") == 0    ? forks(n)
           : strcmp(how, "handler") == 0  ? handler(n)
           : strcmp(how, "many") == 0     ? many(n, atoi(argv[3]))
           : strcmp(how, "names") == 0    ? names()
           : strcmp(how, "steps") == 0    ? steps(n)
           : strcmp(how, "confined") == 0 ? confined(n)
                                          : 2;
}
