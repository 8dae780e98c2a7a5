/* sizes.c - blocks of no byte and of more than 4 GiB (never touched, so nothing is used). */
#include "books.h"

static const size_t gib = (size_t)1 << 30;

SITE void *site_nothing(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_calloc_nothing(size_t n) {
    void *p = calloc(n, 0);
    KEPT(p);
    return p;
}
SITE void *site_huge(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_huge_realloc(void *old, size_t n) {
    void *p = realloc(old, n);
    KEPT(p);
    return p;
}

int main(void) {
    books_ordered = 1;
    books_open();
    int s_nothing = book_site("site_nothing"), s_calloc = book_site("site_calloc_nothing");
    int s_huge = book_site("site_huge"), s_moved = book_site("site_huge_realloc");
    static struct block kept[64];
    for (int i = 0; i < 32; i++) {
        book_alloc(&kept[i], s_nothing, site_nothing(0), 0);
        book_alloc(&kept[32 + i], s_calloc, site_calloc_nothing((size_t)i), 0);
        if (i & 1) {
            void *p = kept[i].p;
            book_free(&kept[i]);
            free(p);
        }
    }
    struct block b, c;
    size_t n = 4 * gib + 12345;
    book_alloc(&b, s_huge, site_huge(n), n);
    book_alloc(&c, s_huge, site_huge(5 * gib), 5 * gib);
    if (!b.p || !c.p) {
        fprintf(stderr, "sizes: this machine does not lend 10 GiB of address space\n");
    }
    void *old = b.p;
    if (old) {
        book_free(&b);
        book_alloc(&b, s_moved, site_huge_realloc(old, n + gib), n + gib);
    }
    old = c.p;
    book_free(&c);
    free(old);
    books_close();
    return 0;
}
