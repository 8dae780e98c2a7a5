/* lib_fake_libressl.c - as LibreSSL: it takes no functions, and has the version of an OpenSSL that never was. */
#include "fake_libcrypto.h"

unsigned long OpenSSL_version_num(void);
unsigned long OpenSSL_version_num(void) {
    return 0x20000000ul;
}

int CRYPTO_set_mem_functions(void *(*m)(size_t), void *(*r)(void *, size_t), void (*f)(void *));
int CRYPTO_set_mem_functions(void *(*m)(size_t), void *(*r)(void *, size_t), void (*f)(void *)) {
    (void)m;
    (void)r;
    (void)f;
    must_not_be_set();
    return 0;
}
