/* merge.h - bring the events of all threads into one order, a window of time at a time.
 *
 * Third stage: ring_reader -> [merge] -> matcher. A window [begin, end) takes from every slot what falls into it and sorts by
 * relative time with a radix sort, which costs the same for 2 or 250 threads (a tree of losers: 10-44 ns an event). Its
 * span adapts so that a window holds some thousand events; if it overflows, the cursors go back and it is halved. Where
 * only one slot has something, there is nothing to sort.
 * Equal stamps of different threads are settled by the matcher, which knows what is alive: merge_prefer.
 * Source: Knuth, TAOCP 3, 5.2.5 (least significant digit first).
 */
#ifndef SEEP_COLLECTOR_MERGE_H
#define SEEP_COLLECTOR_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "ring_reader.h"

enum {
    MERGE_INDEX_BITS = 13,
    MERGE_EVENTS = 1 << MERGE_INDEX_BITS, /* of a window; with keys some 400 KiB, so that they stay in the L2 cache */
};

/* Room for a window; those of several processes take turns. */
struct merge_space {
    struct ring_event *events;
    uint64_t *keys; /* relative time << MERGE_INDEX_BITS | index; sorted when is_sorted */
    uint64_t *other_keys;
};

struct merge {
    struct ring_reader *reader;
    struct merge_space *space;
    uint32_t n;
    bool is_sorted;        /* events are to be taken by keys; otherwise as they stand */
    uint64_t merged_stamp; /* everything older has been handed out */
    uint64_t span;         /* ticks of the next window */
    uint64_t n_late;
    uint32_t *active; /* slots that have events below the watermark */
    uint32_t n_active;
    struct slot_cursor *saved; /* of the active slots, to go back to */
};

void merge_space_init(struct merge_space *space);
void merge_space_free(struct merge_space *space);

/* Windows stay valid until another merge of the same space goes on. */
void merge_init(struct merge *m, struct ring_reader *reader, struct merge_space *space);
void merge_free(struct merge *m);

/* Choose the slots to take from; after each ring_reader_observe. */
void merge_begin(struct merge *m);

/* Take the next window. Returns false when everything below the watermark has been handed out; n may be 0 before. */
bool merge_next(struct merge *m);

/* The i-th event in order. */
ALWAYS_INLINE struct ring_event *merge_at(const struct merge *m, uint32_t i) {
    return &m->space->events[m->is_sorted ? m->space->keys[i] & (MERGE_EVENTS - 1) : i];
}

/* Event i does not fit what is alive. If one with the same stamp, of another thread and with the opposite effect on the
 * same address, stands behind it, let it (and what its thread did before it at that stamp) go first.
 * Returns whether the order has changed: event i is another one now. */
COLD bool merge_prefer(struct merge *m, uint32_t i);

#endif
