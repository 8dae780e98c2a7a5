/* lib_late.c - a plugin that allocates when it is asked to, and not before. */
#include <stdlib.h>

void *late_allocate(size_t n) {
    void *p = malloc(n);
    __asm__ volatile("" : : "r"(p) : "memory");
    return p;
}
