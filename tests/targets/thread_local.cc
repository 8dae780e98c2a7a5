// thread_local.cc - what threads allocate and release as they end: in destructors of thread_local objects, and in those of thread data, which run in several
// rounds where one of them sets another.
#include <pthread.h>

#include "books.h"

enum { N_THREADS = 300, N_ROUNDS = 3 };

static int s_object, s_in_destructor, s_in_key;
static pthread_key_t key;

SITE void *site_object(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_in_destructor(size_t n) {
    void *p = operator new(n);
    KEPT(p);
    return p;
}
SITE void *site_in_key(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

struct holder {
    struct block held;
    holder() {
        book_alloc(&held, s_object, site_object(100), 100);
    }
    ~holder() {
        struct block more;
        void *p = held.p;
        book_alloc(&more, s_in_destructor, site_in_destructor(50), 50);
        book_free(&held);
        free(p);
        p = more.p;
        book_free(&more);
        operator delete(p);
    }
};

static thread_local holder mine;

static void destroy(void *value) {
    uintptr_t rounds_left = (uintptr_t)value;
    struct block b;
    book_alloc(&b, s_in_key, site_in_key(rounds_left), rounds_left);
    if (rounds_left > 1) {
        pthread_setspecific(key, (void *)(rounds_left - 1));
        void *p = b.p;
        book_free(&b);
        free(p);
    } // the last one stays
}

static void *work(void *unused) {
    KEPT(&mine); // the first use makes it
    pthread_setspecific(key, (void *)(uintptr_t)N_ROUNDS);
    return unused;
}

int main() {
    books_open();
    s_object = book_site("site_object");
    s_in_destructor = book_site("site_in_destructor");
    s_in_key = book_site("site_in_key");
    pthread_key_create(&key, destroy);
    for (int i = 0; i < N_THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0) {
            return 1;
        }
    }
    books_close();
    return 0;
}
