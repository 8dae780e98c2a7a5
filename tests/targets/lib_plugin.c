/* lib_plugin.c - a plugin with an allocator of its own by names that tracers know; its constructor waits for a thread that uses it. */
#include <pthread.h>
#include <stdlib.h>

void *mallocx(size_t n, int flags) {
    (void)flags;
    return malloc(n);
}

void *mi_malloc(size_t n) {
    return malloc(n);
}

static void *work(void *unused) {
    free(mallocx(10, 0));
    return unused;
}

__attribute__((constructor)) static void start(void) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) == 0) {
        pthread_join(thread, NULL);
    }
}

void plugin_allocate(void) {
    free(mi_malloc(20));
}

void plugin_allocate_again(void) {
    free(mi_malloc(30));
}
