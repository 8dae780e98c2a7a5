/* killed_many.c - processes of several threads that allocate until they are killed, and count beside each call in a file that outlives them.
 *
 * usage: killed_many ORACLE PROCESSES THREADS [PAUSE]     PAUSE: microseconds, after each 1000 operations of a thread
 * Threads of a process free each other's blocks. With more than one process the first one only forks: as many children at a time, each of
 * which frees a block that it was born with, works for some milliseconds and ends.
 * ORACLE: numbers of 8 bytes, 8 in each line; the first line: lines handed out, children born, inherited blocks freed; of each thread:
 * allocations done, frees begun, 1 while it works.
 */
#include "books.h"
#include <sys/wait.h>

enum { LINES_MAX = 16384, SLOTS = 512 };

struct line {
    volatile uint64_t n[8];
};

static struct line *oracle;
static void *slots[SLOTS];
static unsigned n_threads;
static int is_child;
static unsigned pause_us;

SITE void *site_until_killed(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE void *site_inherited(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void *work(void *arg) {
    uint64_t at = BOOK_ADD(oracle[0].n[0], 1);
    if (at >= LINES_MAX) {
        _exit(3);
    }
    struct line *mine = &oracle[at];
    uint64_t rng = at * 0x9e3779b97f4a7c15ull + 1;
    mine->n[2] = 1;
    for (uint64_t i = 0; !is_child || i < 20000; i++) {
        rng = rng * 6364136223846793005ull + 1442695040888963407ull;
        void **slot = &slots[(rng >> 33) % SLOTS];
        void *p = NULL;
        if (rng >> 62) {
            p = site_until_killed(16 + (rng >> 40) % 600);
            mine->n[0]++;
        }
        p = __atomic_exchange_n(slot, p, __ATOMIC_ACQ_REL);
#ifdef __x86_64__
        __builtin_ia32_lfence(); /* the clock of the free below is not to be read while the exchange is still under way */
#endif
        if (pause_us && i % 1000 == 999) {
            usleep(pause_us);
        }
        if (p) {
            mine->n[1]++;
            free(p);
        }
    }
    mine->n[2] = 0;
    return arg;
}

static void work_in_threads(void) {
    static pthread_t threads[64];
    for (unsigned i = 1; i < n_threads; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL)) {
            _exit(2);
        }
    }
    work(NULL);
    for (unsigned i = 1; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void be_child(void *inherited) {
    BOOK_ADD(oracle[0].n[1], 1);
    is_child = 1;
    BOOK_ADD(oracle[0].n[2], 1);
    free(inherited);
    work_in_threads();
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        return 2;
    }
    pause_us = argc > 4 ? (unsigned)atoi(argv[4]) : 0;
    int fd = open(argv[1], O_RDWR | O_CREAT, 0600);
    unsigned n_processes = (unsigned)atoi(argv[2]);
    n_threads = (unsigned)atoi(argv[3]);
    if (fd < 0 || ftruncate(fd, LINES_MAX * sizeof *oracle)) {
        return 2;
    }
    oracle = mmap(NULL, LINES_MAX * sizeof *oracle, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (oracle == MAP_FAILED) {
        return 2;
    }
    close(fd);
    if (n_processes <= 1) {
        work_in_threads();
        return 1;
    }
    for (unsigned n_alive = 0;;) {
        void *inherited = site_inherited(77);
        pid_t child = fork();
        if (child == 0) {
            be_child(inherited);
        }
        if (child < 0) {
            return 4;
        }
        free(inherited);
        for (n_alive++; n_alive >= n_processes; n_alive--) {
            int status;
            if (wait(&status) < 0 || status != 0) {
                return 5;
            }
        }
    }
}
