/* opens_libraries.c - opens libraries while it runs, says so and waits: "-n FILE" in a namespace of their own, FILE as usual. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int is_apart = strcmp(argv[i], "-n") == 0 && i + 1 < argc;
        void *library = is_apart ? dlmopen(LM_ID_NEWLM, argv[++i], RTLD_NOW) : dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
