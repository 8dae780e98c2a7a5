/* lib_fake_awslc.c - as AWS-LC: it takes functions, and gives them neither file nor line. */
#include "fake_libcrypto.h"

const char *awslc_version_string(void);
const char *awslc_version_string(void) {
    return "AWS-LC 1.0.0";
}

unsigned long OpenSSL_version_num(void);
unsigned long OpenSSL_version_num(void) {
    return 0x1010107ful;
}

void *CRYPTO_zalloc(size_t size, const char *file, int line);
void *CRYPTO_zalloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    return calloc(1, size);
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
