/* real.c - see real.h. */
#include "real.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "elf_find.h"
#include "elf_object.h"

enum { FOUND_BITS = 10 };

void *real_table[REAL_N];
void *real_program_table[REAL_N_FAMILY];
bool real_is_libc;
bool real_is_layered;
bool real_is_bypassed;

/* Set once the objects that the program was started with have been looked through: at the first call of all, since opening another one takes
 * memory first. */
static bool is_complete;

bool real_is_probing, real_was_entered;

static const char *const names[REAL_N] = {
#define X(name) [REAL_##name] = #name,
    HOOK_LIST(X)
#undef X
};

COLD void *real_find(enum real_index index) {
    real_resolve();
    return real_table[index]; /* libraries opened later are searched by real_find_for */
}

/* Found for callers: (ip ^ index) -> function. A place belongs to whoever wrote it last; key is written after function. */
static struct found {
    _Atomic uint64_t key;
    _Atomic(void *) function;
} found[1 << FOUND_BITS];

void real_forget(void) {
    for (unsigned i = 0; i < 1u << FOUND_BITS; i++) {
        atomic_store_explicit(&found[i].key, 0, memory_order_relaxed);
    }
}

COLD void *real_find_for(enum real_index index, uint64_t ip) {
    void *function = real_find(index);
    if (function) {
        return function;
    }
    uint64_t key = ip ^ (uint64_t)(index + 1) << 48;
    struct found *place = &found[key * 0x9E3779B97F4A7C15u >> (64 - FOUND_BITS)];
    if (atomic_load_explicit(&place->key, memory_order_acquire) == key) {
        function = atomic_load_explicit(&place->function, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&place->key, memory_order_relaxed) == key) {
            return function;
        }
    }
    function = elf_find_for(ip, names[index]);
    atomic_store_explicit(&place->key, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&place->function, function, memory_order_relaxed);
    atomic_store_explicit(&place->key, key, memory_order_release);
    return function;
}

/* Whether malloc asks another function of the family through the hooks: tried out, once. */
static bool is_layered(void) {
    static const size_t sizes[] = {64, 8 << 10, 1 << 20};
    real_is_probing = true;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        void *p = REAL(malloc)(sizes[i]);
        if (p) {
            REAL(free)(p);
        }
    }
    real_is_probing = false;
    return real_was_entered;
}

static bool is_in_libc(const void *function) {
    struct elf_object object, libc;
    return elf_object_at((uint64_t)function, &object, false) && elf_object_at((uint64_t)getpid, &libc, false) &&
           object.start == libc.start;
}

void real_resolve(void) {
    if (is_complete) {
        return;
    }
    is_complete = true;
    static struct elf_places places[REAL_N]; /* not on the host's stack */
    elf_find(names, REAL_N, places);
    for (int i = 0; i < REAL_N; i++) {
        real_table[i] = elf_function(places[i].next);
        if (i < REAL_N_FAMILY) {
            void *before = elf_function(places[i].before);
            real_program_table[i] = before ? before : real_table[i];
        }
    }
    real_is_bypassed = places[REAL_malloc].before.address != NULL;
    real_is_libc = is_in_libc(real_table[REAL_realloc]);
    real_is_layered = !real_is_libc && real_table[REAL_malloc] && real_table[REAL_free] && is_layered();
}
