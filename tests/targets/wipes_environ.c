/* wipes_environ.c - overwrites its environment and its arguments, as servers do that set their title. */
#include "books.h"

extern char **environ;

SITE void *site_after_wipe(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

int main(int argc, char **argv) {
    books_open();
    int site = book_site("site_after_wipe");
    for (char **e = environ; *e; e++) {
        memset(*e, 'x', strlen(*e));
    }
    *environ = NULL;
    clearenv();
    for (int i = 1; i < argc; i++) {
        memset(argv[i], 0, strlen(argv[i]));
    }
    for (size_t i = 0; i < 1000; i++) {
        struct block b;
        book_alloc(&b, site, site_after_wipe(i), i);
        if (i % 2) {
            void *p = b.p;
            book_free(&b);
            free(p);
        }
    }
    books_close();
    return 0;
}
