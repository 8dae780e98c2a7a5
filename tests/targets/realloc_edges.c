/* realloc_edges.c - realloc(p, 0) frees, a realloc that fails leaves its block alone, realloc(NULL, n) allocates. */
#include "books.h"

static volatile size_t huge = (size_t)1 << 62, zero = 0;

SITE void *site_zero_block(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_to_zero(void *old) {
    void *p = realloc(old, zero);
    KEPT(p);
    return p;
}
SITE void *site_from_null(size_t n) {
    void *p = realloc(NULL, n);
    KEPT(p);
    return p;
}
SITE void *site_kept_block(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_fails(void *old) {
    void *p = realloc(old, huge);
    KEPT(p);
    return p;
}
SITE void *site_array_fails(void *old) {
    void *p = reallocarray(old, huge, 8);
    KEPT(p);
    return p;
}

int main(void) {
    books_open();
    int s_zero_block = book_site("site_zero_block"), s_to_zero = book_site("site_to_zero");
    int s_from_null = book_site("site_from_null"), s_kept = book_site("site_kept_block");
    static struct block keep[100];
    struct block b;
    for (int i = 0; i < 100; i++) {
        /* Freed by realloc(p, 0), with and without another allocation in between. */
        book_alloc(&b, s_zero_block, site_zero_block(100), 100);
        if (i & 1) {
            book_alloc(&keep[i], s_from_null, site_from_null(48), 48);
        }
        void *p = b.p;
        book_free(&b);
        book_alloc(&b, s_to_zero, site_to_zero(p), 0);

        /* realloc(NULL, 0) is malloc(0): a block. */
        book_alloc(&b, s_from_null, site_from_null(0), 0);
        p = b.p;
        book_free(&b);
        free(p);

        /* Failed, twice; the block lives on, is the thread's last allocation still, and ends once. */
        book_alloc(&b, s_kept, site_kept_block(1000 + (size_t)i), 1000 + (size_t)i);
        errno = 0;
        if (site_fails(b.p) || errno != ENOMEM || site_array_fails(b.p)) {
            return 1;
        }
        if (i % 10) {
            p = b.p;
            book_free(&b);
            free(p);
        }
    }
    books_close();
    return 0;
}
