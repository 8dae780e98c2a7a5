/* c_functions.c - every allocating function of the C library, called so often, kept every third time; and their failures.
 *
 * usage: c_functions [foreign]. "foreign": with an allocator that is not the C library's, whose pvalloc and reallocarray may
 * be missing and whose failures may leave errno alone.
 */
#include "books.h"
#include <malloc.h>

static volatile size_t too_much = SIZE_MAX - 4096, half = SIZE_MAX / 2, three = 3;

#define ALLOCATES(name, expression)                                                                                        \
    SITE void *site_##name(size_t n) {                                                                                     \
        (void)n;                                                                                                           \
        void *p = (expression);                                                                                            \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }

/* An expression and no function: inlined or not, a function would be a frame of the report. */
#define POSIX(alignment, n)                                                                                                \
    __extension__({                                                                                                        \
        void *q = NULL;                                                                                                    \
        posix_memalign(&q, alignment, n) ? NULL : q;                                                                       \
    })

ALLOCATES(malloc, malloc(n))
ALLOCATES(calloc, calloc(n, 3))
ALLOCATES(realloc, realloc(NULL, n))
ALLOCATES(reallocarray, reallocarray(NULL, n, 5))
ALLOCATES(memalign, memalign(4096, n))
ALLOCATES(aligned_alloc, aligned_alloc(128, n * 128))
ALLOCATES(posix_memalign, POSIX(1024, n))
ALLOCATES(valloc, valloc(n))
ALLOCATES(pvalloc, pvalloc(n))

ALLOCATES(malloc_fails, malloc(too_much))
ALLOCATES(calloc_overflows, calloc(half, three))
ALLOCATES(calloc_fails, calloc(1, too_much))
ALLOCATES(reallocarray_overflows, reallocarray(NULL, half, three))
ALLOCATES(memalign_fails, memalign(64, too_much))
ALLOCATES(posix_memalign_fails, POSIX(24, 100))

int main(int argc, char **argv) {
    (void)argv;
    int is_foreign = argc > 1;
    books_open();
#define FUNCTION(name, bytes)                                                                                              \
    do {                                                                                                                   \
        int site = book_site("site_" #name);                                                                               \
        for (size_t i = 0; i < 300; i++) {                                                                                 \
            struct block b;                                                                                                \
            size_t n = 1 + i % 77;                                                                                         \
            book_alloc(&b, site, site_##name(n), bytes);                                                                   \
            if (!b.p || malloc_usable_size(b.p) < (bytes)) {                                                               \
                return 1;                                                                                                  \
            }                                                                                                              \
            memset(b.p, 1, bytes);                                                                                         \
            if (i % 3) {                                                                                                   \
                void *p = b.p;                                                                                             \
                book_free(&b);                                                                                             \
                free(p);                                                                                                   \
            }                                                                                                              \
        }                                                                                                                  \
    } while (0)
    FUNCTION(malloc, n);
    FUNCTION(calloc, n * 3);
    FUNCTION(realloc, n);
    FUNCTION(memalign, n);
    FUNCTION(aligned_alloc, n * 128);
    FUNCTION(posix_memalign, n);
    FUNCTION(valloc, n);
    if (!is_foreign) {
        FUNCTION(reallocarray, n * 5);
        FUNCTION(pvalloc, n);
    }
#define FAILS(name)                                                                                                        \
    for (size_t i = 0; i < 10; i++) {                                                                                      \
        if (site_##name(i + 1)) {                                                                                          \
            return 2;                                                                                                      \
        }                                                                                                                  \
    }
    FAILS(malloc_fails)
    FAILS(calloc_overflows)
    FAILS(calloc_fails)
    if (!is_foreign) {
        FAILS(reallocarray_overflows)
    }
    FAILS(memalign_fails)
    FAILS(posix_memalign_fails)
    errno = 0;
    if (site_malloc_fails(1) || (errno != ENOMEM && !is_foreign)) {
        return 3;
    }
    errno = 77; /* free must leave errno alone, and so must a hook */
    void *p = malloc(10);
    free(p);
    free(NULL);
    if (errno != 77) {
        return 4;
    }
    books_close();
    return 0;
}
