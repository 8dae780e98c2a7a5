/* lib_fake_boringssl.c - as BoringSSL: there is nothing to give functions to. */
#include "fake_libcrypto.h"

unsigned long OpenSSL_version_num(void);
unsigned long OpenSSL_version_num(void) {
    return 0x1010107ful;
}

void *OPENSSL_malloc(size_t size);
void *OPENSSL_malloc(size_t size) {
    (void)must_not_be_set;
    return malloc(size);
}
