/* fake_ring.h - plays the shim: a ring file and threads that write events into it by the rules of ring.h.
 *
 * Written from ring.h alone, for tests of the collector. Stamps come from the test (deterministic) or from the clock. Not
 * a test itself; linked into those that want it.
 */
#ifndef SEEP_TESTS_FAKE_RING_H
#define SEEP_TESTS_FAKE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"

struct fake_ring {
    int fd;
    size_t bytes;
    struct ring_header *header;
    struct ring_slot *slots;
    uint8_t *log;
    struct ring_node *nodes;
    struct ring_chunk *chunks;
};

struct fake_ring_sizes {
    uint32_t slots, log_units, nodes, chunks;
};

struct fake_thread {
    struct fake_ring *ring;
    struct ring_slot *slot;
    struct ring_chunk *chunk; /* being written, NULL at first */
    uint32_t n_words;         /* written to chunk */
    uint32_t serial, tid;
    uint64_t last_stamp;
    uint64_t next_stamp; /* of the next event; 0 = ask the clock */
    uint64_t n_waits;    /* for a free chunk */
    bool stays_busy;     /* leave `busy` up after an event, as a thread that was stopped in a hook */
};

/* Make a ring in a file without a name. is_tsc as in the header; the clocks are read now. */
void fake_ring_make(struct fake_ring *r, struct fake_ring_sizes sizes, bool is_tsc);
void fake_ring_free(struct fake_ring *r);

/* Add a node of the call tree. Returns its id. */
uint32_t fake_ring_node(struct fake_ring *r, uint32_t parent, uint64_t ip);

/* Claim log units and write a record. */
void fake_ring_log(struct fake_ring *r, enum ring_log_type type, const void *payload, size_t n);

/* A new thread in the given slot; the slot's chain goes on where its last owner left it. */
void fake_thread_begin(struct fake_thread *t, struct fake_ring *r, struct fake_thread *last_owner);

void fake_alloc(struct fake_thread *t, uint64_t address, uint64_t size, uint32_t node);
void fake_free(struct fake_thread *t, uint64_t address);
void fake_undo(struct fake_thread *t, uint64_t address);

/* place: 1 + the log unit of its name */
void fake_mark(struct fake_thread *t, uint32_t place);

/* End the chunk early. */
void fake_end_chunk(struct fake_thread *t);

#endif
