/* fork_race.c - threads allocate and free all the time while others fork. Each child frees what it finds of theirs, and tells how much that was: exactly
 * this has come with the fork and been freed, but for the one block that each thread may have had in its hands.
 *
 * usage: fork_race WORKERS FORKERS FORKS    each forker forks FORKS times; a line for each child: pid, blocks, bytes
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS = 400, THREADS_MAX = 8, FORKS_MAX = 400, OWN_BLOCKS = 500, AT_A_STRETCH = 2000 };

struct found {
    int pid;
    unsigned blocks, bytes;
};

static void *volatile slots[THREADS_MAX][SLOTS];
static volatile int is_over;
static struct found *found; /* shared with the children */
static int n_workers, n_forks;

static size_t size_of(unsigned i) {
    return 24 + i % 61 * 16;
}

static void *work(void *arg) {
    void *volatile *own = arg;
    uint32_t x = (uint32_t)(uintptr_t)own | 1;
    for (int n = 1; !is_over; n++) {
        if (n % AT_A_STRETCH == 0) {
            usleep(50); /* so that the collector keeps up */
        }
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        unsigned i = x % SLOTS;
        void *p = own[i];
        if (p) {
            own[i] = NULL;
            free(p);
        } else {
            p = malloc(size_of(i));
            own[i] = p;
        }
    }
    return NULL;
}

static void child(struct found *book) {
    unsigned blocks = 0, bytes = 0;
    for (int t = 0; t < n_workers; t++) {
        for (unsigned i = 0; i < SLOTS; i++) {
            if (slots[t][i]) {
                free(slots[t][i]);
                blocks++;
                bytes += (unsigned)size_of(i);
            }
        }
    }
    static void *own[OWN_BLOCKS];
    for (unsigned i = 0; i < OWN_BLOCKS; i++) {
        own[i] = malloc(size_of(i));
    }
    for (unsigned i = 0; i < OWN_BLOCKS; i++) {
        free(own[i]);
    }
    *book = (struct found){(int)getpid(), blocks, bytes};
    _exit(0);
}

static void *fork_often(void *arg) {
    struct found *books = arg;
    for (int i = 0; i < n_forks; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            child(&books[i]);
        }
        int status;
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            _exit(3);
        }
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t workers[THREADS_MAX], forkers[THREADS_MAX];
    n_workers = argc == 4 ? atoi(argv[1]) : 0;
    int n_forkers = argc == 4 ? atoi(argv[2]) : 0;
    n_forks = argc == 4 ? atoi(argv[3]) : 0;
    if (n_workers < 1 || n_workers > THREADS_MAX || n_forkers < 1 || n_forkers > THREADS_MAX || n_forks > FORKS_MAX) {
        return 2;
    }
    size_t n = (size_t)n_forkers * (size_t)n_forks;
    found = mmap(NULL, n * sizeof *found, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < n_workers; i++) {
        pthread_create(&workers[i], NULL, work, (void *)slots[i]);
    }
    for (int i = 0; i < n_forkers; i++) {
        pthread_create(&forkers[i], NULL, fork_often, found + i * n_forks);
    }
    for (int i = 0; i < n_forkers; i++) {
        pthread_join(forkers[i], NULL);
    }
    is_over = 1;
    for (int i = 0; i < n_workers; i++) {
        pthread_join(workers[i], NULL);
    }
    for (size_t i = 0; i < n; i++) {
        printf("%d %u %u\n", found[i].pid, found[i].blocks, found[i].bytes);
    }
    return 0;
}
