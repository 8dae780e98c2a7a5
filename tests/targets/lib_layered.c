/* lib_layered.c - an allocator whose functions are built from each other by their public names: what a tracer sees of one call is two or
 * three. A freed block is the next one given out, so that an event out of place is noticed at once. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 512, HEAD_BYTES = 16, BLOCKS = 1 << 17 };

static char arena[(size_t)BLOCKS * BLOCK_BYTES] __attribute__((aligned(4096)));
static uint32_t next_free[BLOCKS];
static uint64_t free_list; /* tag << 32 | index + 1 */
static uint32_t n_used;

void *malloc(size_t n);
void free(void *p);

static void *block_at(uint32_t index, size_t n) {
    char *p = arena + (size_t)index * BLOCK_BYTES;
    memcpy(p, &n, sizeof n);
    return p + HEAD_BYTES;
}

void *malloc(size_t n) {
    uint64_t head = __atomic_load_n(&free_list, __ATOMIC_ACQUIRE);
    while (n <= BLOCK_BYTES - HEAD_BYTES && (uint32_t)head != 0) {
        uint32_t index = (uint32_t)head - 1;
        uint64_t after = ((head >> 32) + 1) << 32 | __atomic_load_n(&next_free[index], __ATOMIC_RELAXED);
        if (__atomic_compare_exchange_n(&free_list, &head, after, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            return block_at(index, n);
        }
    }
    uint64_t blocks = n < sizeof arena ? (n + HEAD_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES : BLOCKS;
    uint32_t first = __atomic_load_n(&n_used, __ATOMIC_RELAXED);
    do {
        if (first + blocks >= BLOCKS) {
            errno = ENOMEM;
            return NULL;
        }
    } while (
        !__atomic_compare_exchange_n(&n_used, &first, first + (uint32_t)blocks, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return block_at(first, n);
}

static size_t size_of(const void *p) {
    size_t n;
    memcpy(&n, (const char *)p - HEAD_BYTES, sizeof n);
    return n;
}

/* Large blocks are not used again. */
void free(void *p) {
    if (!p || size_of(p) > BLOCK_BYTES - HEAD_BYTES) {
        return;
    }
    uint32_t index = (uint32_t)(((char *)p - arena) / BLOCK_BYTES);
    uint64_t head = __atomic_load_n(&free_list, __ATOMIC_ACQUIRE), after;
    do {
        __atomic_store_n(&next_free[index], (uint32_t)head, __ATOMIC_RELAXED);
        after = ((head >> 32) + 1) << 32 | (index + 1);
    } while (!__atomic_compare_exchange_n(&free_list, &head, after, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

void *calloc(size_t n, size_t m) {
    size_t bytes;
    if (__builtin_mul_overflow(n, m, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

void *realloc(void *old, size_t n) {
    if (old && n == 0) {
        free(old);
        return NULL;
    }
    void *p = malloc(n);
    if (p && old) {
        size_t had = size_of(old);
        memcpy(p, old, had < n ? had : n);
        free(old);
    }
    return p;
}
