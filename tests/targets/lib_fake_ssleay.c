/* lib_fake_ssleay.c - as OpenSSL 1.0.2: its functions have no file and line. */
#include "fake_libcrypto.h"

long SSLeay(void);
long SSLeay(void) {
    return 0x1000215fL;
}

int CRYPTO_set_mem_functions(void *(*m)(size_t), void *(*r)(void *, size_t), void (*f)(void *));
int CRYPTO_set_mem_functions(void *(*m)(size_t), void *(*r)(void *, size_t), void (*f)(void *)) {
    (void)m;
    (void)r;
    (void)f;
    must_not_be_set();
    return 1;
}
