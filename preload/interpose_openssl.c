/* interpose_openssl.c - CRYPTO_set_mem_functions and CRYPTO_get_mem_functions: as if there were no functions of ours; see openssl.h. */
#include "arch.h"
#include "interpose.h"
#include "lifecycle.h"
#include "openssl.h"
#include "real.h"

int CRYPTO_set_mem_functions(openssl_malloc *malloc_function, openssl_realloc *realloc_function,
                             openssl_free *free_function);
void CRYPTO_get_mem_functions(openssl_malloc **malloc_function, openssl_realloc **realloc_function,
                              openssl_free **free_function);

/* Where the caller's own lookup finds none, there is no telling it so: then the answer is that nothing has been set. */
EXPORT int CRYPTO_set_mem_functions(openssl_malloc *malloc_function, openssl_realloc *realloc_function,
                                    openssl_free *free_function) {
    struct arch_caller caller = ARCH_CALLER();
    if (lifecycle_is_tracing()) { /* a program that sets its own at once may be the first to call any hook */
        openssl_look();
    }
    openssl_set *real = REAL_FOR(CRYPTO_set_mem_functions, caller);
    struct openssl_copy *copy = real ? openssl_find_set(real) : NULL;
    struct openssl_functions wanted = {malloc_function, realloc_function, free_function};
    return copy ? openssl_answer_set(copy, &wanted) : real ? real(malloc_function, realloc_function, free_function) : 0;
}

EXPORT void CRYPTO_get_mem_functions(openssl_malloc **malloc_function, openssl_realloc **realloc_function,
                                     openssl_free **free_function) {
    struct arch_caller caller = ARCH_CALLER();
    if (lifecycle_is_tracing()) {
        openssl_look();
    }
    openssl_get *real = REAL_FOR(CRYPTO_get_mem_functions, caller);
    const struct openssl_copy *copy = real ? openssl_find_get(real) : NULL;
    if (!copy) {
        if (real) {
            real(malloc_function, realloc_function, free_function);
        }
        return;
    }
    struct openssl_functions set = openssl_answer_get(copy);
    if (malloc_function) {
        *malloc_function = set.malloc;
    }
    if (realloc_function) {
        *realloc_function = set.realloc;
    }
    if (free_function) {
        *free_function = set.free;
    }
}
