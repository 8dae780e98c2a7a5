/* interpose_malloc.c - the C allocation family.
 *
 * Each function goes to its own next definition, so that an allocator in between is used just as without the shim. The first calls of a process
 * may come while the loader is still looking these up: they are served from a small buffer of the shim and are no events.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interpose_tables.h"

/* Whether the real functions can be called; looks them up at the first call. */
ALWAYS_INLINE bool is_resolved(void) {
    if (LIKELY(real_table[REAL_malloc] != NULL)) {
        return true;
    }
    real_resolve_all();
    return real_table[REAL_malloc] != NULL && !real_is_resolving;
}

/* malloc and free are two functions each, reached by a jump: when sampling, registers that only recording needs are not saved. */

static NOINLINE void *malloc_sampled(size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return real_boot_alloc(0, size);
    }
    void *p = REAL(malloc)(size);
    if (LIKELY(p != NULL)) {
        hook_alloc_sampled(p, size, __builtin_frame_address(0));
    }
    return p;
}

static NOINLINE void *malloc_recorded(size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return real_boot_alloc(0, size);
    }
    void *p = REAL(malloc)(size);
    if (LIKELY(p != NULL)) {
        hook_alloc_as(p, size, ARCH_CALLER(), false);
    }
    return p;
}

EXPORT void *malloc(size_t size) {
    return UNLIKELY(sample_interval) ? malloc_sampled(size) : malloc_recorded(size);
}

static NOINLINE void free_sampled(void *p) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    hook_free_sampled(p);
    REAL(free)(p);
}

static NOINLINE void free_recorded(void *p) {
    if (UNLIKELY(!p || real_is_boot(p))) {
        return;
    }
    hook_free_as(p, false);
    REAL(free)(p);
}

EXPORT void free(void *p) {
    if (UNLIKELY(sample_interval)) {
        free_sampled(p);
    } else {
        free_recorded(p);
    }
}

/* Of an allocator that may ask malloc through the hooks. */
static NOINLINE void *calloc_foreign(size_t n, size_t size, struct arch_caller caller) {
    outer_begin_alloc(n * size, 0, caller, NULL);
    return outer_end_alloc(n * size, caller, REAL(calloc)(n, size));
}

EXPORT void *calloc(size_t n, size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return real_boot_alloc(0, n * size); /* the loader's own; the buffer is zero */
    }
    if (UNLIKELY(!real_is_libc)) {
        return calloc_foreign(n, size, ARCH_CALLER());
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

/* Of an allocator that may free the old block through the hooks (mimalloc does). */
static NOINLINE void *realloc_foreign(void *old, size_t size, struct arch_caller caller) {
    outer_begin_alloc(size, 0, caller, old);
    void *p = REAL(realloc)(old, size);
    return outer_end_realloc(size, caller, old, p, size != 0);
}

ALWAYS_INLINE void *realloc_from(void *old, size_t size, struct arch_caller caller) {
    if (UNLIKELY(!is_resolved())) {
        return old ? NULL : real_boot_alloc(0, size);
    }
    if (UNLIKELY(real_is_boot(old))) {
        return realloc_boot(old, size, caller);
    }
    if (UNLIKELY(!real_is_libc)) {
        return realloc_foreign(old, size, caller);
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

/* The rest is rare, and some allocators build one of these from another through the hooks. */

POSIX_MEMALIGN(posix_memalign)
ALLOC(aligned_alloc, (size_t alignment, size_t size), (alignment, size), size, alignment)
ALLOC(memalign, (size_t alignment, size_t size), (alignment, size), size, alignment)
ALLOC(valloc, (size_t size), (size), size, INTERPOSE_PAGE)
ALLOC(pvalloc, (size_t size), (size), size, INTERPOSE_PAGE)
RELEASE(cfree, (void *p), (p), p)
RELEASE(free_sized, (void *p, size_t size), (p, size), p)
RELEASE(free_aligned_sized, (void *p, size_t alignment, size_t size), (p, alignment, size), p)
