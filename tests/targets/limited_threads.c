/* limited_threads.c - as many threads as RLIMIT_DATA leaves room for, were the program alone: it says how many there were. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { THREADS = 600, STACK_BYTES = 65536, LIMIT_BYTES = 200 << 20 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *unused) {
    void *volatile p = malloc(100);
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    free(p);
    return unused;
}

int main(void) {
    static pthread_t threads[THREADS];
    struct rlimit limit = {LIMIT_BYTES, LIMIT_BYTES};
    pthread_attr_t attributes;
    int n = 0;
    setrlimit(RLIMIT_DATA, &limit);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_mutex_lock(&mutex);
    while (n < THREADS && pthread_create(&threads[n], &attributes, work, NULL) == 0) {
        n++;
    }
    pthread_mutex_unlock(&mutex);
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%d of %d threads\n", n, THREADS);
    return 0;
}
