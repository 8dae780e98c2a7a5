/* tcmalloc_api.c - tcmalloc's own functions. */
#include "books.h"
#include <gperftools/tcmalloc.h>

#define ALLOCATES(name, expression)                                                                                        \
    SITE void *site_##name(size_t n) {                                                                                     \
        void *p = (expression);                                                                                            \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }
/* An expression and no function: inlined or not, a function would be a frame of the report. */
#define POSIX(n)                                                                                                           \
    __extension__({                                                                                                        \
        void *q = NULL;                                                                                                    \
        tc_posix_memalign(&q, 64, n) ? NULL : q;                                                                           \
    })
ALLOCATES(malloc, tc_malloc(n))
ALLOCATES(calloc, tc_calloc(n, 1))
ALLOCATES(memalign, tc_memalign(64, n))
ALLOCATES(posix_memalign, POSIX(n))
ALLOCATES(valloc, tc_valloc(n))
ALLOCATES(pvalloc, tc_pvalloc(n))
SITE void *site_realloc(void *old, size_t n) {
    void *p = tc_realloc(old, n);
    KEPT(p);
    return p;
}

int main(void) {
    static void *(*const makes[])(size_t) = {site_malloc,         site_calloc, site_memalign,
                                             site_posix_memalign, site_valloc, site_pvalloc};
    static const char *const names[] = {"site_malloc",         "site_calloc", "site_memalign",
                                        "site_posix_memalign", "site_valloc", "site_pvalloc"};
    enum { N_MAKES = 6 };
    int made[N_MAKES];
    books_open();
    for (int i = 0; i < N_MAKES; i++) {
        made[i] = book_site(names[i]);
    }
    int s_realloc = book_site("site_realloc");
    for (size_t i = 0; i < 300; i++) {
        size_t n = 1 + i % 211;
        for (int k = 0; k < N_MAKES; k++) {
            struct block b = {0};
            book_alloc(&b, made[k], makes[k](n), n);
            if (i % 4 == 1) {
                void *old = b.p;
                book_free(&b);
                book_alloc(&b, s_realloc, site_realloc(old, n + 50), n + 50);
            }
            if (i % 5) {
                void *p = b.p;
                size_t size = b.size;
                book_free(&b);
                if (i % 3 || k > 1) {
                    tc_free(p);
                } else {
                    tc_free_sized(p, size);
                }
            }
        }
    }
    books_close();
    return 0;
}
