/* lib_opens_in_dlclose.c - a dlclose() behind the shim's, that opens the library again before it returns, as another thread might; once, for good. */
#include <dlfcn.h>
#include <stdlib.h>

int dlclose(void *handle) {
    static int (*next)(void *);
    static int is_done;
    void *taken[200], *reopened;
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "dlclose");
    }
    int result = next(handle);
    if (is_done++) {
        return result;
    }
    for (int i = 0; i < 200; i++) { /* the loader's record of it is to be another one */
        taken[i] = malloc((size_t)(i + 1) * 16);
    }
    reopened = dlopen(getenv("REOPENED"), RTLD_NOW | RTLD_LOCAL);
    for (int i = 0; i < 200; i++) {
        free(taken[i]);
    }
    void *(*allocate)(size_t, const char *, int);
    *(void **)&allocate = reopened ? dlsym(reopened, "CRYPTO_malloc") : NULL;
    if (!allocate || !allocate(100, "round.c", 5)) {
        abort();
    }
    return result;
}
