/* lib_count_openssl.c - counts calls of two functions of libcrypto's, and passes them on by a jump, so that nobody's stack has a frame more.
 *
 * Preloaded; works where libcrypto calls its own functions through the dynamic linker (Debian's does). OPENSSL_CALLS names the file that the
 * counts go to at the end: "CRYPTO_zalloc N", "OPENSSL_sk_new_reserve N of which reserving N". CRYPTO_zalloc(0) allocates nothing and is not counted.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *zalloc_function(size_t, const char *, int);
typedef void *reserve_function(int (*)(const void *, const void *), int);

static zalloc_function *next_zalloc;
static reserve_function *next_reserve;
static _Atomic long n_zalloc, n_reserve, n_reserving;

static void look_up(void *function, const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name); /* NULL where libcrypto is not: nobody will call it then */
    memcpy(function, &symbol, sizeof symbol);
}

__attribute__((constructor)) static void begin(void) {
    look_up(&next_zalloc, "CRYPTO_zalloc");
    look_up(&next_reserve, "OPENSSL_sk_new_reserve");
}

void *CRYPTO_zalloc(size_t n, const char *file, int line) {
    n_zalloc += n > 0;
    return next_zalloc(n, file, line);
}

void *OPENSSL_sk_new_reserve(int (*compare)(const void *, const void *), int n) {
    n_reserve++;
    n_reserving += n > 0;
    return next_reserve(compare, n);
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("OPENSSL_CALLS");
    FILE *file = path && next_zalloc ? fopen(path, "w") : NULL;
    if (file) {
        fprintf(file, "CRYPTO_zalloc %ld\nOPENSSL_sk_new_reserve %ld of which reserving %ld\n", n_zalloc, n_reserve,
                n_reserving);
        fclose(file);
    }
}
