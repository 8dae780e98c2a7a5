/* heap_ask.c - see heap_ask.h. */
#include "heap_ask.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "config.h"
#include "coverage.h"
#include "elf_find.h"
#include "elf_object.h"
#include "event_buf.h"
#include "hook.h"
#include "quiet.h"
#include "real.h"
#include "ring_file.h"
#include "sample.h"
#include "sys.h"

enum {
    WAIT_NS = 500 * 1000 * 1000,
    STATUS_BYTES = 4096, /* of /proc/self/status */
    CACHE_BLOCKS = 7,    /* of a size in a thread's cache; from glibc 2.42 on 16 */
    CACHE_BLOCKS_LATER = 16,
    CACHE_BYTES_MAX = 1040, /* the largest of them, as held */
    COPIED_KIB_MAX = 2 << 20,
};

typedef struct mallinfo2 mallinfo2_function(void);
typedef int mallctl_function(const char *name, void *old, size_t *old_bytes, void *new, size_t new_bytes);

static enum coverage_allocator allocator;
static mallinfo2_function *ask_glibc;
static mallctl_function *ask_jemalloc;
static uint64_t cache_blocks, cache_bytes_max;

/* Here as the linker has bound them: looking through all objects takes 0.1 ms, in each program that is run. */
extern struct mallinfo2 mallinfo2(void) __attribute__((weak));
extern const char *gnu_get_libc_version(void) __attribute__((weak));

static bool is_in_object_of(uint64_t of, const void *function) {
    struct elf_object own, other;
    return function && elf_object_at(of, &own, false) && elf_object_at((uint64_t)function, &other, false) &&
           own.start == other.start;
}

/* A function of the very object that the allocator is in. bound: perhaps the one, perhaps that of an object in front */
static void *sibling(uint64_t of, const char *name, void *bound) {
    if (is_in_object_of(of, bound)) {
        return bound;
    }
    void *function = elf_find_for(of, name);
    return is_in_object_of(of, function) ? function : NULL;
}

/* As the versions differ, and as the program's environment has it. */
static void find_cache_limits(const struct config *config) {
    const char *(*version)(void) =
        (const char *(*)(void))sibling((uint64_t)getrusage, "gnu_get_libc_version", (void *)gnu_get_libc_version);
    const char *minor = version ? strchr(version(), '.') : NULL;
    cache_blocks = minor && atoi(minor + 1) >= 42 ? CACHE_BLOCKS_LATER : CACHE_BLOCKS;
    cache_blocks = config->has_cache_blocks ? config->cache_blocks : cache_blocks;
    cache_bytes_max = config->cache_bytes_max ? coverage_held_by_glibc(config->cache_bytes_max) : CACHE_BYTES_MAX;
}

void heap_ask_init(const struct config *config) {
    uint64_t program = (uint64_t)REAL_OF_PROGRAM(malloc);
    if (program == 0) {
        return;
    }
    struct elf_object own, libc;
    bool is_libc =
        elf_object_at(program, &own, false) && elf_object_at((uint64_t)getrusage, &libc, false) && own.start == libc.start;
    if (is_libc) {
        ask_glibc = (mallinfo2_function *)sibling(program, "mallinfo2", (void *)mallinfo2); /* since glibc 2.33 */
        find_cache_limits(config);
    } else {
        ask_jemalloc = (mallctl_function *)sibling(program, "mallctl", NULL);
    }
    allocator = ask_glibc ? COVERAGE_GLIBC : ask_jemalloc ? COVERAGE_JEMALLOC : COVERAGE_OTHER;
}

/* jemalloc: an alignment beyond a page takes a large block, of four pages or more. */
void heap_ask_note_rounding(size_t size_bytes, size_t alignment) {
    size_t least = alignment > ARCH_PAGE_BYTES ? 4 * (size_t)ARCH_PAGE_BYTES : alignment;
    size_t rounded;
    if (ring && least && !__builtin_add_overflow(size_bytes, least - 1, &rounded)) {
        uint64_t more = rounded / least * least - size_bytes;
        atomic_fetch_add_explicit(&ring->coverage.rounded_bytes, more, memory_order_relaxed);
    }
}

static bool read_statistic(const char *name, size_t *value) {
    size_t n = sizeof *value;
    return ask_jemalloc(name, value, &n, NULL, 0) == 0;
}

/* In the copy. What is in the threads' caches is taken out, as far as jemalloc says so. */
static enum coverage_result answer_of_jemalloc(void) {
    uint64_t epoch = 1;
    size_t n = sizeof epoch, in_use = 0, cached = 0;
    if (ask_jemalloc("epoch", &epoch, &n, &epoch, sizeof epoch) != 0 || !read_statistic("stats.allocated", &in_use)) {
        return COVERAGE_NO_STATISTICS;
    }
    if (!read_statistic("stats.arenas.4096.tcache_bytes", &cached)) { /* 4096: all arenas */
        cached = 0;
    }
    ring->coverage.in_use_bytes = in_use - (cached < in_use ? cached : in_use);
    return COVERAGE_MEASURED;
}

static enum coverage_result answer_of_glibc(void) {
    struct mallinfo2 info = ask_glibc();
    ring->coverage.in_use_bytes = info.uordblks + info.hblkhd;
    ring->coverage.n_mapped = info.hblks;
    return COVERAGE_MEASURED;
}

/* In the copy; the ring is shared with it. */
static void answer(void *leave) {
    ((void (*)(void))leave)();
    enum coverage_result result = ask_glibc ? answer_of_glibc() : answer_of_jemalloc();
    atomic_store_explicit(&ring->coverage.result, (uint32_t)result, memory_order_release);
}

/* The number behind a key of /proc/self/status; UINT64_MAX if there is none. */
static uint64_t number_of(const char *status, const char *key) {
    const char *at = strstr(status, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : UINT64_MAX;
}

/* Whether a copy may be made. The kernel is not asked about a filter by a system call of its own: a filter that forbids to open a file is the rarer one. */
static enum coverage_result look_at_process(void) {
    char *status = sys_map_private(STATUS_BYTES);
    if (!status) {
        return COVERAGE_NO_COPY;
    }
    ssize_t n = sys_read_file("/proc/self/status", status, STATUS_BYTES - 1);
    status[n > 0 ? n : 0] = '\0';
    bool is_filtered = number_of(status, "\nSeccomp:\t") != 0;
    bool is_large = number_of(status, "\nVmRSS:\t") > COPIED_KIB_MAX;
    sys_unmap(status, STATUS_BYTES);
    return is_filtered ? COVERAGE_FILTERED : is_large ? COVERAGE_LARGE : COVERAGE_MEASURED;
}

/* Say among the events when it was. Returns false where an allocation is under way. */
static bool put_mark(void) {
    struct thread_state *t = thread_current ? thread_current : thread_attach();
    if (!hook_is_ready(t)) {
        return false;
    }
    hook_enter(t, (uint64_t)__builtin_frame_address(0));
    event_put_fork(t, RING_COVERAGE_SERIAL);
    hook_leave(t, THREAD_READY);
    return true;
}

static enum coverage_result measure(void (*leave)(void)) {
    if (allocator == COVERAGE_OTHER) {
        return COVERAGE_OTHER_ALLOCATOR;
    }
    enum coverage_result looks = quiet_is_on ? COVERAGE_FILTERED : look_at_process();
    if (looks != COVERAGE_MEASURED) {
        return looks;
    }
    if (!put_mark()) {
        return COVERAGE_BUSY;
    }
    int error = sys_ask_copy(answer, (void *)leave, WAIT_NS);
    if (error < 0) {
        return COVERAGE_NO_COPY;
    }
    uint32_t result = atomic_load_explicit(&ring->coverage.result, memory_order_acquire);
    return result == COVERAGE_NOT_ASKED ? COVERAGE_NO_ANSWER : (enum coverage_result)result;
}

void heap_ask(void (*leave)(void)) {
    if (sample_interval || atomic_load(&ring->collector_state) != RING_COLLECTOR_RUNNING) {
        return;
    }
    ring->coverage.allocator = allocator;
    ring->coverage.cache_blocks = cache_blocks;
    ring->coverage.cache_bytes_max = cache_bytes_max;
    enum coverage_result result = measure(leave);
    atomic_store_explicit(&ring->coverage.result, (uint32_t)result, memory_order_release);
}
