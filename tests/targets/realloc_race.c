/* realloc_race.c - four threads realloc as fast as they can in one arena without thread caches, and leak nothing.
 *
 * A block that realloc gives up is at once somebody else's: a tracer that notes the old block's end after the real realloc
 * sees it after the new owner's allocation and reports leaks that are none (hundreds here).
 * Run with GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1
 */
#include "books.h"

enum { N_THREADS = 4, N_ROUNDS = 40000 };

static int s_grow;

SITE void *site_grow(void *old, size_t n) {
    void *p = realloc(old, n);
    KEPT(p);
    return p;
}

static void *work(void *arg) {
    uint64_t rng = 12345 + (uint64_t)(uintptr_t)arg;
    struct block b = {0};
    for (int i = 0; i < N_ROUNDS; i++) {
        size_t n = 16 + books_random(&rng) % 2000;
        void *old = b.p;
        book_free(&b);
        book_alloc(&b, s_grow, site_grow(old, n), n);
        if (i % 16 == 15) {
            void *p = b.p;
            book_free(&b);
            free(p);
        }
    }
    void *p = b.p;
    book_free(&b);
    free(p);
    return NULL;
}

int main(void) {
    books_open();
    s_grow = book_site("site_grow");
    pthread_t t[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        if (pthread_create(&t[i], NULL, work, (void *)(uintptr_t)i)) {
            return 1;
        }
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    books_close();
    return 0;
}
