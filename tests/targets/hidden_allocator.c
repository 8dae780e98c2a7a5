/* hidden_allocator.c - an allocator linked into the program and not exported, as a static jemalloc is: its calls pass by whatever is preloaded. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#pragma GCC visibility push(hidden)
#include "lib_bump.c"
#pragma GCC visibility pop

int main(int argc, char **argv) {
    (void)argv;
    char *volatile kept = malloc(1000);
    while (argc > 1) {
        pause(); /* an argument: stay to be looked at */
    }
    return kept ? 0 : 1;
}
