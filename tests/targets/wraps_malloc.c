/* wraps_malloc.c - a program with malloc and free of its own, which count and ask the next ones: those of whatever is preloaded. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 1000 };

static int n_calls;

void *malloc(size_t n) {
    static void *(*next)(size_t);
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "malloc");
    }
    n_calls++;
    return next(n);
}

void free(void *p) {
    static void (*next)(void *);
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "free");
    }
    next(p);
}

int main(void) {
    for (int i = 0; i < CALLS; i++) {
        void *volatile p = malloc(10 + (size_t)i);
        free(p);
    }
    puts(n_calls >= CALLS ? "wrapped" : "not wrapped");
    fprintf(stderr, "calls %d\n", CALLS);
    return 0;
}
