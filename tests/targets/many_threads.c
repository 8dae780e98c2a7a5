/* many_threads.c - 200 threads at once on the smallest stacks there are, all allocating. */
#include "books.h"
#include <limits.h>

enum { N_THREADS = 200, N_ROUNDS = 500 };

static int s_many, s_left;
static pthread_barrier_t barrier;

SITE void *site_many(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_left(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void *work(void *arg) {
    struct block b;
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < N_ROUNDS; i++) {
        size_t n = 1 + (i * 37 + (size_t)(uintptr_t)arg) % 300;
        book_alloc(&b, s_many, site_many(n), n);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
    book_alloc(&b, s_left, site_left(11), 11);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void) {
    books_open();
    s_many = book_site("site_many");
    s_left = book_site("site_left");
    static pthread_t t[N_THREADS];
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN);
    pthread_barrier_init(&barrier, NULL, N_THREADS);
    for (size_t i = 0; i < N_THREADS; i++) {
        if (pthread_create(&t[i], &attr, work, (void *)i)) {
            return 1;
        }
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(t[i], NULL);
    }
    books_close();
    return 0;
}
