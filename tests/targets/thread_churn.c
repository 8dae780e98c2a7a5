/* thread_churn.c - 800 threads made and joined, eight at a time; a destructor of thread data frees and allocates.
 *
 * Each thread has a control block that the C library allocates and frees by itself: a tracer that misses those frees
 * reports a leak per thread.
 */
#include "books.h"

enum { N_ROUNDS = 100, N_AT_ONCE = 8 };

static int s_thread, s_destructor;
static pthread_key_t key;

SITE void *site_in_thread(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}
SITE void *site_in_destructor(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static struct block in_thread[N_AT_ONCE];

static void destroy(void *arg) {
    struct block *b = arg;
    struct block inner;
    void *p = b->p;
    book_free(b);
    free(p);
    book_alloc(&inner, s_destructor, site_in_destructor(77), 77);
    p = inner.p;
    book_free(&inner);
    free(p);
}

static void *work(void *arg) {
    struct block *b = arg;
    book_alloc(b, s_thread, site_in_thread(123), 123);
    pthread_setspecific(key, b);
    return NULL;
}

int main(void) {
    books_open();
    s_thread = book_site("site_in_thread");
    s_destructor = book_site("site_in_destructor");
    pthread_key_create(&key, destroy);
    for (int i = 0; i < N_ROUNDS; i++) {
        pthread_t t[N_AT_ONCE];
        for (int k = 0; k < N_AT_ONCE; k++) {
            if (pthread_create(&t[k], NULL, work, &in_thread[k])) {
                return 1;
            }
        }
        for (int k = 0; k < N_AT_ONCE; k++) {
            pthread_join(t[k], NULL);
        }
    }
    books_close();
    return 0;
}
