/* jemalloc_api.c - jemalloc's own functions beside the standard ones. */
#include "books.h"
#include <jemalloc/jemalloc.h>

#define ALLOCATES(name, ...)                                                                                               \
    SITE void *site_##name(__VA_ARGS__) {                                                                                  \
        void *p = (name##_CALL);                                                                                           \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }
#define mallocx_CALL mallocx(n, flags)
#define rallocx_CALL rallocx(old, n, 0)
#define malloc_CALL  malloc(n)
ALLOCATES(mallocx, size_t n, int flags)
ALLOCATES(rallocx, void *old, size_t n)
ALLOCATES(malloc, size_t n)

SITE size_t site_xallocx(void *p, size_t n) {
    size_t usable = xallocx(p, n, 0, 0);
    KEPT(p);
    return usable;
}

static void give_back(struct block *b, size_t way) {
    void *p = b->p;
    size_t n = b->size;
    book_free(b);
    switch (way % 3) {
    case 0:
        dallocx(p, 0);
        break;
    case 1:
        sdallocx(p, n, 0);
        break;
    default:
        free(p);
        break;
    }
}

int main(void) {
    books_open();
    int s_xallocx = book_site("site_xallocx");
    int s_mallocx = book_site("site_mallocx"), s_rallocx = book_site("site_rallocx"), s_malloc = book_site("site_malloc");
    struct block b;
    for (size_t i = 0; i < 600; i++) {
        size_t n = 1 + i % 333;
        int flags = i & 1 ? MALLOCX_ALIGN(64) : MALLOCX_ZERO;
        book_alloc(&b, s_mallocx, site_mallocx(n, flags), n);
        if (i % 3 && !(i & 1)) {
            give_back(&b, i);
        }
        /* In place or not at all: within the size class it works, far beyond it does not. */
        book_alloc(&b, s_malloc, site_malloc(n), n);
        size_t more = malloc_usable_size(b.p);
        void *p = b.p;
        if (site_xallocx(p, more) >= more) {
            book_free(&b);
            book_alloc(&b, s_xallocx, p, more);
        }
        if (site_xallocx(p, more * 64) >= more * 64) {
            return 1;
        }
        void *old = b.p;
        book_free(&b);
        book_alloc(&b, s_rallocx, site_rallocx(old, 2 * n), 2 * n);
        if (i % 4) {
            give_back(&b, i / 4);
        }
    }
    books_close();
    return 0;
}
