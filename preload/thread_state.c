/* thread_state.c - see thread_state.h. */
#include "thread_state.h"

#include <errno.h>

#include "lifecycle.h"
#include "quiet.h"
#include "ring_file.h"
#include "sys.h"
#include "unwind_step.h"

enum {
    TURNS_MAX = 1 << 20, /* when quiet: 10 to 50 ms, of which the collector should need 5 to see who has ended */
    TURNS_PER_LOOK = 64,
    PROBES = 4, /* old slots a new thread looks at; more than one each, so that slots are found faster than threads made */
    NESTING_MAX =
        16, /* hooks under way at once in one thread: nested handlers, user-level threads preempted in a hook, jumps */
};

__thread struct thread_state *thread_current __attribute__((tls_model("initial-exec")));

extern void *__libc_stack_end; /* of the main thread; set by the dynamic linker */

static struct thread_state **states; /* by slot */
static _Atomic uint32_t next_probe;

static size_t scratch_bytes(uint32_t cap) {
    size_t kept_bytes = sizeof(struct kept_frame) + KEPT_WORDS_PER_FRAME * (sizeof(struct kept_word) + sizeof(uint32_t));
    return (cap + 1) * sizeof(struct unwound_frame) + (cap + 1) * kept_bytes;
}

/* Map n states at once; where there is not enough memory for all, as many as there is for. */
static bool map_states(uint32_t n) {
    size_t bytes = sizeof(struct thread_state) + scratch_bytes(FRAMES_FIRST);
    bytes = (bytes + ARCH_PAGE_BYTES - 1) / ARCH_PAGE_BYTES * ARCH_PAGE_BYTES;
    char *all = NULL;
    while (n > 0 && (n * bytes > sys_address_share() || !(all = sys_map_private(n * bytes)))) {
        n /= 2;
    }
    for (uint32_t i = 0; i < n; i++) {
        states[i] = (struct thread_state *)(all + i * bytes);
        sys_wipe_on_fork(states[i], ARCH_PAGE_BYTES);
    }
    return n > 0;
}

int thread_states_init(bool is_quiet) {
    states = sys_map_private(ring->slots.cap * sizeof *states);
    return states && (!is_quiet || map_states(QUIET_THREADS_MAX)) ? 0 : -ENOMEM;
}

void thread_states_log_cuts(uint64_t mark) {
    enum { AT_ONCE = 64 };
    static struct ring_log_cut cuts[AT_ONCE]; /* there is one thread; not on its stack */
    uint32_t n_slots = ring_parent_slots(), n = 0;
    for (uint32_t i = 0; i < n_slots; i++) {
        const struct thread_state *t = states[i];
        if (t && t->last_stamp > mark) {
            cuts[n++] = (struct ring_log_cut){.serial = t->serial, .stamp = t->last_stamp};
        }
        if (n == AT_ONCE || (n != 0 && i + 1 == n_slots)) {
            ring_log_append(RING_LOG_FORK, mark, NULL, 0, cuts, n * (uint32_t)sizeof cuts[0]);
            n = 0;
        }
    }
}

/* Their memory is taken over one by one, as slots are claimed; see map_state(). */
void thread_states_begin_child(void) {
    atomic_store(&next_probe, 0);
    thread_current = NULL;
    if (quiet_is_on) {
        quiet_begin_child();
    }
}

/* The thread's own stack ends here. pthread_getattr_np would know, but takes locks and allocates. */
static uint64_t own_stack_high(int tid) {
    uint64_t noted = quiet_is_on ? quiet_stack_high() : 0;
    if (noted) { /* also in a fork child of a thread */
        return noted;
    }
    if ((uint32_t)tid == ring_own_pid()) {
        return (uint64_t)__libc_stack_end;
    }
    return (uint64_t)__builtin_thread_pointer(); /* a thread's control block stands above its stack */
}

/* Whether the owner of a slot still lives. */
static bool is_owned(const struct ring_slot *slot, int pid, uint32_t owner) {
    return quiet_is_on ? atomic_load_explicit(&slot->gone_tid, memory_order_acquire) != owner
                       : sys_thread_exists(pid, (int)owner);
}

/* Take over the slot of a dead thread. Returns its index, or the region's cap if the few looked at are all alive. */
static uint32_t reclaim_slot(int pid, int tid) {
    uint32_t n = atomic_load_explicit(&ring->n_slots, memory_order_acquire);
    for (uint32_t i = 0; i < PROBES && i < n; i++) {
        uint32_t index = atomic_fetch_add_explicit(&next_probe, 1, memory_order_relaxed) % n;
        struct ring_slot *slot = &ring_slots[index];
        uint32_t owner = atomic_load_explicit(&slot->tid, memory_order_acquire);
        /* A live slot with this thread's own id is that of a predecessor, or of the state this one is nested in. */
        if (owner == 0 || !states[index] || (int)owner == tid || is_owned(slot, pid, owner)) {
            continue;
        }
        if (atomic_compare_exchange_strong(&slot->tid, &owner, (uint32_t)tid)) {
            atomic_store_explicit(&slot->gone_tid, 0, memory_order_relaxed);
            return index;
        }
    }
    return ring->slots.cap;
}

static const uint64_t always_zero = 0;

/* Have the scratch of t lie in that memory. */
static void set_scratch(struct thread_state *t, void *memory, uint32_t cap) {
    t->scratch = memory;
    t->unwound = memory;
    t->kept.n_frames = 0;
    t->kept.frames = (struct kept_frame *)(t->unwound + cap + 1) + 1;
    t->kept.frames[-1] = (struct kept_frame){.sp = UINT64_MAX};
    t->kept.words = (struct kept_word *)(t->kept.frames + cap) + 1;
    t->kept.words[-1] = (struct kept_word){.address = (uint64_t)&always_zero, .value = 1};
    t->kept.word_frame = (uint32_t *)(t->kept.words + (size_t)cap * KEPT_WORDS_PER_FRAME);
    t->frames_cap = cap;
}

bool thread_grow_scratch(struct thread_state *t) {
    void *memory = t->scratch;
    uint32_t cap = t->frames_cap;
    void *larger = cap < RING_FRAMES_MAX ? sys_map_private(scratch_bytes(cap * 2)) : NULL;
    if (!larger) {
        return false;
    }
    set_scratch(t, larger, cap * 2);
    if (cap > FRAMES_FIRST) { /* the first one is part of the state */
        sys_unmap(memory, scratch_bytes(cap));
    }
    return true;
}

uint64_t *thread_frame_ips(struct thread_state *t) {
    if (!t->frame_ip) {
        t->frame_ip = sys_map_private(RING_FRAMES_MAX * sizeof *t->frame_ip);
    }
    return t->frame_ip;
}

/* When quiet and all slots are taken: wait, bounded and without sleep, for the collector to say that an owner is gone. Not again once that was
 * in vain, until a slot can be had. */
static uint32_t wait_for_slot(int pid, int tid) {
    static _Atomic uint32_t is_vain;
    uint32_t index = ring->slots.cap;
    for (int i = 1; i <= TURNS_MAX && index == ring->slots.cap && !atomic_load_explicit(&is_vain, memory_order_relaxed) &&
                    atomic_load_explicit(&ring->collector_state, memory_order_relaxed) == RING_COLLECTOR_RUNNING;
         i++) {
        arch_pause();
        index = i % TURNS_PER_LOOK == 0 ? reclaim_slot(pid, tid) : index;
    }
    atomic_store_explicit(&is_vain, index == ring->slots.cap, memory_order_relaxed);
    return index;
}

/* Memory of a state, wiped by the kernel in fork children. */
static struct thread_state *map_state(uint32_t index) {
    struct thread_state *t = states[index];
    if (!t && !quiet_is_on) {
        t = sys_map_private(sizeof *t + scratch_bytes(FRAMES_FIRST));
        if (t) {
            sys_wipe_on_fork(t, ARCH_PAGE_BYTES); /* where that cannot be, lifecycle has a fork handler */
        }
        states[index] = t;
    }
    if (t && !t->scratch) {
        set_scratch(t, t + 1, FRAMES_FIRST);
    }
    return t;
}

static struct thread_state *state_new(void) {
    int tid = quiet_is_on ? quiet_thread_id() : sys_gettid();
    if (ring_own_pid() != ring->pid) {
        ring_count_lost(RING_LOST_NO_SLOT, 1); /* a vfork child in its parent's memory: the slot would outlive its owner */
        return NULL;
    }
    uint32_t index = reclaim_slot((int)ring->pid, tid);
    bool is_new = index == ring->slots.cap;
    if (is_new) {
        index = ring_slot_take();
    }
    if (index == ring->slots.cap && quiet_is_on) {
        index = wait_for_slot((int)ring->pid, tid);
        is_new = false;
    }
    struct thread_state *t = index < ring->slots.cap ? map_state(index) : NULL;
    if (!t) {
        ring_count_lost(RING_LOST_NO_SLOT, 1);
        return NULL;
    }
    if (is_new) { /* in a fork child the memory is that of one of its parent's threads */
        t->chunk = NULL;
        t->last_stamp = 0;
    }
    atomic_store_explicit(&t->is_own, 1, memory_order_relaxed);
    if (index != 0) {
        atomic_store(&ring->is_shared, 1);
    }
    if (sample_interval) {
        sample_begin(&t->sample);
    }
    struct ring_slot *slot = &ring_slots[index];
    atomic_store_explicit(&slot->tid, (uint32_t)tid, memory_order_release);
    if (atomic_load_explicit(&slot->busy, memory_order_relaxed)) {
        ring_count_lost(RING_LOST_ABANDONED, 1); /* the former owner died in a hook */
        atomic_store_explicit(&slot->busy, 0, memory_order_release);
    }
    atomic_store_explicit(&slot->pid, ring->pid, memory_order_relaxed);
    t->slot = slot;
    t->cursor = NULL;
    t->limit = NULL; /* the first event finds no room and opens a chunk of this thread's own behind the former owner's */
    uint64_t own_high = own_stack_high(tid);
    t->bounds = (struct unwind_bounds){.own_low = quiet_is_on ? quiet_stack_low(own_high) : own_high, .own_high = own_high};
    t->n_outer = 0;
    t->nested = NULL;
    t->is_libunwind_ready = false;
    t->tid = (uint32_t)tid;
    t->kept.n_frames = 0;
    return t;
}

struct thread_state *thread_attach(void) {
    if (!lifecycle_is_tracing()) {
        return NULL;
    }
    if (lifecycle_is_fork_child()) {
        lifecycle_enter_child();
        return NULL;
    }
    struct thread_state *t = state_new();
    if (t) {
        t->serial = atomic_fetch_add_explicit(&ring->n_thread_serials, 1, memory_order_relaxed) + 1;
        atomic_store_explicit(&t->phase, THREAD_READY, memory_order_relaxed);
        thread_current = t;
    }
    return t;
}

bool thread_may_be_on_alternate_stack(const struct thread_state *t, uint64_t sp) {
    return quiet_is_on ? !unwind_is_own(&t->bounds, sp, sp) : sys_on_alternate_stack();
}

/* A hook cannot still be running if code runs above it on the same stack: somebody jumped out of it. */
static bool is_abandoned(const struct thread_state *t, uint64_t sp) {
    return sp >= t->hook_sp && t->hook_sp < t->bounds.own_high && sp <= t->bounds.own_high &&
           !thread_may_be_on_alternate_stack(t, sp);
}

/* All states are taken: find one whose hook has been left for good. Only now, because what looks like it may be a stack inside
 * a stack or a user-level thread that will go on. */
static struct thread_state *take_abandoned(struct thread_state *t, uint64_t sp) {
    for (; t; t = t->nested) {
        if (is_abandoned(t, sp)) {
            ring_count_lost(RING_LOST_ABANDONED, 1);
            atomic_store_explicit(&t->slot->busy, 0, memory_order_release);
            t->n_outer = 0;
            atomic_store_explicit(&t->phase, THREAD_READY, memory_order_relaxed);
            return t;
        }
    }
    ring_count_lost(RING_LOST_NESTED, 1);
    return NULL;
}

struct thread_state *thread_nested(struct thread_state *t, uint64_t sp) {
    struct thread_state *outermost = t;
    for (uint32_t depth = 1; depth <= NESTING_MAX; depth++) {
        if (!t->nested) {
            struct thread_state *nested = state_new();
            if (!nested) {
                return NULL;
            }
            nested->serial = t->serial;
            atomic_store_explicit(&nested->phase, THREAD_READY, memory_order_relaxed);
            t->nested = nested;
        }
        t = t->nested;
        if (atomic_load_explicit(&t->phase, memory_order_relaxed) != THREAD_BUSY) {
            return t;
        }
    }
    return take_abandoned(outermost, sp);
}
