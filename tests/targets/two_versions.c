/* two_versions.c - two versions of a program in one: what each of its functions does depends on the first argument, 1 or 2. For `seep diff`.
 *
 *   function        version 1            version 2
 *   keeps_same      5 blocks of 100      the same
 *   leaks_more      10 of 64             25 of 64
 *   leaks_less      12 of 48             3 of 48
 *   leaks_new       -                    7 of 104
 *   leaks_before    4 of 200             -
 *   frees_more      50 of 32, freed      90
 *   make_table      3 of 256             4 of 256; inlined wherever the compiler likes to
 *   copy_name       2 of 16 for users    2 of 16 for users, 5 for groups: another call path
 *
 * Between these and main stand helpers that may be inlined or left by a jump.
 */
#include "books.h"

static struct block kept;
static int version;

static int now(int n_1, int n_2) {
    return version == 1 ? n_1 : n_2;
}

static void keep(int site, void *p, size_t n) {
    book_alloc(&kept, site, p, n);
}

#define ALLOCATES(name)                                                                                                    \
    SITE void *name(size_t n) {                                                                                            \
        void *p = malloc(n);                                                                                               \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }

ALLOCATES(keeps_same)
ALLOCATES(leaks_more)
ALLOCATES(leaks_less)
ALLOCATES(leaks_new)
ALLOCATES(leaks_before)
ALLOCATES(frees_more)
ALLOCATES(copy_name)

static void *make_table(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static int s_same, s_more, s_less, s_new, s_before, s_frees, s_table, s_name;

static void handle_request(int i) {
    if (i < now(10, 25)) {
        keep(s_more, leaks_more(64), 64);
    }
    if (i < now(12, 3)) {
        keep(s_less, leaks_less(48), 48);
    }
}

static void handle_requests(void) {
    for (int i = 0; i < 25; i++) {
        handle_request(i);
    }
}

static void load_tables(void) {
    for (int i = 0; i < now(3, 4); i++) {
        keep(s_table, make_table(256), 256);
    }
}

SITE void load_users(void) {
    for (int i = 0; i < 2; i++) {
        keep(s_name, copy_name(16), 16);
    }
}

SITE void load_groups(void) {
    for (int i = 0; i < now(0, 5); i++) {
        keep(s_name, copy_name(16), 16);
    }
}

SITE void turn(void) {
    for (int i = 0; i < now(50, 90); i++) {
        struct block b;
        book_alloc(&b, s_frees, frees_more(32), 32);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
    for (int i = 0; i < now(0, 7); i++) {
        keep(s_new, leaks_new(104), 104);
    }
    for (int i = 0; i < now(4, 0); i++) {
        keep(s_before, leaks_before(200), 200);
    }
}

static void start(void) {
    for (int i = 0; i < 5; i++) {
        keep(s_same, keeps_same(100), 100);
    }
    load_tables();
    load_users();
    load_groups();
}

int main(int argc, char **argv) {
    version = argc > 1 ? atoi(argv[1]) : 1;
    books_ordered = 1;
    books_open();
    s_same = book_site("keeps_same");
    s_more = book_site("leaks_more");
    s_less = book_site("leaks_less");
    s_new = book_site("leaks_new");
    s_before = book_site("leaks_before");
    s_frees = book_site("frees_more");
    s_table = book_site("make_table");
    s_name = book_site("copy_name");
    start();
    handle_requests();
    turn();
    books_close();
    return 0;
}
