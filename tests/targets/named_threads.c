/* named_threads.c - three threads, two of them of one name, work in rounds that end with a mark; then it waits for its standard input to end.
 *
 * Each allocates blocks of a size of its own and of one that all have, by the same call path; they free their own, and between the rounds main frees any of
 * them. Books (BOOKS): a line for each block: thread's name, its number, size, round of the allocation, round of the release or -1.
 */
#include "../../include/seep.h"
#include "books.h"

enum { THREADS = 3, ROUNDS = 4, BLOCKS = 200, SHARED = 5000, OWN = 6000 };

static const char *const names[THREADS] = {"left", "right", "right"};

static struct piece {
    void *p;
    int size, born, freed;
} blocks[THREADS][ROUNDS * BLOCKS];
static int n_blocks[THREADS];
static pthread_barrier_t barrier;

SITE void *site_held(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void release(int thread, int at, int round) {
    struct piece *b = &blocks[thread][at];
    if (b->p) {
        free(b->p);
        b->p = NULL;
        b->freed = round;
    }
}

static void work(int thread, int round, uint64_t *seed) {
    for (int i = 0; i < BLOCKS; i++) {
        int at = n_blocks[thread]++, size = books_random(seed) % 2 ? SHARED : OWN + thread;
        blocks[thread][at] = (struct piece){.p = site_held((size_t)size), .size = size, .born = round, .freed = -1};
        if (books_random(seed) % 2) {
            release(thread, (int)(books_random(seed) % (unsigned)(at + 1)), round);
        }
    }
}

static void *run(void *argument) {
    int thread = (int)(intptr_t)argument;
    uint64_t seed = 88172645463325252ull + (unsigned)thread;
    pthread_setname_np(pthread_self(), names[thread]);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        work(thread, round, &seed);
        pthread_barrier_wait(&barrier);
    }
    pthread_barrier_wait(&barrier); /* its name is asked for while it lives */
    return NULL;
}

static void tell(void) {
    const char *path = getenv("BOOKS");
    FILE *f = fopen(path ? path : "/dev/null", "w");
    for (int t = 0; f && t < THREADS; t++) {
        for (int i = 0; i < n_blocks[t]; i++) {
            const struct piece *b = &blocks[t][i];
            fprintf(f, "%s %d %d %d %d\n", names[t], t, b->size, b->born, b->freed);
        }
    }
    if (f) {
        fclose(f);
    }
}

int main(void) {
    pthread_t ids[THREADS];
    uint64_t seed = 88172645463325252ull;
    char byte;
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (intptr_t i = 0; i < THREADS; i++) {
        pthread_create(&ids[i], NULL, run, (void *)i);
    }
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < BLOCKS / 2; i++) {
            int thread = (int)(books_random(&seed) % THREADS);
            release(thread, (int)(books_random(&seed) % (unsigned)n_blocks[thread]), round);
        }
        seep_mark("round");
    }
    tell();
    while (read(0, &byte, 1) > 0) {
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
    }
    return 0;
}
