/* demangle.h - names as programmers wrote them: C++ (Itanium ABI) and Rust (legacy and v0), each worked out once. */
#ifndef SEEP_DEMANGLE_H
#define SEEP_DEMANGLE_H

#include <stdint.h>

#include "string_pool.h"

struct demangler {
    struct string_pool *pool; /* the caller's; readable names are interned there */
    uint32_t *readable;       /* by string id of the mangled name: id of the readable one, 0 = not asked for yet */
    size_t cap_readable;
};

/* Return the readable form of a symbol's name, or the name itself (without a version "@VER" or "@@VER") if it is not mangled.
 * Memory   interned in the pool: equal names are equal pointers */
const char *demangle(struct demangler *d, const char *symbol);

void demangler_free(struct demangler *d);

#endif
