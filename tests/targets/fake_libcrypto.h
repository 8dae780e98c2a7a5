/* fake_libcrypto.h - what libcryptos that cannot tell file and line look like from outside; each lib_fake_*.c is one of them.
 *
 * A set that must not be made ends the program.
 */
#include <stdio.h>
#include <stdlib.h>

static void must_not_be_set(void) {
    fputs("functions were set\n", stderr);
    abort();
}

void *CRYPTO_malloc(size_t size, const char *file, int line);
void *CRYPTO_malloc(size_t size, const char *file, int line) {
    (void)file;
    (void)line;
    void *p = malloc(size);
    __asm__ volatile("" : "+r"(p)); /* not a jump: this is the function that the report names */
    return p;
}

void CRYPTO_free(void *p, const char *file, int line);
void CRYPTO_free(void *p, const char *file, int line) {
    (void)file;
    (void)line;
    free(p);
}
