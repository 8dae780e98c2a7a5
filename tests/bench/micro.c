/* micro.c - malloc+free pairs and nothing else, at a chosen stack depth: what a pair costs the thread that makes it.
 *
 * loop: every pair from the same stack, DEPTH frames deep, through one of four callers. walk: a random walk over the call
 * tree, at most SWING frames above and below DEPTH, so that stacks change between pairs as they do in a real program.
 * Frames have eight sizes. Each thread makes PAIRS pairs. The blocks are never live together, so the allocator's share is
 * as small as it gets; what is left is the tracer's.
 *
 *   micro DEPTH loop|walk PAIRS THREADS
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SWING = 3, THREADS_MAX = 64 };

struct walker {
    uint64_t random;
    long pairs_left;
    int depth;
    int is_walk;
} __attribute__((aligned(128)));

#define APART   __attribute__((noinline, noclone))
#define KEEP(p) __asm__ volatile("" ::"r"(p) : "memory")

/* Source: Marsaglia, Xorshift RNGs, 2003. */
static inline uint32_t next_random(struct walker *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 11);
}

#define CALLER(name, add)                                                                                                  \
    static APART void name(size_t n) {                                                                                     \
        void *p = malloc(n + (add));                                                                                       \
        KEEP(p);                                                                                                           \
        free(p);                                                                                                           \
        __asm__ volatile("");                                                                                              \
    }
CALLER(take_plain, 0)
CALLER(take_header, 8)
CALLER(take_pair, 16)
CALLER(take_node, 32)

static APART void make_pair(struct walker *w) {
    static void (*const callers[])(size_t) = {take_plain, take_header, take_pair, take_node};
    uint32_t r = next_random(w);
    callers[r & 3](16 + (r >> 8 & 63));
    w->pairs_left--;
}

static void descend(struct walker *w, int level);

#define FRAME(name, bytes)                                                                                                 \
    static APART void name(struct walker *w, int level) {                                                                  \
        char room[bytes];                                                                                                  \
        KEEP(room);                                                                                                        \
        descend(w, level);                                                                                                 \
        KEEP(room);                                                                                                        \
    }
FRAME(frame_8, 8)
FRAME(frame_16, 16)
FRAME(frame_24, 24)
FRAME(frame_40, 40)
FRAME(frame_56, 56)
FRAME(frame_72, 72)
FRAME(frame_120, 120)
FRAME(frame_200, 200)

/* Two frames a level: this one and a frame_N. */
static APART void descend(struct walker *w, int level) {
    static void (*const frames[])(struct walker *, int) = {frame_8,  frame_16, frame_24,  frame_40,
                                                           frame_56, frame_72, frame_120, frame_200};
    int at = 2 * level;
    if (at < w->depth - (w->is_walk ? SWING : 0)) {
        while (w->pairs_left > 0) {
            frames[level & 7](w, level + 1);
        }
        return;
    }
    for (int n = 1 + (int)(next_random(w) & 3); w->pairs_left > 0 && (n-- > 0 || !w->is_walk);) {
        uint32_t r = next_random(w);
        if (w->is_walk && (r & 1) && at < w->depth + SWING) {
            frames[r >> 4 & 1](w, level + 1);
        } else {
            make_pair(w);
        }
    }
}

static void *walk(void *arg) {
    struct walker *w = arg;
    while (w->pairs_left > 0) {
        descend(w, 0);
    }
    return NULL;
}

static double now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    static struct walker w[THREADS_MAX];
    static pthread_t thread[THREADS_MAX];
    int n = argc == 5 ? atoi(argv[4]) : 0;
    if (n < 1 || n > THREADS_MAX) {
        fputs("usage: micro DEPTH loop|walk PAIRS THREADS\n", stderr);
        return 2;
    }
    for (int i = 0; i < n; i++) {
        w[i] =
            (struct walker){88172645463325252ull + 7919ull * (unsigned)i, atol(argv[3]), atoi(argv[1]), argv[2][0] == 'w'};
    }
    double wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 1; i < n; i++) {
        pthread_create(&thread[i], NULL, walk, &w[i]);
    }
    walk(&w[0]);
    for (int i = 1; i < n; i++) {
        pthread_join(thread[i], NULL);
    }
    wall = now_ns(CLOCK_MONOTONIC) - wall;
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"wall\": %.9f, \"cpu\": %.9f, \"work\": %ld}\n", wall / 1e9, cpu / 1e9, atol(argv[3]) * n);
    return 0;
}
