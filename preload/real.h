/* real.h - the allocator behind the shim: each function's next definition in load order.
 *
 * The next and not __libc_malloc: the program's own allocator (jemalloc in redis) stands there. A function that stands before the shim (linked into the
 * program, or preloaded earlier) is not called in its place: it may be a wrapper that asks for the next one, which is ours. But what only the
 * shim defines, and does with the C family's help, must not mix another's blocks with that one's: for this there is real_program_table. What
 * neither has is looked for where the dynamic linker would have gone on: in the caller's own library and those it needs (a plugin opened with
 * RTLD_LOCAL and its C++ runtime).
 *
 * The table is filled from the objects that the program was started with, which never go.
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

enum { REAL_N_FAMILY = REAL_pvalloc + 1 }; /* of C; they come first */

extern HIDDEN void *real_table[REAL_N];

/* The C family as the program itself calls it: what stands before the shim, else as in real_table. */
extern HIDDEN void *real_program_table[REAL_N_FAMILY];
#define REAL_OF_PROGRAM(name) ((__typeof__(&name))real_program_table[REAL_##name])

/* The function, after looking everything up if that is still to be done. Returns NULL if there is none. */
void *real_find(enum real_index index);

/* The next definition of the hook `name` as a function of the same type, NULL if there is none. */
#define REAL(name) ((__typeof__(&name))real_get(REAL_##name))

/* The definition that a caller at ip would have found without the shim; looked for once per caller. Context: any thread; see elf_find.h. */
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

/* Look everything up, once: at the first call of a hook, or in the constructor. */
void real_resolve(void);

/* The trial that real_is_layered is set by is under way; hooks entered meanwhile say so, and record nothing. */
extern HIDDEN bool real_is_probing, real_was_entered;

/* Whether malloc is somebody's who stands before the shim: then the program's own calls come here only if that one passes them on. */
extern HIDDEN bool real_is_bypassed;

/* Whether the C family is libc's own, which never calls itself through the hooks; other allocators may, and some even for malloc. */
extern HIDDEN bool real_is_libc, real_is_layered;

#endif
