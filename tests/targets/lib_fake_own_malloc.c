/* lib_fake_own_malloc.c - an OpenSSL with an allocator of its own inside: its blocks may come back to that one's free(). */
#include "fake_libcrypto.h"

__attribute__((visibility("hidden"))) void *realloc(void *old, size_t size) {
    (void)old;
    (void)size;
    return NULL;
}

unsigned long OpenSSL_version_num(void);
unsigned long OpenSSL_version_num(void) {
    return 0x30000130ul;
}

void *CRYPTO_zalloc(size_t size, const char *file, int line);
void *CRYPTO_zalloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return realloc(NULL, size);
}

int CRYPTO_set_mem_functions(void *(*m)(size_t, const char *, int), void *(*r)(void *, size_t, const char *, int),
                             void (*f)(void *, const char *, int));
int CRYPTO_set_mem_functions(void *(*m)(size_t, const char *, int), void *(*r)(void *, size_t, const char *, int),
                             void (*f)(void *, const char *, int)) {
    (void)m;
    (void)r;
    (void)f;
    must_not_be_set();
    return 1;
}
