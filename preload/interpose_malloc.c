/* interpose_malloc.c - the C allocation family.
 *
 * Each function goes to its own next definition, so that an allocator in between is used just as without the shim. The first calls of a process
 * may come while the loader is still looking these up: they are served from a small buffer of the shim and are no events.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "interpose.h"
#include "outer_call.h"
#include "real.h"

void cfree(void *p);
void *memalign(size_t alignment, size_t size);
void *pvalloc(size_t size);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);
void *reallocf(void *p, size_t size);
void vfree(void *p);

/* Whether the real functions can be called; looks them up at the first call. */
ALWAYS_INLINE bool is_resolved(void) {
    if (LIKELY(real_table[REAL_malloc] != NULL)) {
        return true;
    }
    real_resolve_all();
    return real_table[REAL_malloc] != NULL && !real_is_resolving;
}

EXPORT void *malloc(size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return real_boot_alloc(0, size);
    }
    void *p = REAL(malloc)(size);
    if (LIKELY(p != NULL)) {
        hook_alloc(p, size, ARCH_CALLER());
    }
    return p;
}

EXPORT void free(void *p) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    hook_free(p);
    REAL(free)(p);
}

EXPORT void *calloc(size_t n, size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return real_boot_alloc(0, n * size); /* the loader's own; the buffer is zero */
    }
    void *p = REAL(calloc)(n, size);
    if (LIKELY(p != NULL)) {
        hook_alloc(p, n * size, ARCH_CALLER());
    }
    return p;
}

/* A block of the boot buffer moves to the real allocator. */
static COLD void *realloc_boot(void *old, size_t size, struct arch_caller caller) {
    void *p = REAL(malloc)(size);
    if (p) {
        size_t old_size = real_boot_size(old);
        memcpy(p, old, old_size < size ? old_size : size);
        hook_alloc(p, size, caller);
    }
    return p;
}

ALWAYS_INLINE void *realloc_from(void *old, size_t size, struct arch_caller caller) {
    if (UNLIKELY(!is_resolved())) {
        return old ? NULL : real_boot_alloc(0, size);
    }
    if (UNLIKELY(real_is_boot(old))) {
        return realloc_boot(old, size, caller);
    }
    if (old) {
        hook_free(old);
    }
    void *p = REAL(realloc)(old, size);
    if (LIKELY(p != NULL)) {
        hook_alloc(p, size, caller);
    } else if (old && size) {
        hook_undo_free(old); /* with size 0 a null result means that the block is gone */
    }
    return p;
}

EXPORT void *realloc(void *old, size_t size) {
    return realloc_from(old, size, ARCH_CALLER());
}

EXPORT void *reallocarray(void *old, size_t n, size_t size) {
    size_t all;
    if (__builtin_mul_overflow(n, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc_from(old, all, ARCH_CALLER());
}

EXPORT void *reallocf(void *old, size_t size) {
    void *p = realloc_from(old, size, ARCH_CALLER());
    if (!p && old && size) {
        hook_free(old);
        REAL(free)(old);
    }
    return p;
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size) {
    if (UNLIKELY(!is_resolved())) {
        *out = real_boot_alloc(alignment, size);
        return *out ? 0 : ENOMEM;
    }
    int result = REAL(posix_memalign)(out, alignment, size);
    if (LIKELY(result == 0 && *out)) {
        hook_alloc(*out, size, ARCH_CALLER());
    }
    return result;
}

/* aligned_alloc(alignment, size) and its older kin. */
#define INTERPOSE_ALIGNED(name, parameters, arguments, alignment)                                                          \
    EXPORT void *name parameters {                                                                                         \
        if (UNLIKELY(!is_resolved())) {                                                                                    \
            return real_boot_alloc(alignment, size);                                                                       \
        }                                                                                                                  \
        if (UNLIKELY(!REAL(name))) {                                                                                       \
            errno = ENOMEM; /* a libc that lacks this old function */                                                      \
            return NULL;                                                                                                   \
        }                                                                                                                  \
        void *p = REAL(name) arguments;                                                                                    \
        if (LIKELY(p != NULL)) {                                                                                           \
            hook_alloc(p, size, ARCH_CALLER());                                                                            \
        }                                                                                                                  \
        return p;                                                                                                          \
    }

INTERPOSE_ALIGNED(aligned_alloc, (size_t alignment, size_t size), (alignment, size), alignment)
INTERPOSE_ALIGNED(memalign, (size_t alignment, size_t size), (alignment, size), alignment)
INTERPOSE_ALIGNED(valloc, (size_t size), (size), 4096)
INTERPOSE_ALIGNED(pvalloc, (size_t size), (size), 4096)

/* The other names of free. Where nobody defines one of them, free itself is meant. */
EXPORT void cfree(void *p) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    struct outer_call call;
    outer_begin(&call, 0, ARCH_CALLER(), p, false);
    REAL(cfree) ? REAL(cfree)(p) : REAL(free)(p);
    outer_end_free(&call);
}

EXPORT void vfree(void *p) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    struct outer_call call;
    outer_begin(&call, 0, ARCH_CALLER(), p, false);
    REAL(vfree) ? REAL(vfree)(p) : REAL(free)(p);
    outer_end_free(&call);
}

EXPORT void free_sized(void *p, size_t size) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    struct outer_call call;
    outer_begin(&call, 0, ARCH_CALLER(), p, false);
    REAL(free_sized) ? REAL(free_sized)(p, size) : REAL(free)(p);
    outer_end_free(&call);
}

EXPORT void free_aligned_sized(void *p, size_t alignment, size_t size) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    struct outer_call call;
    outer_begin(&call, 0, ARCH_CALLER(), p, false);
    REAL(free_aligned_sized) ? REAL(free_aligned_sized)(p, alignment, size) : REAL(free)(p);
    outer_end_free(&call);
}
