/* exported_allocator.c - an allocator linked into the program, which its libraries use too: it stands before whatever is preloaded. */
#include "lib_bump.c"

int main(void) {
    char *volatile kept = malloc(1000);
    return kept ? 0 : 1;
}
