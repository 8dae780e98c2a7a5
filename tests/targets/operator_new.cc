/* operator_new.cc - every form of operator new and delete, one site each; and what happens when there is no memory.
 *
 * usage: operator_new [aborts]. "aborts": the allocator aborts where it should throw, so leave that out.
 */
#include "books.h"
#include <new>

struct over_aligned {
    char bytes[192];
} __attribute__((aligned(64)));

#define FORM(name, expression)                                                                                             \
    SITE void *site_##name(size_t n) {                                                                                     \
        (void)n;                                                                                                           \
        void *p = (expression);                                                                                            \
        KEPT(p);                                                                                                           \
        return p;                                                                                                          \
    }

static const std::align_val_t line{64};

FORM(new, ::operator new(n))
FORM(new_array, ::operator new[](n))
FORM(new_nothrow, ::operator new(n, std::nothrow))
FORM(new_array_nothrow, ::operator new[](n, std::nothrow))
FORM(new_aligned, ::operator new(n, line))
FORM(new_array_aligned, ::operator new[](n, line))
FORM(new_aligned_nothrow, ::operator new(n, line, std::nothrow))
FORM(new_array_aligned_nothrow, ::operator new[](n, line, std::nothrow))
FORM(new_expression, new over_aligned)

static volatile size_t huge = static_cast<size_t>(1) << 62;

SITE bool site_new_fails() {
    bool is_thrown = false;
    try {
        void *p = ::operator new(huge);
        KEPT(p);
    } catch (const std::bad_alloc &) {
        is_thrown = true;
    }
    return is_thrown && !::operator new(huge, std::nothrow);
}

static int s_after;

SITE void *site_after_failure(size_t n) {
    void *p = ::operator new(n);
    KEPT(p);
    return p;
}

/* An exception has left operator new a hundred times: what comes then is recorded as ever. */
static void after_failures() {
    for (size_t i = 0; i < 100; i++) {
        struct block b;
        book_alloc(&b, s_after, site_after_failure(i + 1), i + 1);
        if (i % 2) {
            void *p = b.p;
            book_free(&b);
            ::operator delete(p);
        }
    }
}

static void give_back(void *p, int form, size_t n) {
    switch (form) {
    case 0:
        ::operator delete(p);
        break;
    case 1:
        ::operator delete[](p);
        break;
    case 2:
        ::operator delete(p, std::nothrow);
        break;
    case 3:
        ::operator delete[](p, std::nothrow);
        break;
    case 4:
        ::operator delete(p, line);
        break;
    case 5:
        ::operator delete[](p, line);
        break;
    case 6:
        ::operator delete(p, line, std::nothrow);
        break;
    case 7:
        ::operator delete[](p, line, std::nothrow);
        break;
    case 8:
        ::operator delete(p, n);
        break;
    case 9:
        ::operator delete[](p, n);
        break;
    case 10:
        ::operator delete(p, n, line);
        break;
    default:
        ::operator delete[](p, n, line);
        break;
    }
}

int main(int argc, char **) {
    books_open();
    static void *(*const forms[])(size_t) = {
        site_new,         site_new_array,         site_new_nothrow,         site_new_array_nothrow,
        site_new_aligned, site_new_array_aligned, site_new_aligned_nothrow, site_new_array_aligned_nothrow};
    static const char *const names[] = {
        "site_new",         "site_new_array",         "site_new_nothrow",         "site_new_array_nothrow",
        "site_new_aligned", "site_new_array_aligned", "site_new_aligned_nothrow", "site_new_array_aligned_nothrow"};
    /* What may free a block of each form. */
    static const int frees[][3] = {{0, 2, 8},  {1, 3, 9},  {0, 2, 8},  {1, 3, 9},
                                   {4, 6, 10}, {5, 7, 11}, {4, 6, 10}, {5, 7, 11}};
    int sites[8];
    for (int f = 0; f < 8; f++) {
        sites[f] = book_site(names[f]);
    }
    s_after = book_site("site_after_failure");
    int s_expression = book_site("site_new_expression");
    for (size_t i = 0; i < 400; i++) {
        for (int f = 0; f < 8; f++) {
            struct block b, c;
            size_t n = 1 + (i * 7 + static_cast<size_t>(f)) % 900;
            book_alloc(&b, sites[f], forms[f](n), n);
            if (i & 1) {
                book_alloc(&c, sites[f], forms[f](n), n);
                void *q = c.p;
                book_free(&c);
                give_back(q, frees[f][i % 3], n);
            }
            if (i % 5) {
                void *p = b.p;
                book_free(&b);
                give_back(p, frees[f][i % 3], n);
            }
        }
        struct block b;
        book_alloc(&b, s_expression, site_new_expression(0), sizeof(over_aligned));
        if (i % 2) {
            over_aligned *p = static_cast<over_aligned *>(b.p);
            book_free(&b);
            delete p;
        }
    }
    if (argc == 1) {
        for (int i = 0; i < 100; i++) {
            if (!site_new_fails()) {
                return 1;
            }
        }
        after_failures();
    }
    books_close();
    return 0;
}
