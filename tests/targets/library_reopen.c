/* library_reopen.c - two libraries in turn at the same address: each allocation must be told by its own library's name.
 *
 * usage: library_reopen [ROUNDS [unseen]]     unseen: closed by libc's own dlclose, as libc does it with modules of its own
 *
 * Fails (status 3) if the system never puts the second where the first was, for then nothing has been tested.
 */
#include "books.h"
#include <dlfcn.h>
#include <libgen.h>
#include <link.h>

int main(int argc, char **argv) {
    int rounds = argc > 1 ? atoi(argv[1]) : 40;
    int (*close_library)(void *) = dlclose;
    if (argc > 2) {
        *(void **)&close_library = dlsym(dlopen("libc.so.6", RTLD_LAZY), "dlclose");
    }
    static char path[2][4096];
    books_open();
    int sites[2] = {book_site("site_first"), book_site(argc > 2 ? "site_third" : "site_second")};
    const char *folder = dirname(strdup(argv[0]));
    snprintf(path[0], sizeof path[0], "%s/lib_first.so", folder);
    snprintf(path[1], sizeof path[1], "%s/lib_%s.so", folder, argc > 2 ? "third" : "second");
    ElfW(Addr) base[2] = {0, 1};
    int n_same = 0;
    for (int i = 0; i < rounds; i++) {
        int which = i & 1;
        void *library = dlopen(path[which], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        void *(*allocate)(size_t);
        *(void **)&allocate = dlsym(library, "lib_allocate");
        struct link_map *map = library;
        base[which] = map->l_addr;
        n_same += i && base[0] == base[1];
        for (int k = 0; k < 50; k++) {
            struct block b;
            size_t n = 10 + (size_t)which * 1000 + (size_t)k;
            book_alloc(&b, sites[which], allocate(n), n);
            if (k % 10) {
                void *p = b.p;
                book_free(&b);
                free(p);
            }
        }
        close_library(library);
    }
    books_close();
    return n_same ? 0 : 3;
}
