/* interpose_allocators.c - the names that jemalloc, tcmalloc and mimalloc have of their own.
 *
 * Source: jemalloc(3), gperftools/tcmalloc.h, mimalloc.h.
 */
#include <errno.h>
#include <string.h>

#include "interpose_tables.h"

/* jemalloc: the low 6 bits of its flags are the binary logarithm of the alignment. */
static size_t alignment_of(int flags) {
    return (flags & 0x3f) ? (size_t)1 << (flags & 0x3f) : 0;
}

ALLOC(mallocx, (size_t size, int flags), (size, flags), size, alignment_of(flags))
RESIZE(rallocx, (void *p, size_t size, int flags), (p, size, flags), p, size, true)
RELEASE(dallocx, (void *p, int flags), (p, flags), p)
RELEASE(sdallocx, (void *p, size_t size, int flags), (p, size, flags), p)

size_t xallocx(void *p, size_t size, size_t extra, int flags);

/* Resizes in place or not at all: the owner keeps the block, so it may be recorded afterwards. */
EXPORT size_t xallocx(void *p, size_t size, size_t extra, int flags) {
    size_t usable = REAL(xallocx) ? REAL(xallocx)(p, size, extra, flags) : 0;
    if (usable >= size && usable) {
        hook_free(p);
        hook_alloc(p, size, ARCH_CALLER());
    }
    return usable;
}

ALLOC(tc_malloc, (size_t size), (size), size, 0)
ALLOC(tc_malloc_skip_new_handler, (size_t size), (size), size, 0)
ALLOC(tc_calloc, (size_t n, size_t size), (n, size), n *size, 0)
ALLOC(tc_memalign, (size_t align, size_t size), (align, size), size, align)
ALLOC(tc_valloc, (size_t size), (size), size, INTERPOSE_PAGE)
ALLOC(tc_pvalloc, (size_t size), (size), size, INTERPOSE_PAGE)
ALLOC(tc_new, (size_t size), (size), size, 0)
ALLOC(tc_newarray, (size_t size), (size), size, 0)
ALLOC(tc_new_nothrow, (size_t size, const void *nothrow), (size, nothrow), size, 0)
ALLOC(tc_newarray_nothrow, (size_t size, const void *nothrow), (size, nothrow), size, 0)
ALLOC(tc_new_aligned, (size_t size, size_t align), (size, align), size, align)
ALLOC(tc_newarray_aligned, (size_t size, size_t align), (size, align), size, align)
RESIZE(tc_realloc, (void *p, size_t size), (p, size), p, size, size != 0)
RELEASE(tc_free, (void *p), (p), p)
RELEASE(tc_free_sized, (void *p, size_t size), (p, size), p)
RELEASE(tc_cfree, (void *p), (p), p)
RELEASE(tc_delete, (void *p), (p), p)
RELEASE(tc_deletearray, (void *p), (p), p)
RELEASE(tc_delete_sized, (void *p, size_t size), (p, size), p)
RELEASE(tc_deletearray_sized, (void *p, size_t size), (p, size), p)
RELEASE(tc_delete_nothrow, (void *p, const void *nothrow), (p, nothrow), p)
RELEASE(tc_deletearray_nothrow, (void *p, const void *nothrow), (p, nothrow), p)
RELEASE(tc_delete_aligned, (void *p, size_t align), (p, align), p)
RELEASE(tc_deletearray_aligned, (void *p, size_t align), (p, align), p)

ALLOC(mi_malloc, (size_t size), (size), size, 0)
ALLOC(mi_malloc_small, (size_t size), (size), size, 0)
ALLOC(mi_zalloc, (size_t size), (size), size, 0)
ALLOC(mi_zalloc_small, (size_t size), (size), size, 0)
ALLOC(mi_calloc, (size_t n, size_t size), (n, size), n *size, 0)
ALLOC(mi_mallocn, (size_t n, size_t size), (n, size), n *size, 0)
ALLOC(mi_malloc_aligned, (size_t size, size_t align), (size, align), size, align)
ALLOC(mi_malloc_aligned_at, (size_t size, size_t align, size_t off), (size, align, off), size, align)
ALLOC(mi_zalloc_aligned, (size_t size, size_t align), (size, align), size, align)
ALLOC(mi_zalloc_aligned_at, (size_t size, size_t align, size_t off), (size, align, off), size, align)
ALLOC(mi_calloc_aligned, (size_t n, size_t size, size_t align), (n, size, align), n *size, align)
ALLOC(mi_strdup, (const char *s), (s), s ? strlen(s) + 1 : 0, 0)
ALLOC(mi_strndup, (const char *s, size_t n), (s, n), s ? strnlen(s, n) + 1 : 0, 0)
ALLOC(mi_memalign, (size_t align, size_t size), (align, size), size, align)
ALLOC(mi_valloc, (size_t size), (size), size, INTERPOSE_PAGE)
ALLOC(mi_pvalloc, (size_t size), (size), size, INTERPOSE_PAGE)
ALLOC(mi_aligned_alloc, (size_t align, size_t size), (align, size), size, align)
ALLOC(mi_new, (size_t size), (size), size, 0)
ALLOC(mi_new_n, (size_t n, size_t size), (n, size), n *size, 0)
ALLOC(mi_new_nothrow, (size_t size), (size), size, 0)
ALLOC(mi_new_aligned, (size_t size, size_t align), (size, align), size, align)
ALLOC(mi_new_aligned_nothrow, (size_t size, size_t align), (size, align), size, align)
RESIZE(mi_realloc, (void *p, size_t size), (p, size), p, size, true)
RESIZE(mi_reallocn, (void *p, size_t n, size_t size), (p, n, size), p, n *size, true)
RESIZE(mi_reallocf, (void *p, size_t size), (p, size), p, size, false)
RESIZE(mi_rezalloc, (void *p, size_t size), (p, size), p, size, true)
RESIZE(mi_recalloc, (void *p, size_t n, size_t size), (p, n, size), p, n *size, true)
RESIZE(mi_realloc_aligned, (void *p, size_t size, size_t align), (p, size, align), p, size, true)
RESIZE(mi_reallocarray, (void *p, size_t n, size_t size), (p, n, size), p, n *size, true)
RESIZE(mi_new_realloc, (void *p, size_t size), (p, size), p, size, true)
RELEASE(mi_free, (void *p), (p), p)
RELEASE(mi_free_size, (void *p, size_t size), (p, size), p)
RELEASE(mi_free_aligned, (void *p, size_t align), (p, align), p)
RELEASE(mi_free_size_aligned, (void *p, size_t size, size_t align), (p, size, align), p)
RELEASE(mi_cfree, (void *p), (p), p)

POSIX_MEMALIGN(tc_posix_memalign)
POSIX_MEMALIGN(mi_posix_memalign)
