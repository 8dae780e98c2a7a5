/* real.h - the allocator behind the shim: each function's next definition in search order.
 *
 * RTLD_NEXT and not __libc_malloc: the program's own allocator (jemalloc in redis) stands there. Where an allocator stands before the
 * shim (linked into the program, or preloaded earlier), its functions are the real ones: what only the shim defines must not mix
 * it with another. What neither order has is looked for where the dynamic linker would have gone on: in the caller's own library and
 * its dependencies (a plugin opened with RTLD_LOCAL and its C++ runtime).
 */
#ifndef SEEP_REAL_H
#define SEEP_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "hook_list.h"

enum real_index {
#define X(name) REAL_##name,
    HOOK_LIST(X)
#undef X
        REAL_N
};

extern HIDDEN void *real_table[REAL_N];

/* Look the function up, now or again. Returns NULL if there is none. Context: any thread; takes the loader's lock. */
void *real_find(enum real_index index);

/* The next definition of the hook `name` as a function of the same type, NULL if there is none. */
#define REAL(name) ((__typeof__(&name))real_get(REAL_##name))

/* The definition that a caller at ip would have found without the shim; looked for once per caller. Context: as real_find. */
void *real_find_for(enum real_index index, uint64_t ip);

/* Forget what was found in libraries: one has been closed. */
void real_forget(void);

/* As REAL, for functions that may be private to the caller's library. */
#define REAL_FOR(name, caller) ((__typeof__(&name))real_get_for(REAL_##name, (caller).ip))

ALWAYS_INLINE void *real_get_for(enum real_index index, uint64_t ip) {
    void *function = real_table[index];
    return LIKELY(function != NULL) ? function : real_find_for(index, ip);
}

ALWAYS_INLINE void *real_get(enum real_index index) {
    void *function = real_table[index];
    return LIKELY(function != NULL) ? function : real_find(index);
}

/* Look up everything that a program is likely to call, while there is one thread. */
void real_resolve_all(void);

/* Memory for calls that come while functions are being looked up (dlsym may allocate); never given back. NULL when used up. */
void *real_boot_alloc(size_t alignment, size_t size_bytes);
enum { REAL_BOOT_BYTES = 65536 };
extern HIDDEN char real_boot[REAL_BOOT_BYTES];
ALWAYS_INLINE bool real_is_boot(const void *p) {
    return (uintptr_t)p - (uintptr_t)real_boot < REAL_BOOT_BYTES;
}
size_t real_boot_size(const void *p);

/* Whether malloc is somebody's who stands before the shim: then the program's own calls never come here. */
extern HIDDEN bool real_is_bypassed;

/* Whether the C family is libc's own, which never calls itself through the hooks; other allocators may. */
extern HIDDEN bool real_is_libc;

/* Whether the C family is being looked up right now: calls must be served by real_boot_alloc. */
extern HIDDEN bool real_is_resolving;

#endif
