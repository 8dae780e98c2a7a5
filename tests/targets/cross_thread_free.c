/* cross_thread_free.c - one half of the threads allocates, the other half frees; nothing is left. */
#include "books.h"

enum { N_PAIRS = 2, N_BLOCKS = 100000, QUEUE = 256 };

static int s_make;
static struct queue {
    struct block items[QUEUE];
    unsigned long head, tail;
} queues[N_PAIRS];

SITE void *site_make(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void *producer(void *arg) {
    struct queue *q = arg;
    uint64_t rng = 99;
    for (unsigned long i = 0; i < N_BLOCKS; i++) {
        while (i - __atomic_load_n(&q->head, __ATOMIC_ACQUIRE) >= QUEUE) {
            sched_yield();
        }
        size_t n = 1 + books_random(&rng) % 500;
        book_alloc(&q->items[i % QUEUE], s_make, site_make(n), n);
        __atomic_store_n(&q->tail, i + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void *consumer(void *arg) {
    struct queue *q = arg;
    for (unsigned long i = 0; i < N_BLOCKS; i++) {
        while (__atomic_load_n(&q->tail, __ATOMIC_ACQUIRE) <= i) {
            sched_yield();
        }
        struct block b = q->items[i % QUEUE];
        __atomic_store_n(&q->head, i + 1, __ATOMIC_RELEASE);
        void *p = b.p;
        book_free(&b);
        free(p);
    }
    return NULL;
}

int main(void) {
    books_open();
    s_make = book_site("site_make");
    pthread_t t[2 * N_PAIRS];
    for (int i = 0; i < N_PAIRS; i++) {
        if (pthread_create(&t[2 * i], NULL, producer, &queues[i]) ||
            pthread_create(&t[2 * i + 1], NULL, consumer, &queues[i])) {
            return 1;
        }
    }
    for (int i = 0; i < 2 * N_PAIRS; i++) {
        pthread_join(t[i], NULL);
    }
    books_close();
    return 0;
}
