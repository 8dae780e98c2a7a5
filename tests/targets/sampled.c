/* sampled.c - allocations of very different sizes and fates, with its own books, for estimates from samples. Its totals are printed
 * as JSON. Threads allocate, free their own and each other's blocks, and reallocate; some reallocations fail. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 2, SMALL = 60000, MIDDLE = 6000, LARGE = 60, HANDED = 3000, RESIZED = 3000 };

struct totals {
    long calls, allocated_bytes, unreleased_bytes, unreleased_blocks, temporary;
};

struct worker {
    pthread_t thread;
    struct totals totals;
    void *handed[HANDED];
};

static struct worker workers[THREADS];
static void *volatile sink;

#define APART __attribute__((noinline, noclone))

static void *take(struct totals *t, size_t size) {
    void *p = malloc(size);
    t->calls++;
    t->allocated_bytes += (long)size;
    t->unreleased_bytes += (long)size;
    t->unreleased_blocks++;
    sink = p;
    return p;
}

static void give(struct totals *t, void *p, size_t size) {
    free(p);
    t->unreleased_bytes -= (long)size;
    t->unreleased_blocks--;
}

static APART void leak_small(struct totals *t) {
    for (int i = 0; i < SMALL; i++) {
        take(t, 16 + (size_t)(i % 8) * 24);
    }
}

static APART void drop_at_once(struct totals *t) {
    for (int i = 0; i < SMALL; i++) {
        size_t size = 100 + (size_t)(i % 3) * 1000;
        give(t, take(t, size), size);
        t->temporary++;
    }
}

static APART void drop_later(struct totals *t) {
    for (int i = 0; i < MIDDLE; i++) {
        void *first = take(t, 3000), *second = take(t, 5000);
        give(t, first, 3000);
        give(t, second, 5000); /* the thread's last allocation, and nothing was allocated since */
        t->temporary++;
    }
}

static APART void leak_large(struct totals *t) {
    for (int i = 0; i < LARGE; i++) {
        take(t, 100000 + (size_t)i * 1000);
    }
}

static APART void resize(struct totals *t) {
    for (int i = 0; i < RESIZED; i++) {
        void *volatile held = take(t, 500);
        sink = realloc(held, (size_t)PTRDIFF_MAX); /* fails: the block stays */
        held = realloc(held, 700);
        t->calls++;
        t->temporary++; /* the old block was the last one allocated */
        t->allocated_bytes += 700;
        t->unreleased_bytes += 200;
    }
}

static void *work(void *context) {
    struct worker *w = context;
    leak_small(&w->totals);
    drop_at_once(&w->totals);
    drop_later(&w->totals);
    leak_large(&w->totals);
    resize(&w->totals);
    for (int i = 0; i < HANDED; i++) {
        w->handed[i] = take(&w->totals, 2000);
    }
    return NULL;
}

int main(void) {
    struct totals all = {0};
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        for (int k = 0; k < HANDED; k++) {
            give(&workers[i].totals, workers[i].handed[k], 2000);
        }
        struct totals *t = &workers[i].totals;
        all.calls += t->calls;
        all.allocated_bytes += t->allocated_bytes;
        all.unreleased_bytes += t->unreleased_bytes;
        all.unreleased_blocks += t->unreleased_blocks;
        all.temporary += t->temporary;
    }
    printf("{\"allocations\": %ld, \"allocated_bytes\": %ld, \"unreleased_bytes\": %ld, \"unreleased_blocks\": %ld, "
           "\"temporary\": %ld}\n",
           all.calls, all.allocated_bytes, all.unreleased_bytes, all.unreleased_blocks, all.temporary);
    return 0;
}
