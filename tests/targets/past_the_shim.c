/* past_the_shim.c - blocks from the same heap that the shim does not see: __libc_malloc, as an allocator hidden in a program takes them.
 *
 *   past_the_shim SEEN UNSEEN [more]    so many blocks of 1000 bytes by malloc, and of 3000 past it; none is freed. more: a fork child
 *                                       does the same once more and exits
 *
 * At the end each process writes a line to stdout: what glibc itself says is in use. */
#include <malloc.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "books.h"

extern void *__libc_malloc(size_t size);

static int seen_site;

SITE void take_seen(struct block *b) {
    book_alloc(b, seen_site, malloc(1000), 1000);
    KEPT(b->p);
}

SITE void take_unseen(void) {
    void *p = __libc_malloc(3000);
    KEPT(p);
}

static void take(int n_seen, int n_unseen) {
    static struct block b;
    for (int i = 0; i < n_seen; i++) {
        take_seen(&b);
    }
    for (int i = 0; i < n_unseen; i++) {
        take_unseen();
    }
}

static void say_in_use(void) {
    static char line[64];
    struct mallinfo2 info = mallinfo2();
    int n = snprintf(line, sizeof line, "%d %zu\n", getpid(), info.uordblks + info.hblkhd);
    if (write(1, line, (size_t)n) != n) {
        _exit(96);
    }
}

int main(int argc, char **argv) {
    int n_seen = argc > 1 ? atoi(argv[1]) : 1000, n_unseen = argc > 2 ? atoi(argv[2]) : 1000, status = 0;
    books_open();
    books_share();
    seen_site = book_site("take_seen");
    take(n_seen, n_unseen);
    pid_t child = argc > 3 ? fork() : -1;
    if (child == 0) {
        take(n_seen, n_unseen);
        say_in_use();
        exit(0);
    }
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0)) {
        return 1;
    }
    books_close();
    say_in_use();
    return 0;
}
