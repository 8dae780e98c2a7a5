/* dlclose_race.c - threads open, use and close libraries of their own at the same time: nobody may look into another's.
 * Its arguments are four copies of a library; the function `bump` of lib_bump.so allocates. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_THREADS = 4, ROUNDS = 3000 };

static void *work(void *path) {
    for (int i = 0; i < ROUNDS; i++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            exit(3);
        }
        free(malloc(32 + (size_t)(i % 7)));
        dlclose(library);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[N_THREADS];
    for (int i = 0; i < N_THREADS && i + 1 < argc; i++) {
        pthread_create(&threads[i], NULL, work, argv[i + 1]);
    }
    for (int i = 0; i < N_THREADS && i + 1 < argc; i++) {
        pthread_join(threads[i], NULL);
    }
    puts("ok");
    return 0;
}
