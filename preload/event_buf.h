/* event_buf.h - the last stage of the hot path: an event's words into the thread's chunk, published.
 *
 * capture -> stack_intern -> [event_buf] ══ ring ══ collector
 *
 * Budget of an event: 1 clock read (none while the program has one thread), 8 (free) or 16 (allocation) bytes written, one release store to publish, two to the slot's busy flag; no
 * system call but once in some 1,300 events, when a chunk is full.
 */
#ifndef SEEP_EVENT_BUF_H
#define SEEP_EVENT_BUF_H

#include <stdatomic.h>
#include <stdint.h>

#include "clock.h"
#include "ring_file.h"
#include "thread_state.h"

/* Record with a chunk at its end, a large time step, an odd address or a size above 4 GiB. Same contract as below. size: of a free its tag, 0 = none. */
void event_put_slow(struct thread_state *t, enum ring_kind kind, uint64_t address, uint64_t size, uint32_t stack,
                    uint64_t stamp);

/* Show the collector everything up to `end`. Pairs with the acquire load in the collector's ring reader. */
ALWAYS_INLINE void event_publish(struct thread_state *t, uint64_t *end) {
    t->cursor = end;
    atomic_store_explicit(&t->chunk->n_words, (uint32_t)(end - t->chunk->words), memory_order_release);
}

/* Raise the slot's flag; to be followed by the clock read. The collector waits out the store's way to memory (ring.h). */
ALWAYS_INLINE void event_begin(struct thread_state *t) {
    atomic_store_explicit(&t->slot->busy, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

ALWAYS_INLINE void event_end(struct thread_state *t) {
    atomic_store_explicit(&t->slot->busy, 0, memory_order_release);
}

/* The stamp of an event where this is the only slot so far. To be asked for after event_begin(), and after the allocator has returned or
 * before it is called, as with the clock: see ring.h. */
ALWAYS_INLINE bool event_needs_clock(void) {
    return UNLIKELY(atomic_load_explicit(&ring->is_shared, memory_order_relaxed));
}

ALWAYS_INLINE uint64_t event_stamp_alone(const struct thread_state *t) {
    uint64_t recent = atomic_load_explicit(&ring->recent_stamp, memory_order_relaxed), next = t->last_stamp + 1;
    return recent > next ? recent : next;
}

ALWAYS_INLINE uint64_t event_stamp_after(const struct thread_state *t) {
    return event_needs_clock() ? clock_after() : event_stamp_alone(t);
}

ALWAYS_INLINE uint64_t event_stamp_before(const struct thread_state *t) {
    return event_needs_clock() ? clock_before() : event_stamp_alone(t);
}

/* Whether the short form of an event fits: room in the chunk, a small step in time, an aligned address below 2^47. */
ALWAYS_INLINE bool event_is_short(const struct thread_state *t, uint64_t address, uint64_t size, uint64_t delta) {
    return (t->cursor < t->limit) & (delta < 1u << RING_DELTA_BITS) & !(address & 7) & !(address >> 47) & !(size >> 32);
}

/* The word in front of a tagged free. */
ALWAYS_INLINE uint64_t event_tag_word(uint64_t tag, uint64_t delta) {
    return RING_TAG_BIT | tag << RING_TAG_SHIFT | delta << RING_KIND_BITS | RING_TAG; /* without the tag's own mark */
}

/* Record an allocation of size bytes at address with its stack; stamped here, after the allocator returned it.
 *
 * t        the calling thread's state, phase BUSY
 * Context  any thread, inside malloc, async-signal-safe; waits only where the ring is full (bounded)
 */
ALWAYS_INLINE void event_put_alloc(struct thread_state *t, uint64_t address, uint64_t size, uint32_t stack) {
    event_begin(t);
    uint64_t stamp = event_stamp_after(t);
    uint64_t delta = stamp - t->last_stamp;
    if (LIKELY(event_is_short(t, address, size, delta))) {
        t->last_stamp = stamp;
        uint64_t *w = t->cursor;
        w[0] = RING_ALLOC | delta << RING_KIND_BITS | address << (RING_ADDRESS_SHIFT - 3);
        w[1] = size | (uint64_t)stack << 32;
        event_publish(t, w + 2);
    } else {
        event_put_slow(t, RING_ALLOC, address, size, stack, stamp);
    }
    event_end(t);
}

/* Record that the block at address is about to be freed; stamped here, before the allocator sees it. */
ALWAYS_INLINE void event_put_free(struct thread_state *t, uint64_t address) {
    event_begin(t);
    uint64_t stamp = event_stamp_before(t);
    uint64_t delta = stamp - t->last_stamp;
    if (LIKELY(event_is_short(t, address, 0, delta))) {
        t->last_stamp = stamp;
        uint64_t *w = t->cursor;
        w[0] = RING_FREE | delta << RING_KIND_BITS | address << (RING_ADDRESS_SHIFT - 3);
        event_publish(t, w + 1);
    } else {
        event_put_slow(t, RING_FREE, address, 0, 0, stamp);
    }
    event_end(t);
}

/* The same with a tag (trace_format.h). */
ALWAYS_INLINE void event_put_free_tagged(struct thread_state *t, uint64_t address, uint64_t tag) {
    event_begin(t);
    uint64_t stamp = event_stamp_before(t);
    uint64_t delta = stamp - t->last_stamp;
    if (LIKELY(event_is_short(t, address, 0, delta))) {
        t->last_stamp = stamp;
        uint64_t *w = t->cursor;
        w[0] = event_tag_word(tag, delta);
        w[1] = RING_FREE | address << (RING_ADDRESS_SHIFT - 3);
        event_publish(t, w + 2);
    } else {
        event_put_slow(t, RING_FREE, address, tag, 0, stamp);
    }
    event_end(t);
}

/* A free when sampling, where the thread has allocated since it allocated the block. tag: 0 = none. */
void event_put_free_later(struct thread_state *t, uint64_t address, uint64_t tag);

/* Put the mark of a fork that is about to come. */
void event_put_fork(struct thread_state *t, uint32_t serial);

/* Put a mark of the program's. name: 1 + the log unit of its name, 0 = it has none. */
void event_put_mark(struct thread_state *t, uint32_t name);

/* Record that the thread's last free, of the block at address, did not happen. */
void event_put_undo(struct thread_state *t, uint64_t address);

#endif
