/* event_buf.c - the rare halves of recording an event; see event_buf.h. */
#include "event_buf.h"

#include "hook.h"
#include "quiet.h"
#include "ring_file.h"
#include "sys.h"

bool clock_is_tsc;

enum {
    ADDRESS_UNIT_SHIFT = 3, /* what of an address is not kept in a word */
    WAIT_STEP_NS = 1000000,
    WAIT_STEPS_MAX = 500, /* half a second in all before events are dropped */
    TURNS_MAX = 1 << 20,  /* when quiet: 10 to 50 ms without sleep, of which the collector should need 5 to come */
    TURNS_PER_LOOK = 64,
};

COLD uint64_t clock_other(void) {
    bool is_counted = quiet_is_on || (sys_is_tsc_barred && ring->is_clock_tsc);
    return is_counted ? atomic_fetch_add(&ring->recent_stamp, 1) + 1 : sys_mono_ns();
}

void clock_leave_tsc(void) {
    if (clock_is_tsc && ring) {
        uint64_t now = arch_tsc_after(), seen = atomic_load(&ring->recent_stamp);
        while (seen < now && !atomic_compare_exchange_weak(&ring->recent_stamp, &seen, now)) {
        }
    }
    sys_is_tsc_barred = true;
    clock_is_tsc = false;
}

/* Set when a wait for the collector was in vain: from then on hooks drop at once, until a chunk can be had again. */
static _Atomic uint32_t is_stalled;

static bool is_worth_waiting(void) {
    return atomic_load_explicit(&ring->collector_state, memory_order_acquire) == RING_COLLECTOR_RUNNING &&
           !atomic_load_explicit(&is_stalled, memory_order_relaxed);
}

/* The same without a system call. */
static uint32_t wait_quietly(void) {
    uint32_t taken = 0;
    for (int i = 1; i <= TURNS_MAX && !taken && is_worth_waiting(); i++) {
        arch_pause();
        taken = i % TURNS_PER_LOOK == 0 ? ring_chunk_take() : 0;
    }
    return taken;
}

/* Wait, bounded, for the collector to give chunks back. */
static uint32_t wait_for_chunk(void) {
    if (quiet_is_on) {
        return wait_quietly();
    }
    for (int i = 0; i < WAIT_STEPS_MAX; i++) {
        if (!is_worth_waiting()) {
            return 0;
        }
        ring_wait_for_collector(ring, WAIT_STEP_NS);
        uint32_t taken = ring_chunk_take();
        if (taken) {
            return taken;
        }
    }
    return 0;
}

/* Not so in a fork child, made by a handler that interrupted this hook: the stream is the parent's. */
static bool is_own(const struct thread_state *t) {
    return atomic_load_explicit(&t->is_own, memory_order_relaxed) != 0;
}

/* Continue the thread's stream in a new chunk. Returns false if there is none to be had. */
static bool open_chunk(struct thread_state *t, uint64_t stamp) {
    uint32_t taken = ring_chunk_take();
    if (!taken) {
        taken = wait_for_chunk();
    }
    atomic_store_explicit(&is_stalled, taken == 0, memory_order_relaxed);
    if (!taken || !is_own(t)) {
        return false;
    }
    struct ring_chunk *chunk = &ring_chunks[taken - 1];
    atomic_store_explicit(&chunk->n_words, 0, memory_order_relaxed);
    atomic_store_explicit(&chunk->next, 0, memory_order_relaxed);
    chunk->thread_serial = t->serial;
    chunk->tid = t->tid;
    chunk->pid = ring->pid;
    /* A thread that takes over a slot starts its own time; time within one stream never goes back. */
    chunk->base_stamp = t->chunk && t->last_stamp < stamp ? t->last_stamp : stamp;
    t->last_stamp = chunk->base_stamp;
    if (t->chunk) {
        atomic_store_explicit(&t->chunk->next, taken, memory_order_release);
    } else {
        atomic_store_explicit(&t->slot->first_chunk, taken, memory_order_release);
    }
    t->chunk = chunk;
    t->cursor = chunk->words;
    t->limit = chunk->words + RING_CHUNK_WORDS - RING_EVENT_WORDS_MAX;
    return true;
}

/* Words of an event whose address or size do not fit the short form. Returns the first word behind it. */
static uint64_t *put_wide(uint64_t *w, enum ring_kind kind, uint64_t delta, uint64_t address, uint64_t size,
                          uint32_t stack) {
    uint64_t time = delta << RING_KIND_BITS;
    switch (kind) {
    case RING_ALLOC:
        *w++ = RING_ALLOC_WIDE | time;
        *w++ = address;
        *w++ = size;
        *w++ = stack;
        break;
    case RING_FREE:
    case RING_FREE_LATER:
        *w++ = RING_FREE_WIDE | time;
        *w++ = address;
        break;
    default:
        *w++ = (uint64_t)kind | time;
        *w++ = address;
        break;
    }
    return w;
}

static void put_slow(struct thread_state *t, enum ring_kind kind, uint64_t address, uint64_t size, uint32_t stack,
                     uint64_t stamp) {
    if (t->cursor >= t->limit) {
        if (!is_own(t)) {
            return;
        }
        /* This may wait for the collector, and the collector must not wait for an old stamp of this slot meanwhile. */
        event_end(t);
        bool is_open = open_chunk(t, stamp);
        event_begin(t);
        if (!is_open) {
            ring_count_lost(RING_LOST_RING_FULL, is_own(t));
            return;
        }
        stamp = event_stamp_after(t);
    }
    uint64_t *w = t->cursor;
    /* After a move to another core the clock may be a few ticks behind: time stands still until it has caught up. */
    uint64_t delta = stamp > t->last_stamp ? stamp - t->last_stamp : 0;
    t->last_stamp += delta;
    if (delta >> RING_DELTA_BITS) {
        *w++ = RING_TIME | delta << RING_KIND_BITS;
        delta = 0;
    }
    if ((kind == RING_FREE || kind == RING_FREE_LATER) && size) {
        *w++ = event_tag_word(size, delta);
        delta = size = 0;
    }
    bool is_wide = kind == RING_UNDO || (address & 7) || address >> 47 || size >> 32;
    if (is_wide) {
        w = put_wide(w, kind, delta, address, size, stack);
    } else {
        *w++ = (uint64_t)kind | delta << RING_KIND_BITS | address << (RING_ADDRESS_SHIFT - 3);
        if (kind == RING_ALLOC) {
            *w++ = size | (uint64_t)stack << 32;
        }
    }
    event_publish(t, w);
}

COLD void event_put_slow(struct thread_state *t, enum ring_kind kind, uint64_t address, uint64_t size, uint32_t stack,
                         uint64_t stamp) {
    if (LIKELY(is_own(t))) {
        put_slow(t, kind, address, size, stack, stamp);
        return;
    }
    /* A signal handler forked when this hook had just looked up its thread's state. In the child there is another, or the same one anew. */
    struct thread_state *own = thread_current ? thread_current : thread_attach();
    if (hook_is_ready(own)) {
        hook_enter(own, (uint64_t)__builtin_frame_address(0));
        event_begin(own);
        put_slow(own, kind, address, size, stack, event_stamp_after(own));
        event_end(own);
        hook_leave(own, THREAD_READY);
    }
}

COLD void event_put_free_later(struct thread_state *t, uint64_t address, uint64_t tag) {
    event_begin(t);
    event_put_slow(t, RING_FREE_LATER, address, tag, 0, event_stamp_before(t));
    event_end(t);
}

COLD void event_put_fork(struct thread_state *t, uint32_t serial) {
    event_begin(t);
    event_put_slow(t, RING_FORK, (uint64_t)serial << ADDRESS_UNIT_SHIFT, 0, 0, event_stamp_after(t));
    event_end(t);
}

COLD void event_put_mark(struct thread_state *t, uint32_t name) {
    uint64_t address = RING_MARK_BIT >> (RING_ADDRESS_SHIFT - ADDRESS_UNIT_SHIFT) | (uint64_t)name << ADDRESS_UNIT_SHIFT;
    event_begin(t);
    event_put_slow(t, RING_FORK, address, 0, 0, event_stamp_after(t));
    event_end(t);
}

COLD void event_put_undo(struct thread_state *t, uint64_t address) {
    event_begin(t);
    event_put_slow(t, RING_UNDO, address, 0, 0, event_stamp_after(t));
    event_end(t);
}
