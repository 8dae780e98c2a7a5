/* lib_layered_large.c - lib_bump, whose malloc asks another function by its public name for large blocks alone. */
#define malloc   bump_malloc
#define memalign bump_memalign
#include "lib_bump.c"
#undef malloc
#undef memalign

void *memalign(size_t alignment, size_t n) {
    return bump_memalign(alignment, n);
}

void *malloc(size_t n) {
    return n > 4096 ? memalign(64, n) : bump_memalign(16, n);
}
