/* random_threads.c - threads that allocate, move and free at random, also each other's blocks, and keep exact books.
 *
 * usage: random_threads THREADS OPERATIONS SEED [ordered]
 * "ordered" runs every operation under one lock: then the order is known, and the peak is exact as well.
 */
#include "books.h"
#include <malloc.h>

enum { N_SLOTS = 4096, N_THREADS_MAX = 256 };

static struct {
    int is_busy;
    struct block b;
} slots[N_SLOTS];

static int s_malloc, s_calloc, s_realloc, s_reallocarray, s_memalign, s_posix, s_aligned, s_valloc, s_big;

SITE void *site_malloc(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_calloc(size_t n) {
    void *p = calloc(n / 4, 4);
    KEPT(p);
    return p;
}
SITE void *site_realloc(void *old, size_t n) {
    void *p = realloc(old, n);
    KEPT(p);
    return p;
}
SITE void *site_reallocarray(void *old, size_t n) {
    void *p = reallocarray(old, n / 8, 8);
    KEPT(p);
    return p;
}
SITE void *site_memalign(size_t n) {
    void *p = memalign(64, n);
    KEPT(p);
    return p;
}
SITE void *site_posix_memalign(size_t n) {
    void *p = NULL;
    int failed = posix_memalign(&p, 256, n);
    KEPT(p);
    return failed ? NULL : p;
}
SITE void *site_aligned_alloc(size_t n) {
    void *p = aligned_alloc(32, n);
    KEPT(p);
    return p;
}
SITE void *site_valloc(size_t n) {
    void *p = valloc(n);
    KEPT(p);
    return p;
}
SITE void *site_big(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static size_t random_size(uint64_t *rng) {
    uint64_t r = books_random(rng);
    switch (r & 7) {
    case 0:
        return 8 * (1 + (r >> 3) % 4);
    case 1:
        return 8 * (1 + (r >> 3) % 1000);
    default:
        return 8 * (1 + (r >> 3) % 64);
    }
}

static void fill(struct block *b, uint64_t *rng) {
    size_t n = random_size(rng);
    switch (books_random(rng) % 16) {
    case 0:
        book_alloc(b, s_calloc, site_calloc(n), n);
        break;
    case 1:
        book_alloc(b, s_memalign, site_memalign(n), n);
        break;
    case 2:
        book_alloc(b, s_posix, site_posix_memalign(n), n);
        break;
    case 3:
        book_alloc(b, s_aligned, site_aligned_alloc(n), n);
        break;
    case 4:
        book_alloc(b, s_valloc, site_valloc(n), n);
        break;
    case 5:
        n *= 300;
        book_alloc(b, s_big, site_big(n), n);
        break;
    case 6:
        book_alloc(b, s_realloc, site_realloc(NULL, n), n);
        break;
    default:
        book_alloc(b, s_malloc, site_malloc(n), n);
        break;
    }
}

static void move(struct block *b, uint64_t *rng) {
    size_t n = random_size(rng);
    void *old = b->p;
    book_free(b);
    if (books_random(rng) & 1) {
        book_alloc(b, s_realloc, site_realloc(old, n), n);
    } else {
        book_alloc(b, s_reallocarray, site_reallocarray(old, n), n);
    }
}

static void empty(struct block *b) {
    void *p = b->p;
    book_free(b);
    free(p);
}

static unsigned long n_operations, seed;
static pthread_barrier_t barrier;

static void *work(void *arg) {
    uint64_t rng = (seed + 1) * 0x9e3779b97f4a7c15ull + (uint64_t)(uintptr_t)arg * 7919 + 1;
    pthread_barrier_wait(&barrier);
    for (unsigned long i = 0; i < n_operations; i++) {
        unsigned k = (unsigned)(books_random(&rng) % N_SLOTS);
        if (__atomic_exchange_n(&slots[k].is_busy, 1, __ATOMIC_ACQUIRE)) {
            continue; /* another thread has it in hand */
        }
        struct block *b = &slots[k].b;
        books_lock();
        if (!b->p) {
            fill(b, &rng);
            if (books_random(&rng) % 4 == 0) {
                empty(b);
            }
        } else if (books_random(&rng) % 4 == 0) {
            move(b, &rng);
        } else {
            empty(b);
        }
        books_unlock();
        __atomic_store_n(&slots[k].is_busy, 0, __ATOMIC_RELEASE);
    }
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        return 2;
    }
    unsigned n_threads = (unsigned)atoi(argv[1]);
    n_operations = strtoul(argv[2], NULL, 10);
    seed = strtoul(argv[3], NULL, 10);
    books_ordered = argc > 4 && !strcmp(argv[4], "ordered");
    books_open();
    s_malloc = book_site("site_malloc");
    s_calloc = book_site("site_calloc");
    s_realloc = book_site("site_realloc");
    s_reallocarray = book_site("site_reallocarray");
    s_memalign = book_site("site_memalign");
    s_posix = book_site("site_posix_memalign");
    s_aligned = book_site("site_aligned_alloc");
    s_valloc = book_site("site_valloc");
    s_big = book_site("site_big");
    static pthread_t threads[N_THREADS_MAX];
    pthread_barrier_init(&barrier, NULL, n_threads);
    for (unsigned i = 1; i < n_threads; i++) {
        if (pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)i)) {
            return 1;
        }
    }
    work(NULL);
    for (unsigned i = 1; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
    }
    books_close();
    return 0;
}
