/* interpose_malloc.c - the C allocation family.
 *
 * Each function goes to its own next definition, so that an allocator in between is used just as without the shim.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heap_ask.h"
#include "interpose_tables.h"

/* Whether the real functions can be called; looks them up at the first call. */
ALWAYS_INLINE bool is_resolved(void) {
    if (UNLIKELY(!real_table[REAL_malloc])) {
        real_resolve();
    }
    return real_table[REAL_malloc] != NULL;
}

/* malloc and free are several functions each, reached by a jump: what only one of them needs is not done for the others. */

static NOINLINE void *malloc_sampled(size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return NULL;
    }
    void *p = REAL(malloc)(size);
    if (LIKELY(p != NULL)) {
        hook_alloc_sampled(p, size, __builtin_frame_address(0));
    }
    return p;
}

/* Of an allocator whose malloc asks another function of the family through the hooks. */
static NOINLINE void *malloc_layered(size_t size) {
    struct arch_caller caller = ARCH_CALLER();
    outer_begin_alloc(size, 0, caller, NULL);
    return outer_end_alloc(size, caller, REAL(malloc)(size));
}

static NOINLINE void *malloc_recorded(size_t size) {
    if (UNLIKELY(!is_resolved())) {
        return NULL;
    }
    void *p = REAL(malloc)(size);
    if (LIKELY(p != NULL)) {
        hook_alloc_as(p, size, ARCH_CALLER(), false);
    }
    return p;
}

EXPORT void *malloc(size_t size) {
    if (UNLIKELY(real_is_layered)) {
        return malloc_layered(size);
    }
    return UNLIKELY(sample_interval) ? malloc_sampled(size) : malloc_recorded(size);
}

static NOINLINE void free_sampled(void *p) {
    if (LIKELY(p != NULL)) {
        hook_free_sampled(p);
        REAL(free)(p);
    }
}

static NOINLINE void free_recorded(void *p) {
    if (LIKELY(p != NULL)) {
        hook_free_as(p, false);
        REAL(free)(p);
    }
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
        return NULL;
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

/* Of an allocator that may free the old block through the hooks (mimalloc does). */
static NOINLINE void *realloc_foreign(void *old, size_t size, struct arch_caller caller) {
    outer_begin_alloc(size, 0, caller, old);
    void *p = REAL(realloc)(old, size);
    return outer_end_realloc(size, caller, old, p, size != 0);
}

ALWAYS_INLINE void *realloc_from(void *old, size_t size, struct arch_caller caller) {
    if (UNLIKELY(!is_resolved())) {
        return NULL;
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
    if (UNLIKELY(real_is_bypassed) && REAL(reallocarray)) {
        return REAL(reallocarray)(old, n, size); /* which asks the program's own realloc */
    }
    return realloc_from(old, all, ARCH_CALLER());
}

/* The rest is rare, and some allocators build one of these from another through the hooks. */

POSIX_MEMALIGN(posix_memalign)
ALLOC(aligned_alloc, (size_t alignment, size_t size), (alignment, size), size, alignment)
ALLOC(memalign, (size_t alignment, size_t size), (alignment, size), size, alignment)
ALLOC(valloc, (size_t size), (size), size, INTERPOSE_PAGE)
ALLOC(pvalloc, (size_t size), ((heap_ask_note_rounding(size, INTERPOSE_PAGE), size)), size, INTERPOSE_PAGE)
RELEASE(cfree, (void *p), (p), p)
RELEASE(free_sized, (void *p, size_t size), (p, size), p)
RELEASE(free_aligned_sized, (void *p, size_t alignment, size_t size), (p, alignment, size), p)
