/* idle_threads.c - `idle_threads COUNT`: so many threads at once, each of which has allocated once and waits. Tells on stdout its private and its shared
 * memory in KiB then. */
#include <malloc.h>

#include "books.h"

enum { THREADS_MAX = 4000, STACK_BYTES = 65536 };

static int s_thread;
static uint32_t n_ready;
static pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;

SITE void *site_thread(size_t n) {
    void *p = malloc(n);
    KEPT(p);
    return p;
}

static void *work(void *unused) {
    struct block b;
    book_alloc(&b, s_thread, site_thread(100), 100);
    BOOK_ADD(n_ready, 1);
    pthread_mutex_lock(&end);
    pthread_mutex_unlock(&end);
    void *p = b.p;
    book_free(&b);
    free(p);
    return unused;
}

static long status_kib(const char *text, const char *key) {
    const char *p = strstr(text, key);
    return p ? atol(p + strlen(key)) : -1;
}

int main(int argc, char **argv) {
    static pthread_t threads[THREADS_MAX];
    static char text[4096];
    int n = argc > 1 ? atoi(argv[1]) : 0;
    pthread_attr_t attributes;
    if (n < 1 || n > THREADS_MAX) {
        return 2;
    }
    books_open();
    s_thread = book_site("site_thread");
    mallopt(M_ARENA_MAX, 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_mutex_lock(&end);
    for (int i = 0; i < n; i++) {
        if (pthread_create(&threads[i], &attributes, work, NULL) != 0) {
            return 1;
        }
    }
    while (__atomic_load_n(&n_ready, __ATOMIC_SEQ_CST) < (uint32_t)n) {
        usleep(1000);
    }
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    printf("%ld %ld\n", status_kib(text, "\nRssAnon:"), status_kib(text, "\nRssFile:") + status_kib(text, "\nRssShmem:"));
    fflush(stdout);
    pthread_mutex_unlock(&end);
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    books_close();
    return 0;
}
