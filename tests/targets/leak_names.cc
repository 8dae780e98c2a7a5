/* leak_names.cc - leaks one block each by functions with names of all kinds; built a second time with LeakSanitizer, whose suppressions must hide the same.
 *
 * Each block has a size of its own, by which reports of both tell which leak is which. Nothing points to them at the end. */
#include <cstdlib>
#include <cstring>

#define SITE    __attribute__((noinline, noclone, used))
#define KEPT(p) __asm__ volatile("" : : "r"(p) : "memory")

static size_t next_size = 1001;

static inline void leak_here() {
    char *p = (char *)malloc(next_size++);
    KEPT(p);
    p = nullptr;
    KEPT(p);
}

extern "C" {
SITE void parse() {
    leak_here();
    KEPT(0);
}
SITE void parse_twice() {
    parse();
    KEPT(0);
}
SITE void re_parse() {
    leak_here();
    KEPT(0);
}
SITE void parseparse() {
    leak_here();
    KEPT(0);
}
SITE void xab_ab() {
    leak_here();
    KEPT(0);
}
SITE void ab_xab() {
    leak_here();
    KEPT(0);
}
SITE void do$lar() {
    leak_here();
    KEPT(0);
}
SITE void A_Bc_D() {
    leak_here();
    KEPT(0);
}
}

namespace net {
struct Conn {
    SITE Conn(int n) {
        if (n)
            leak_here();
        KEPT(0);
    }
    SITE void open(const char *s, int *n) {
        KEPT(s);
        KEPT(n);
        leak_here();
        KEPT(0);
    }
};
template <class T> SITE void fill(T *t) {
    KEPT(t);
    leak_here();
    KEPT(0);
}
namespace inner {
SITE void hidden(int n) {
    if (n)
        leak_here();
    KEPT(0);
}
} // namespace inner
} // namespace net

SITE void deep(int n) {
    if (n == 0) {
        parse();
    } else {
        deep(n - 1);
    }
    KEPT(0);
}

SITE void all() {
    int n = 0;
    parse();
    parse_twice();
    re_parse();
    parseparse();
    xab_ab();
    ab_xab();
    do$lar();
    A_Bc_D();
    net::Conn conn(1);
    conn.open("x", &n);
    net::fill<char>(nullptr);
    net::fill<int>(&n);
    net::inner::hidden(1);
    deep(3);
    KEPT(0);
}

/* What the stack and registers still point to would be no leak to LeakSanitizer. */
SITE void wipe() {
    volatile char stack[8192];
    memset((void *)stack, 0, sizeof stack);
    KEPT(stack);
}

int main() {
    all();
    wipe();
    return 0;
}
