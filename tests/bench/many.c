/* many.c - a chosen number of allocations, in the way of a server that ran for long: a large trace to read.
 *
 * Requests come through a few handlers; each makes some blocks, drops most of them at its end in reverse, and leaves some
 * in a store of 200,000 entries, where they replace older ones. One block in 4,096 is forgotten.
 *
 *   many ALLOCATIONS
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORE = 200000, REQUEST_MAX = 16 };

#define APART __attribute__((noinline, noclone))

static uint64_t state = 88172645463325252ull;
static long n_left;
static void *store[STORE];

static uint32_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 11);
}

static APART char *take_header(void) {
    n_left--;
    return malloc(48);
}

static APART char *take_field(unsigned kind) {
    static const size_t sizes[] = {24, 32, 40, 64, 100, 160};
    n_left--;
    return malloc(sizes[kind % 6]);
}

static APART char *take_buffer(unsigned kind) {
    n_left--;
    return calloc(1, 256u << (kind & 3));
}

static APART void store_entry(void) {
    void **slot = &store[next_random() % STORE];
    n_left--;
    free(*slot);
    *slot = malloc(next_random() & 1 ? 56 : 120);
}

static APART void handle(unsigned kind, int level) {
    char *blocks[REQUEST_MAX];
    int n = 0;
    if (level > 0) {
        handle(kind, level - 1);
    }
    blocks[n++] = take_header();
    for (unsigned i = 0; i < 4 + kind; i++) {
        blocks[n++] = take_field(kind + i);
    }
    if (level == 0) {
        blocks[n++] = take_buffer(kind);
        store_entry();
    }
    if (next_random() % 4096 == 0) {
        n--;
    }
    while (n > 0) {
        free(blocks[--n]);
    }
}

int main(int argc, char **argv) {
    n_left = argc == 2 ? atol(argv[1]) : 0;
    if (n_left <= 0) {
        fputs("usage: many ALLOCATIONS\n", stderr);
        return 2;
    }
    while (n_left > 0) {
        uint32_t r = next_random();
        handle(r & 7 ? r >> 8 & 3 : 4 + (r >> 8 & 3), (int)(r >> 16 & 3));
    }
    return 0;
}
