/* interpose_tables.h - shapes of allocator functions, so that a family of them is a table of lines.
 *
 * ALLOC    gives out a block                  ALLOC(name, (parameters), (arguments), size, alignment)
 * RELEASE  gives one back                     RELEASE(name, (parameters), (arguments), block)
 * RESIZE   a reallocation                     RESIZE(name, (parameters), (arguments), old block, size, keeps)
 *          keeps: whether a failed call leaves the old block alive
 *
 * Each goes to its own next definition, or to the one in the caller's own library. Where there is none (a program that probes for an allocator by a weak reference to
 * such a name and believes to have found it), the C family does what is asked.
 */
#ifndef SEEP_INTERPOSE_TABLES_H
#define SEEP_INTERPOSE_TABLES_H

#include <stddef.h>
#include <stdlib.h>

#include "hook.h"
#include "interpose.h"
#include "outer_call.h"
#include "real.h"

enum { INTERPOSE_PAGE = 4096 }; /* alignment of the valloc family where no libc has it */

/* size zeroed bytes from the C family, at an alignment (0: malloc's). */
void *interpose_fallback(size_t alignment, size_t size);

#define ALLOC(name, parameters, arguments, size, alignment)                                                                \
    void *name parameters;                                                                                                 \
    EXPORT void *name parameters {                                                                                         \
        OUTER_CALL_PERSONALITY();                                                                                          \
        struct arch_caller caller_ = ARCH_CALLER();                                                                        \
        outer_begin_alloc((size), (alignment), caller_, NULL);                                                             \
        __typeof__(&name) real_ = REAL_FOR(name, caller_);                                                                 \
        void *p_ = real_ ? real_ arguments : interpose_fallback((alignment), (size));                                      \
        return outer_end_alloc((size), caller_, p_);                                                                       \
    }

#define RELEASE(name, parameters, arguments, block)                                                                        \
    void name parameters;                                                                                                  \
    EXPORT void name parameters {                                                                                          \
        OUTER_CALL_PERSONALITY();                                                                                          \
        if (!(block)) {                                                                                                    \
            return;                                                                                                        \
        }                                                                                                                  \
        struct arch_caller caller_ = ARCH_CALLER();                                                                        \
        outer_begin_free(caller_, (block));                                                                                \
        __typeof__(&name) real_ = REAL_FOR(name, caller_);                                                                 \
        if (real_) {                                                                                                       \
            real_ arguments;                                                                                               \
        } else {                                                                                                           \
            REAL_OF_PROGRAM(free)(block);                                                                                  \
        }                                                                                                                  \
        outer_end_free(caller_);                                                                                           \
    }

#define RESIZE(name, parameters, arguments, old, size, keeps)                                                              \
    void *name parameters;                                                                                                 \
    EXPORT void *name parameters {                                                                                         \
        OUTER_CALL_PERSONALITY();                                                                                          \
        struct arch_caller caller_ = ARCH_CALLER();                                                                        \
        outer_begin_alloc((size), 0, caller_, (old));                                                                      \
        __typeof__(&name) real_ = REAL_FOR(name, caller_);                                                                 \
        void *p_ = real_ ? real_ arguments : REAL_OF_PROGRAM(realloc)((old), (size));                                      \
        return outer_end_realloc((size), caller_, (old), p_, (keeps));                                                     \
    }

/* posix_memalign by any name. */
#define POSIX_MEMALIGN(name)                                                                                               \
    int name(void **out, size_t align, size_t size);                                                                       \
    EXPORT int name(void **out, size_t align, size_t size) {                                                               \
        OUTER_CALL_PERSONALITY();                                                                                          \
        struct arch_caller caller_ = ARCH_CALLER();                                                                        \
        outer_begin_alloc(size, align, caller_, NULL);                                                                     \
        __typeof__(&name) real_ = REAL_FOR(name, caller_);                                                                 \
        int result_ = real_ ? real_(out, align, size) : REAL_OF_PROGRAM(posix_memalign)(out, align, size);                 \
        outer_end_alloc(size, caller_, result_ == 0 ? *out : NULL);                                                        \
        return result_;                                                                                                    \
    }

#endif
