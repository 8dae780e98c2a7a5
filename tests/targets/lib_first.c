/* lib_first.c - a library that allocates; lib_second has the same shape, and so is likely to be loaded where this one was. */
#include <stdlib.h>

#ifndef LIB_SITE
#define LIB_SITE site_first
#endif

__attribute__((noinline)) void *LIB_SITE(size_t n);

void *LIB_SITE(size_t n) {
    void *p = malloc(n);
    __asm__ volatile("" : : "r"(p) : "memory");
    return p;
}

void *lib_allocate(size_t n);

void *lib_allocate(size_t n) {
    void *p = LIB_SITE(n);
    __asm__ volatile("" : : "r"(p) : "memory");
    return p;
}
