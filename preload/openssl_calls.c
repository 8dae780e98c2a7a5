/* openssl_calls.c - the functions that OpenSSL allocates with: what it would have done itself, on record with its file and line.
 *
 *   no functions of the program's   malloc(0) is NULL, realloc(NULL) allocates, realloc to 0 frees, the rest is the C family's
 *   functions of the program's      are called as OpenSSL would have; what they take from an allocator gets the tag (outer_call.h)
 *
 * OpenSSL asks a function without a context, and copies of it are told apart by what the program has set: so each copy has a set of its own.
 *
 * The C family is called straight away where the next definition is what a library's call would reach, and does not come back through the hooks. Else it is
 * called by name, from here, as the library would have: the frame in this library is left out by the collector.
 *
 * Context  any thread, inside malloc; as the hooks
 */
#include <stdlib.h>

#include "hook.h"
#include "openssl.h"
#include "outer_call.h"
#include "real.h"
#include "source_tag.h"

/* Call the program's own, or the C family by name. */

static NOINLINE void *malloc_inside(openssl_malloc *theirs, size_t size, const char *file, int line,
                                    struct arch_caller caller) {
    OUTER_CALL_PERSONALITY();
    outer_begin_tagged(caller, source_tag(file, line), 0);
    void *p = theirs ? theirs(size, file, line) : malloc(size);
    outer_end_free(caller);
    return p;
}

static NOINLINE void *realloc_inside(openssl_realloc *theirs, void *old, size_t size, const char *file, int line,
                                     struct arch_caller caller) {
    OUTER_CALL_PERSONALITY();
    uint64_t tag = source_tag(file, line);
    outer_begin_tagged(caller, tag, tag);
    void *p = theirs ? theirs(old, size, file, line) : realloc(old, size);
    outer_end_free(caller);
    return p;
}

static NOINLINE void free_inside(openssl_free *theirs, void *p, const char *file, int line, struct arch_caller caller) {
    OUTER_CALL_PERSONALITY();
    outer_begin_tagged(caller, 0, source_tag(file, line));
    if (theirs) {
        theirs(p, file, line);
    } else {
        free(p);
    }
    outer_end_free(caller);
}

static COLD NOINLINE void note_served(struct openssl_copy *copy) {
    atomic_store_explicit(&copy->has_served, 1, memory_order_relaxed);
    bool is_set =
        atomic_load(&copy->program_malloc) || atomic_load(&copy->program_realloc) || atomic_load(&copy->program_free);
    atomic_store_explicit(&copy->is_plain, !is_set && openssl_is_direct, memory_order_relaxed);
}

/* In general; frame: of the function that OpenSSL has called. */

static NOINLINE void *malloc_any(size_t size, const char *file, int line, struct openssl_copy *copy,
                                 const uint64_t *frame) {
    openssl_malloc *theirs = atomic_load_explicit(&copy->program_malloc, memory_order_relaxed);
    if (theirs) {
        return malloc_inside(theirs, size, file, line, arch_caller_of(frame));
    }
    if (size == 0) {
        return NULL;
    }
    if (!atomic_load_explicit(&copy->has_served, memory_order_relaxed)) {
        note_served(copy);
    }
    if (!openssl_is_direct) {
        return malloc_inside(NULL, size, file, line, arch_caller_of(frame));
    }
    void *p = REAL(malloc)(size);
    if (p) {
        hook_alloc_tagged(p, size, arch_caller_of(frame), source_tag(file, line));
    }
    return p;
}

static NOINLINE void free_any(void *p, const char *file, int line, const struct openssl_copy *copy, const uint64_t *frame) {
    openssl_free *theirs = atomic_load_explicit(&copy->program_free, memory_order_relaxed);
    if (theirs || !openssl_is_direct) {
        free_inside(theirs, p, file, line, arch_caller_of(frame));
    } else if (p) {
        hook_free_tagged(p, source_tag(file, line));
        REAL(free)(p);
    }
}

static NOINLINE void *malloc_of(size_t size, const char *file, int line, struct openssl_copy *copy) {
    if (UNLIKELY(!atomic_load_explicit(&copy->is_plain, memory_order_relaxed) || size == 0)) {
        return malloc_any(size, file, line, copy, __builtin_frame_address(0));
    }
    void *p = REAL(malloc)(size);
    if (LIKELY(p != NULL)) {
        hook_alloc_tagged(p, size, ARCH_CALLER(), source_tag(file, line));
    }
    return p;
}

static NOINLINE void free_of(void *p, const char *file, int line, struct openssl_copy *copy) {
    if (UNLIKELY(!atomic_load_explicit(&copy->is_plain, memory_order_relaxed) || !p)) {
        free_any(p, file, line, copy, __builtin_frame_address(0));
        return;
    }
    hook_free_tagged(p, source_tag(file, line));
    REAL(free)(p);
}

static NOINLINE void *realloc_of(void *old, size_t size, const char *file, int line, struct openssl_copy *copy) {
    const uint64_t *frame = __builtin_frame_address(0);
    openssl_realloc *theirs = atomic_load_explicit(&copy->program_realloc, memory_order_relaxed);
    if (theirs) {
        return realloc_inside(theirs, old, size, file, line, arch_caller_of(frame));
    }
    if (!old) {
        return malloc_any(size, file, line, copy, frame);
    }
    if (size == 0) {
        free_any(old, file, line, copy, frame);
        return NULL;
    }
    if (!openssl_is_realloc_direct) {
        return realloc_inside(NULL, old, size, file, line, arch_caller_of(frame));
    }
    uint64_t tag = source_tag(file, line);
    hook_free_tagged(old, tag);
    void *p = REAL(realloc)(old, size);
    if (p) {
        hook_alloc_tagged(p, size, arch_caller_of(frame), tag);
    } else {
        hook_undo_free(old);
    }
    return p;
}

#define COPIES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/* Each jumps to what is the same for all, which then has OpenSSL for its caller. (Where the compiler makes it a call, the frame here is left out by the collector.) */
#define X(i)                                                                                                               \
    static void *malloc_##i(size_t size, const char *file, int line) {                                                     \
        return malloc_of(size, file, line, &openssl_copies[i]);                                                            \
    }                                                                                                                      \
    static void *realloc_##i(void *old, size_t size, const char *file, int line) {                                         \
        return realloc_of(old, size, file, line, &openssl_copies[i]);                                                      \
    }                                                                                                                      \
    static void free_##i(void *p, const char *file, int line) {                                                            \
        free_of(p, file, line, &openssl_copies[i]);                                                                        \
    }
COPIES(X)
#undef X

const struct openssl_functions openssl_ours[OPENSSL_COPIES_MAX] = {
#define X(i) [i] = {.malloc = malloc_##i, .realloc = realloc_##i, .free = free_##i},
    COPIES(X)
#undef X
};
