// two_versions_cxx.cc - two_versions.c for C++: templates, lambdas, namespaces without a name, methods. The first argument is the version, 1 or 2.
//
//   function     version 1       version 2
//   keeps<int>   4 blocks of 24  9; make_node<long> stays at 3 of 40
//   lambda       6 of 80         6
//   hidden       2 of 500        - (in a namespace without a name)
//   session::open  -             8 of 72
#include <algorithm>

#include "books.h"

static int version;
static struct block kept;

static int now(int n_1, int n_2) {
    return version == 1 ? n_1 : n_2;
}

namespace app {
template <class T> void keeps(int site, int n) {
    for (int i = 0; i < n; i++) {
        void *p = malloc(sizeof(T) * 6);
        KEPT(p);
        book_alloc(&kept, site, p, sizeof(T) * 6);
    }
}
template <class T> __attribute__((noinline)) void make_node(int site, int n) {
    for (int i = 0; i < n; i++) {
        void *p = malloc(sizeof(T) * 5);
        KEPT(p);
        book_alloc(&kept, site, p, sizeof(T) * 5);
    }
}

namespace {
void hidden(int site, int n) {
    for (int i = 0; i < n; i++) {
        void *p = malloc(500);
        KEPT(p);
        book_alloc(&kept, site, p, 500);
    }
}
} // namespace

struct session {
    int site;
    __attribute__((noinline)) void open(int n, const char *) {
        for (int i = 0; i < n; i++) {
            char *p = new char[72];
            KEPT(p);
            book_alloc(&kept, site, p, 72);
        }
    }
};

__attribute__((noinline)) void each(int site) {
    int n[6] = {};
    std::for_each(n, n + 6, [site](int) {
        void *p = malloc(80);
        KEPT(p);
        book_alloc(&kept, site, p, 80);
    });
    KEPT(n);
}
} // namespace app

int main(int argc, char **argv) {
    version = argc > 1 ? atoi(argv[1]) : 1;
    books_ordered = 1;
    books_open();
    int s_keeps = book_site("keeps"), s_node = book_site("make_node"), s_each = book_site("operator()"),
        s_hidden = book_site("hidden"), s_open = book_site("open");
    app::keeps<int>(s_keeps, now(4, 9));
    app::make_node<long>(s_node, 3);
    app::each(s_each);
    app::hidden(s_hidden, now(2, 0));
    app::session session{s_open};
    session.open(now(0, 8), "");
    books_close();
    return 0;
}
