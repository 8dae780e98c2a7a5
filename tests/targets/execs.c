/* execs.c - allocate, then become another program. usage: execs PROGRAM ARGUMENT… */
#include "books.h"

SITE void *site_before_exec(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

int main(int argc, char **argv) {
    books_open();
    int site = book_site("site_before_exec");
    for (size_t i = 0; i < 100; i++) {
        struct block b;
        book_alloc(&b, site, site_before_exec(100 + i), 100 + i);
    }
    books_close();
    if (argc > 1) {
        execv(argv[1], argv + 1);
    }
    return 1;
}
