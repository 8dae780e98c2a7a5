/* interpose_cpp.c - C++ operator new and delete, by their mangled names (Itanium C++ ABI).
 *
 * They are hooked in their own right: jemalloc, tcmalloc and mimalloc define operators that never call malloc. libstdc++'s do, and
 * an exception that one of them throws passes through these frames.
 */
#include <stdlib.h>
#include <string.h>

#include "interpose_tables.h"

void *interpose_fallback(size_t alignment, size_t size) {
    if (!alignment) {
        return REAL_OF_PROGRAM(calloc)(1, size ? size : 1);
    }
    void *p = NULL;
    if (REAL_OF_PROGRAM(posix_memalign)(&p, alignment < sizeof(void *) ? sizeof(void *) : alignment, size) != 0) {
        return NULL;
    }
    memset(p, 0, size);
    return p;
}

ALLOC(_Znwm, (size_t size), (size), size, 0)
ALLOC(_Znam, (size_t size), (size), size, 0)
ALLOC(_ZnwmRKSt9nothrow_t, (size_t size, const void *nothrow), (size, nothrow), size, 0)
ALLOC(_ZnamRKSt9nothrow_t, (size_t size, const void *nothrow), (size, nothrow), size, 0)
ALLOC(_ZnwmSt11align_val_t, (size_t size, size_t align), (size, align), size, align)
ALLOC(_ZnamSt11align_val_t, (size_t size, size_t align), (size, align), size, align)
ALLOC(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t align, const void *nothrow), (size, align, nothrow), size,
      align)
ALLOC(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t align, const void *nothrow), (size, align, nothrow), size,
      align)

RELEASE(_ZdlPv, (void *p), (p), p)
RELEASE(_ZdaPv, (void *p), (p), p)
RELEASE(_ZdlPvm, (void *p, size_t size), (p, size), p)
RELEASE(_ZdaPvm, (void *p, size_t size), (p, size), p)
RELEASE(_ZdlPvRKSt9nothrow_t, (void *p, const void *nothrow), (p, nothrow), p)
RELEASE(_ZdaPvRKSt9nothrow_t, (void *p, const void *nothrow), (p, nothrow), p)
RELEASE(_ZdlPvSt11align_val_t, (void *p, size_t align), (p, align), p)
RELEASE(_ZdaPvSt11align_val_t, (void *p, size_t align), (p, align), p)
RELEASE(_ZdlPvmSt11align_val_t, (void *p, size_t size, size_t align), (p, size, align), p)
RELEASE(_ZdaPvmSt11align_val_t, (void *p, size_t size, size_t align), (p, size, align), p)
RELEASE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, const void *nothrow), (p, align, nothrow), p)
RELEASE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t align, const void *nothrow), (p, align, nothrow), p)
