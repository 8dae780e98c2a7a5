/* openssl_opened.c - a program that opens a libcrypto, allocates with it, closes it, and opens it again.
 *
 * usage: openssl_opened LIBRARY ROUNDS [THREADS [late]]     late: allocate before anything is looked up by dlsym, as a library's own constructor might
 *
 * In each round each thread has 20 blocks of 100 bytes from CRYPTO_malloc, with file "round.c" and line 5, frees 19 of them by CRYPTO_free, line 6, and keeps one.
 * Prints how many it kept. The library is opened with RTLD_LOCAL, by one thread after the other or at the same time.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *library;
static int rounds;

typedef void *allocate(size_t size, const char *file, int line);
typedef void release(void *p, const char *file, int line);

static void *run(void *unused) {
    (void)unused;
    for (int i = 0; i < rounds; i++) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL), *p[20];
        if (!handle) {
            fprintf(stderr, "%s\n", dlerror());
            exit(1);
        }
        allocate *a = NULL;
        release *r = NULL;
        *(void **)&a = dlsym(handle, "CRYPTO_malloc");
        *(void **)&r = dlsym(handle, "CRYPTO_free");
        for (int k = 0; k < 20; k++) {
            p[k] = a(100, "round.c", 5);
        }
        for (int k = 0; k < 19; k++) {
            r(p[k], "round.c", 6);
        }
        dlclose(handle);
    }
    return NULL;
}

/* CRYPTO_malloc without dlsym. */
static void *allocate_late(void) {
    struct link_map *map = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const unsigned *hash = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB) {
            symbols = (const void *)d->d_un.d_ptr;
        } else if (d->d_tag == DT_STRTAB) {
            strings = (const void *)d->d_un.d_ptr;
        } else if (d->d_tag == DT_GNU_HASH) {
            hash = (const void *)d->d_un.d_ptr;
        }
    }
    allocate *a = NULL;
    for (unsigned i = hash[1]; !a; i++) {
        if (strcmp(strings + symbols[i].st_name, "CRYPTO_malloc") == 0) {
            a = (allocate *)(map->l_addr + symbols[i].st_value);
        }
    }
    return a(100, "round.c", 5);
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 2;
    }
    library = argv[1];
    rounds = atoi(argv[2]);
    int n_threads = argc > 3 ? atoi(argv[3]) : 1;
    pthread_t threads[64];
    void *late = argc > 4 ? allocate_late() : NULL;
    for (int i = 0; i < n_threads; i++) {
        if (pthread_create(&threads[i], NULL, run, NULL) != 0) {
            return 3;
        }
    }
    for (int i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%d%s\n", rounds * n_threads, late ? " and one" : "");
    return 0;
}
