/* interpose_tables.h - shapes of allocator functions, so that a family of them is a table of lines.
 *
 * ALLOC    gives out a block                  ALLOC(name, (parameters), (arguments), size, alignment)
 * RELEASE  gives one back                     RELEASE(name, (parameters), (arguments), block)
 * RESIZE   a reallocation                     RESIZE(name, (parameters), (arguments), old block, size, keeps)
 *          keeps: whether a failed call leaves the old block alive
 *
 * Each goes to its own next definition. Where there is none (a program that probes for an allocator by a weak reference to
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

/* size zeroed bytes from the C family, at an alignment (0: malloc's). */
void *interpose_fallback(size_t alignment, size_t size);

#define ALLOC(name, parameters, arguments, size, alignment)                                                                \
    void *name parameters;                                                                                                 \
    EXPORT void *name parameters {                                                                                         \
        struct outer_call call_;                                                                                           \
        outer_begin(&call_, (size), ARCH_CALLER(), NULL, true);                                                            \
        return outer_end_alloc(&call_, REAL(name) ? REAL(name) arguments : interpose_fallback((alignment), (size)));       \
    }

#define RELEASE(name, parameters, arguments, block)                                                                        \
    void name parameters;                                                                                                  \
    EXPORT void name parameters {                                                                                          \
        if (!(block) || real_is_boot(block)) {                                                                             \
            return;                                                                                                        \
        }                                                                                                                  \
        struct outer_call call_;                                                                                           \
        outer_begin(&call_, 0, ARCH_CALLER(), (block), false);                                                             \
        if (REAL(name)) {                                                                                                  \
            REAL(name) arguments;                                                                                          \
        } else {                                                                                                           \
            REAL(free)(block);                                                                                             \
        }                                                                                                                  \
        outer_end_free(&call_);                                                                                            \
    }

#define RESIZE(name, parameters, arguments, old, size, keeps)                                                              \
    void *name parameters;                                                                                                 \
    EXPORT void *name parameters {                                                                                         \
        struct outer_call call_;                                                                                           \
        outer_begin(&call_, (size), ARCH_CALLER(), (old), true);                                                           \
        return outer_end_realloc(&call_, REAL(name) ? REAL(name) arguments : REAL(realloc)((old), (size)), (keeps));       \
    }

#endif
