// new_handler.cc - operator new that fails first, and a handler that itself uses operator new: each block once, with its own size.
#include <cstdio>
#include <cstdlib>
#include <new>

enum { ROUNDS = 1000 };

static long n_calls;

static void make_room() {
    char *volatile mine = new char[55];
    n_calls++;
    delete[] mine;
    std::set_new_handler(nullptr);
}

int main() {
    volatile size_t huge = size_t(1) << 50;
    for (int i = 0; i < ROUNDS; i++) {
        std::set_new_handler(make_room);
        char *volatile none = new (std::nothrow) char[huge];
        if (none) {
            return 1;
        }
        try {
            std::set_new_handler(make_room);
            char *volatile thrown = new char[huge];
            delete[] thrown;
            return 1;
        } catch (const std::bad_alloc &) {
            n_calls++; // the exception itself; nothrow's, thrown and caught inside, is booked below
        }
        n_calls++;
    }
    std::fprintf(stderr, "calls %ld\n", n_calls);
    std::puts("ok");
}
