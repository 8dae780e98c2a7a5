/* ring_reader.h - follow each slot's chain of chunks and say up to which time everything has been seen.
 *
 * Second stage: ring_map -> [ring_reader] -> merge. A cursor per slot stands at its next unread word. Nothing is copied out of a
 * chunk before it can be merged; a chunk goes back to the hooks when its last word has been, and that is committed (commit.h).
 *
 * The watermark: a thread raises `busy`, reads the clock, publishes, lowers `busy`. If the collector reads the clock (T),
 * lets 20 us pass so that the stores of other cores have arrived, and then sees a slot idle, all that this slot
 * stamped before T is visible. A busy slot promises only its last published event. The watermark is the least of these
 * promises, and what is older can be merged. A slot that stays busy without progress for a second (2 ms if the ring is full) and
 * holds others back (a thread stopped in a hook, or killed there) is left out until it moves; what it then brings is late and counted.
 *
 * With one slot there is nothing to wait for: what it has published up to now may be read. Before is_shared is set it stamps by
 * recent_stamp, which is never older than the T of the next poll, so the promise of an idle slot holds for it, too.
 *
 * The chunks belong to the traced process: indices, counts and words are checked where they are read, and a slot whose
 * chain makes no sense is given up (n_damaged), as is one that yields more chunks than there are (a cycle).
 */
#ifndef SEEP_COLLECTOR_RING_READER_H
#define SEEP_COLLECTOR_RING_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "ring_map.h"
#include "thread_table.h"

#define RING_NEVER UINT64_MAX /* the stamp of nothing */

enum { RING_SETTLE_NS = 20000 }; /* from reading the clock to reading the flags */

/* An event as read from the ring. */
struct ring_event {
    uint64_t stamp;
    uint64_t address;
    uint64_t size_bytes; /* of an allocation; of a free its tag, 0 = none */
    uint32_t node;
    uint32_t thread : 28; /* index */
    uint32_t
        kind : 4; /* RING_ALLOC, RING_FREE, RING_FREE_LATER, RING_UNDO or RING_FORK (its serial for address, or that of a mark) */
};

/* Of a mark of the program's: this and the place of its name. No block has such an address. */
#define RING_EVENT_MARK (1ull << 63)

struct slot_cursor {
    uint32_t chunk;   /* index + 1 of the chunk being read, 0 = none yet */
    uint32_t at;      /* words read */
    uint32_t n_words; /* words known to be published */
    uint32_t thread;
    uint64_t stamp; /* of the last event read */
    uint64_t peek;  /* no unread event is older; RING_NEVER = none is known */
    uint64_t safe;  /* events to come are not older */
    uint64_t held_since_ns;
    bool is_busy;
    bool is_stalled;
    bool is_broken;
    bool is_changed; /* since the last commit */
};

struct ring_reader {
    const struct ring_map *ring;
    struct thread_table *threads;
    struct thread_serials serials;
    struct slot_cursor *cursors;
    uint32_t n_slots;
    uint32_t *finished; /* chunks read to the end, to be given back */
    uint32_t n_finished, cap_finished;
    uint64_t last_stamp; /* T of the last observation */
    uint64_t watermark;
    uint64_t n_followed; /* chunks since the last observation */
    uint64_t n_damaged;  /* places where the ring made no sense */
    uint64_t n_read_chunks;
    uint64_t n_given_back; /* as in the header */
    uint64_t ceiling;      /* no watermark is higher: RING_NEVER but while catch_up.h reads up to a moment */
};

void ring_reader_init(struct ring_reader *r, const struct ring_map *ring, struct thread_table *threads);
void ring_reader_free(struct ring_reader *r);

/* Look at all slots: set the watermark and each cursor's peek.
 *
 * settled_stamp  a reading of the clock at least RING_SETTLE_NS ago
 * recent_stamp   the header's recent_stamp, just set
 * now_ns         CLOCK_MONOTONIC
 */
void ring_reader_observe(struct ring_reader *r, uint64_t settled_stamp, uint64_t recent_stamp, uint64_t now_ns);

/* The same when the target is dead: everything up to the ceiling may be read, whatever the flags say. */
void ring_reader_observe_dead(struct ring_reader *r);

/* Read up to `cap` events of the slot that are older than `limit`. Returns how many; the cursor's peek is set. */
uint32_t ring_reader_read(struct ring_reader *r, struct slot_cursor *c, uint64_t limit, struct ring_event *events,
                          uint32_t cap);

/* A chunk has been read to its end. */
void ring_reader_finish(struct ring_reader *r, uint32_t chunk);

/* Give the finished chunks back to the hooks: what they held has been committed. */
void ring_reader_recycle(struct ring_reader *r);

#endif
