/* real.c - see real.h. */
#include "real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "ring_file.h"
#include "thread_state.h"

enum { BOOT_ALIGN = 16, FOUND_BITS = 10 };

#pragma weak dladdr1 /* glibc only */

void *real_table[REAL_N];
bool real_is_resolving;
bool real_is_libc;
bool real_is_bypassed;

static const char *const names[REAL_N] = {
#define X(name) [REAL_##name] = #name,
    HOOK_LIST(X)
#undef X
};

_Alignas(BOOT_ALIGN) char real_boot[REAL_BOOT_BYTES];
static _Atomic size_t boot_used;

void *real_boot_alloc(size_t alignment, size_t size_bytes) {
    if (size_bytes > REAL_BOOT_BYTES || alignment > REAL_BOOT_BYTES) {
        return NULL;
    }
    size_t align = alignment > BOOT_ALIGN ? alignment : BOOT_ALIGN;
    size_t need = ((size_bytes + BOOT_ALIGN - 1) & ~(size_t)(BOOT_ALIGN - 1)) + BOOT_ALIGN + align - BOOT_ALIGN;
    size_t at = atomic_fetch_add(&boot_used, need);
    if (at + need > REAL_BOOT_BYTES) {
        return NULL;
    }
    uintptr_t p = ((uintptr_t)real_boot + at + BOOT_ALIGN + align - 1) & ~(uintptr_t)(align - 1);
    if (p - (uintptr_t)real_boot + size_bytes > REAL_BOOT_BYTES) {
        return NULL;
    }
    size_t *size = (size_t *)(p - sizeof(size_t)); /* NOLINT(performance-no-int-to-ptr) */
    *size = size_bytes;
    ring_count_lost(RING_LOST_BOOT, 1);
    return (void *)p; /* NOLINT(performance-no-int-to-ptr) */
}

size_t real_boot_size(const void *p) {
    return ((const size_t *)p)[-1];
}

/* What the loader allocates for a search is not the host's. Returns the phase to go back to. */
static uint32_t ignore_begin(struct thread_state **t) {
    *t = thread_current ? thread_current : thread_attach();
    uint32_t phase = *t ? atomic_load(&(*t)->phase) : (uint32_t)THREAD_WIPED;
    if (phase == THREAD_READY || phase == THREAD_OUTER) {
        atomic_store(&(*t)->phase, THREAD_IGNORE);
    }
    return phase;
}

static void ignore_end(struct thread_state *t, uint32_t phase) {
    if (phase == THREAD_READY || phase == THREAD_OUTER) {
        atomic_store(&t->phase, phase);
    }
}

static const void *base_of(const void *address) {
    Dl_info info;
    return address && dladdr(address, &info) ? info.dli_fbase : NULL;
}

/* Whether a function that the whole program sees is somebody's own: not the shim's, and not the entry of an executable's procedure linkage
 * table that stands for the address of an undefined function (non-PIE programs), which leads to the shim again. */
static bool is_before_us(void *function) {
    Dl_info info;
    void *symbol = NULL;
    if (!function || !dladdr1 || !dladdr1(function, &info, &symbol, RTLD_DL_SYMENT)) {
        return false;
    }
    return info.dli_fbase != base_of(real_boot) && symbol && ((const ElfW(Sym) *)symbol)->st_shndx != SHN_UNDEF;
}

COLD void *real_find(enum real_index index) {
    static _Atomic uint8_t is_missing[REAL_N]; /* later libraries are searched by real_find_for */
    if (real_table[index] || is_missing[index]) {
        return real_table[index];
    }
    struct thread_state *t;
    uint32_t phase = ignore_begin(&t);
    void *function = dlsym(RTLD_DEFAULT, names[index]);
    if (is_before_us(function)) {
        real_is_bypassed |= index == REAL_malloc;
    } else {
        function = dlsym(RTLD_NEXT, names[index]);
    }
    ignore_end(t, phase);
    real_table[index] = function;
    is_missing[index] = !function;
    return function;
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

/* Search the library that ip lies in, and its dependencies. */
static void *find_in_library_of(uint64_t ip, const char *name) {
    Dl_info info;
    if (!dladdr((const void *)ip, &info) || !info.dli_fname) { /* NOLINT(performance-no-int-to-ptr) */
        return NULL;
    }
    void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!library) {
        return NULL;
    }
    void *function = dlsym(library, name);
    REAL(dlclose)(library);
    return base_of(function) == base_of(real_boot) ? NULL : function;
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
    struct thread_state *t;
    uint32_t phase = ignore_begin(&t);
    function = find_in_library_of(ip, names[index]);
    ignore_end(t, phase);
    atomic_store_explicit(&place->key, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&place->function, function, memory_order_relaxed);
    atomic_store_explicit(&place->key, key, memory_order_release);
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
