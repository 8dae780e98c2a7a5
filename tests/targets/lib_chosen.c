/* lib_chosen.c - lib_bump, whose malloc is chosen when the program is loaded (an IFUNC): its symbol is not the address to call. */
#include <stddef.h>

void *chosen_malloc(size_t n)
    __attribute__((visibility("hidden"))); /* addresses of others are not filled in yet when it is chosen */

#define malloc chosen_malloc
#include "lib_bump.c"
#undef malloc

static void *(*choose(void))(size_t) {
    return chosen_malloc;
}

void *malloc(size_t n) __attribute__((ifunc("choose")));
