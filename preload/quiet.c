/* quiet.c - see quiet.h. */
#include "quiet.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>

#include "arch.h"
#include "sys.h"

enum {
    RESERVE_BYTES = 64 << 20, /* the table of stacks at its largest, and some 30 threads with stacks of 4096 frames */
    RESERVE_BYTES_MIN = 4 << 20,
    STACK_BYTES_MAX = 64 << 20, /* of the main thread, where it is not limited. Nothing else is mapped as near (128 MiB) */
    CONTROL_BLOCK_BYTES = 2048, /* how much of libc's struct pthread is looked through; it is larger */
    ALIGNMENT = 16,
};

bool quiet_is_on;

static struct {
    char *start;
    size_t bytes;
    _Atomic size_t used;
} reserve;

extern void *__libc_stack_end; /* of the main thread; set by the dynamic linker */

static uint64_t main_stack_low;

/* Where in a thread's control block {start, size, guard size} of its stack stand; 0 = not known. */
static size_t stack_block_off;

/* The one thread of a fork child of which libc has not the right id. */
static struct {
    const void *control_block;
    int libc_id, id;
} stale;

static int libc_thread_id(void) {
    pthread_mutex_t mine = PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP; /* nobody else's: there is nothing to wait for */
    return pthread_mutex_trylock(&mine) == 0 ? mine.__data.__owner : 0;
}

int quiet_thread_id(void) {
    int id = libc_thread_id();
    return id == stale.libc_id && __builtin_thread_pointer() == stale.control_block ? stale.id : id;
}

void quiet_begin_child(void) {
    stale.control_block = __builtin_thread_pointer();
    stale.libc_id = libc_thread_id();
    stale.id = sys_gettid();
}

uint64_t quiet_stack_high(void) {
    uint64_t high = (uint64_t)__builtin_thread_pointer();
    return quiet_stack_low(high) < high ? high : 0;
}

/* libc gives its main thread's stack as starting at 0 and ending where it does: by these two words they are found, in the control block of that
 * thread. Source: glibc, sysdeps/nptl/dl_tls_init_tp.c and nptl/descr.h (stackblock, stackblock_size, guardsize). */
static size_t find_stack_block(void) {
    const uint64_t *block = (const uint64_t *)__builtin_thread_pointer();
    size_t found = 0;
    for (size_t i = 0; i + 3 <= CONTROL_BLOCK_BYTES / sizeof *block; i++) {
        if (block[i] == 0 && block[i + 1] == (uint64_t)__libc_stack_end) {
            if (found) {
                return 0; /* no telling which */
            }
            found = i * sizeof *block;
        }
    }
    return found;
}

static uint64_t find_main_stack_low(void) {
    struct rlimit limit;
    uint64_t high = (uint64_t)__libc_stack_end, bytes = STACK_BYTES_MAX;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < bytes) {
        bytes = limit.rlim_cur;
    }
    return bytes < high ? high - bytes : high;
}

uint64_t quiet_stack_low(uint64_t high) {
    if (high == (uint64_t)__libc_stack_end) {
        return main_stack_low;
    }
    if (!stack_block_off) {
        return high;
    }
    uint64_t block[3];
    memcpy(block, (const char *)__builtin_thread_pointer() + stack_block_off, sizeof block);
    uint64_t low = block[0] + block[2], end = block[0] + block[1];
    bool is_around = block[0] != 0 && low > block[0] - 1 && low < high && high < end && block[2] % ARCH_PAGE_BYTES == 0;
    return is_around ? low : high;
}

const char *quiet_prepare(void) {
    if (quiet_thread_id() != sys_gettid()) {
        return "this libc does not say by itself which thread it is";
    }
    size_t bytes = RESERVE_BYTES;
    while (bytes >= RESERVE_BYTES_MIN && (bytes > sys_address_share() || !(reserve.start = sys_map_private(bytes)))) {
        bytes /= 2;
    }
    if (!reserve.start) {
        return "there is not enough memory to set aside";
    }
    reserve.bytes = bytes;
    stack_block_off = find_stack_block();
    main_stack_low = find_main_stack_low();
    return NULL;
}

void *quiet_take(size_t size_bytes) {
    size_t bytes = (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t used = atomic_load_explicit(&reserve.used, memory_order_relaxed);
    do {
        if (bytes > reserve.bytes - used) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&reserve.used, &used, used + bytes, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return reserve.start + used;
}

void quiet_give_back(void *p, size_t size_bytes) {
    size_t bytes = (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t first = (size_t)((char *)p - reserve.start), end = first + bytes;
    if (first >= reserve.bytes) {
        return; /* mapped before the mode was on */
    }
    memset(p, 0, size_bytes);
    atomic_compare_exchange_strong_explicit(&reserve.used, &end, first, memory_order_acq_rel, memory_order_relaxed);
}
