/* sample.h - record only some allocations, chosen so that totals can be estimated: `sample=BYTES`.
 *
 * hook -> [sample] -> capture
 *
 * Points are strewn over the bytes that a thread allocates, one in BYTES on average and independent of each other (a Poisson process). An
 * allocation that is hit by a point is recorded, so one of `size` bytes is with probability 1 - exp(-size / BYTES), and every recorded one
 * stands for the inverse of that. The distance to the next point is exponential, and needs no memory of what was before.
 *
 * Frees of blocks that were not recorded are turned away by two tables: how many recorded blocks share a hash, in 8 KiB that stay in the
 * first-level cache, and behind it which ones. A bucket that ever overflowed lets all its frees through; the collector ignores those
 * of blocks that it does not know.
 *
 * Source: Horvitz and Thompson, A generalization of sampling without replacement, JASA 47 (1952), for the estimate; the same scheme
 * is used and described by tcmalloc ("How sampling in TCMalloc works") and by Perfetto's heapprofd.
 * Budget: an allocation not recorded 1 addition, 1 branch; a free of one 1 multiplication, 1 load, 1 branch.
 */
#ifndef SEEP_SAMPLE_H
#define SEEP_SAMPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"

enum { SAMPLE_FILTER_BITS = 12 };

/* A thread's part. */
struct sample_state {
    int64_t bytes_left;    /* to the next point; negative once it has been passed */
    int64_t left_at_last;  /* the same right after the last recorded allocation: unchanged = no other allocation since */
    uint64_t last_address; /* of that allocation */
    uint64_t last_freed;   /* block whose free was recorded last; a free that did not happen is undone only if it was */
    uint64_t random;
};

/* Bytes from point to point, on average; 0 = record every allocation. Set once, before the first event. */
extern HIDDEN uint64_t sample_interval;

/* How many recorded blocks that are alive share a hash of their address. */
extern HIDDEN _Atomic uint16_t sample_filter[1 << SAMPLE_FILTER_BITS];

/* Prepare the table of recorded blocks. Returns 0 or a negative error. Context: once, at the start. */
MUST_CHECK int sample_init(uint64_t interval);

/* Begin a thread's part. */
void sample_begin(struct sample_state *s);

/* Note that the block is recorded, and go on to the next point. */
void sample_take(struct sample_state *s, uint64_t address);

/* The second half of sample_has_free. */
bool sample_has_free_slow(uint64_t address);

/* Note that the recorded block that was just freed is alive after all. */
void sample_put_back(uint64_t address);

/* Whether an allocation of that many bytes is to be recorded. An empty one counts as a byte. */
ALWAYS_INLINE bool sample_is_hit(struct sample_state *s, size_t size) {
    s->bytes_left -= size ? (int64_t)size : 1;
    return UNLIKELY(s->bytes_left < 0);
}

ALWAYS_INLINE uint32_t sample_filter_index(uint64_t address) {
    return (uint32_t)((address * 0x9E3779B97F4A7C15u) >> (64 - SAMPLE_FILTER_BITS));
}

/* Whether a block may be a recorded one. */
ALWAYS_INLINE bool sample_may_have(uint64_t address) {
    return UNLIKELY(atomic_load_explicit(&sample_filter[sample_filter_index(address)], memory_order_relaxed) != 0);
}

/* Whether the free of a block is to be recorded; it is no recorded block any more. */
ALWAYS_INLINE bool sample_has_free(uint64_t address) {
    return sample_may_have(address) && sample_has_free_slow(address);
}

/* Whether the free of that block may be the thread's temporary one: it has allocated nothing since, recorded or not. */
ALWAYS_INLINE bool sample_is_last(const struct sample_state *s, uint64_t address) {
    return s->last_address == address && s->bytes_left == s->left_at_last;
}

#endif
