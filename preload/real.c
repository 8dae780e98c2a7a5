/* real.c - see real.h. */
#include "real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "ring_file.h"
#include "thread_state.h"

enum { BOOT_BYTES = 65536, BOOT_ALIGN = 16 };

void *real_table[REAL_N];
bool real_is_resolving;
bool real_is_libc;

static const char *const names[REAL_N] = {
#define X(name) [REAL_##name] = #name,
    HOOK_LIST(X)
#undef X
};

static _Alignas(BOOT_ALIGN) char boot[BOOT_BYTES];
static _Atomic size_t boot_used;

void *real_boot_alloc(size_t alignment, size_t size_bytes) {
    if (size_bytes > BOOT_BYTES || alignment > BOOT_BYTES) {
        return NULL;
    }
    size_t align = alignment > BOOT_ALIGN ? alignment : BOOT_ALIGN;
    size_t need = ((size_bytes + BOOT_ALIGN - 1) & ~(size_t)(BOOT_ALIGN - 1)) + BOOT_ALIGN + align - BOOT_ALIGN;
    size_t at = atomic_fetch_add(&boot_used, need);
    if (at + need > BOOT_BYTES) {
        return NULL;
    }
    uintptr_t p = ((uintptr_t)boot + at + BOOT_ALIGN + align - 1) & ~(uintptr_t)(align - 1);
    if (p - (uintptr_t)boot + size_bytes > BOOT_BYTES) {
        return NULL;
    }
    size_t *size = (size_t *)(p - sizeof(size_t)); /* NOLINT(performance-no-int-to-ptr) */
    *size = size_bytes;
    ring_count_lost(RING_LOST_BOOT, 1);
    return (void *)p; /* NOLINT(performance-no-int-to-ptr) */
}

bool real_is_boot(const void *p) {
    return (uintptr_t)p - (uintptr_t)boot < BOOT_BYTES;
}

size_t real_boot_size(const void *p) {
    return ((const size_t *)p)[-1];
}

/* The C++ runtime may be a private dependency of a plugin: found by name among what is loaded, never loaded for this. */
static void *find_in_cpp_runtime(const char *name) {
    static const char *const runtimes[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
    for (unsigned i = 0; i < sizeof runtimes / sizeof runtimes[0]; i++) {
        void *library = dlopen(runtimes[i], RTLD_LAZY | RTLD_NOLOAD);
        if (library) {
            void *function = dlsym(library, name);
            dlclose(library);
            if (function) {
                return function;
            }
        }
    }
    return NULL;
}

COLD void *real_find(enum real_index index) {
    if (real_table[index]) {
        return real_table[index];
    }
    /* What the loader allocates for the search is not the host's. */
    struct thread_state *t = thread_current ? thread_current : thread_attach();
    uint32_t phase = t ? atomic_load(&t->phase) : THREAD_WIPED;
    if (phase == THREAD_READY || phase == THREAD_OUTER) {
        atomic_store(&t->phase, THREAD_IGNORE);
    }
    void *function = dlsym(RTLD_NEXT, names[index]);
    if (!function && names[index][0] == '_' && names[index][1] == 'Z') {
        function = find_in_cpp_runtime(names[index]);
    }
    if (phase == THREAD_READY || phase == THREAD_OUTER) {
        atomic_store(&t->phase, phase);
    }
    real_table[index] = function;
    return function;
}

static void resolve(enum real_index first, enum real_index last) {
    for (int i = (int)first; i <= (int)last; i++) {
        if (!real_table[i]) {
            real_find((enum real_index)i);
        }
    }
}

void real_resolve_all(void) {
    if (!real_is_resolving && !real_table[REAL_malloc]) {
        real_is_resolving = true;
        resolve(REAL_malloc, REAL_pvalloc);
        Dl_info allocator, libc;
        real_is_libc = dladdr(real_table[REAL_realloc], &allocator) && dladdr((const void *)getpid, &libc) &&
                       allocator.dli_fbase == libc.dli_fbase;
        real_is_resolving = false;
    }
}
