/* mimalloc_api.c - mimalloc's own functions. */
#include "books.h"
#include <mimalloc.h>

#define ALLOCATES(name, expression)                                                                                        \
    SITE void *site_##name(void *old, size_t n) {                                                                          \
        (void)old;                                                                                                         \
        void *p = (expression);                                                                                            \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }
ALLOCATES(malloc, mi_malloc(n))
ALLOCATES(zalloc, mi_zalloc(n))
ALLOCATES(calloc, mi_calloc(n, 1))
ALLOCATES(mallocn, mi_mallocn(n, 1))
ALLOCATES(malloc_aligned, mi_malloc_aligned(n, 64))
ALLOCATES(zalloc_aligned, mi_zalloc_aligned(n, 64))
ALLOCATES(new, mi_new(n))
ALLOCATES(new_nothrow, mi_new_nothrow(n))
ALLOCATES(realloc, mi_realloc(old, n))
ALLOCATES(rezalloc, mi_rezalloc(old, n))
ALLOCATES(realloc_aligned, mi_realloc_aligned(old, n, 64))

int main(void) {
    static void *(*const makes[])(void *, size_t) = {site_malloc,  site_zalloc,         site_calloc,
                                                     site_mallocn, site_malloc_aligned, site_zalloc_aligned,
                                                     site_new,     site_new_nothrow};
    static const char *const make_names[] = {"site_malloc",  "site_zalloc",         "site_calloc",
                                             "site_mallocn", "site_malloc_aligned", "site_zalloc_aligned",
                                             "site_new",     "site_new_nothrow"};
    static void *(*const moves[])(void *, size_t) = {site_realloc, site_rezalloc, site_realloc_aligned};
    static const char *const move_names[] = {"site_realloc", "site_rezalloc", "site_realloc_aligned"};
    enum { N_MAKES = 8, N_MOVES = 3 };
    int made[N_MAKES], moved[N_MOVES];
    books_open();
    for (int i = 0; i < N_MAKES; i++) {
        made[i] = book_site(make_names[i]);
    }
    for (int i = 0; i < N_MOVES; i++) {
        moved[i] = book_site(move_names[i]);
    }
    for (size_t i = 0; i < 300; i++) {
        size_t n = 1 + i % 211;
        for (int k = 0; k < N_MAKES; k++) {
            struct block b = {0};
            book_alloc(&b, made[k], makes[k](NULL, n), n);
            if (i % 2) {
                int m = (int)(i / 2 % N_MOVES);
                void *old = b.p;
                book_free(&b);
                book_alloc(&b, moved[m], moves[m](old, n + 50), n + 50);
            }
            if (i % 5) {
                void *p = b.p;
                size_t size = b.size;
                book_free(&b);
                if (i % 3) {
                    mi_free(p);
                } else {
                    mi_free_size(p, size);
                }
            }
        }
    }
    books_close();
    return 0;
}
