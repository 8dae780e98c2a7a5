/* deep_recursion.c - allocations at the end of 5000 frames, on the way down and on the way up. */
#include "books.h"

enum { DEPTH = 5000 };

static int s_deep;
static struct block kept[64];
static int n_kept;

SITE void *site_deep(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

SITE int descend(int depth) {
    if (depth % 100 == 0) {
        struct block b;
        book_alloc(&b, s_deep, site_deep((size_t)depth + 1), (size_t)depth + 1);
        if (depth % 1000 == 0) {
            kept[n_kept++] = b;
        } else {
            void *p = b.p;
            book_free(&b);
            free(p);
        }
    }
    int r = depth == 0 ? 0 : descend(depth - 1);
    KEPT((long)r);
    return r + 1;
}

int main(void) {
    books_open();
    s_deep = book_site("site_deep");
    int n = descend(DEPTH);
    books_close();
    return n == DEPTH + 1 ? 0 : 1;
}
