/* ring_map.h - attach to a ring file and check it.
 *
 * First stage: [ring_map] -> ring_reader -> merge -> matcher -> encoder -> trace_writer. The file belongs to the traced
 * process, which may have scribbled on it, so the region table is checked once and then used from this copy only; indices
 * and words are checked where they are read.
 */
#ifndef SEEP_COLLECTOR_RING_MAP_H
#define SEEP_COLLECTOR_RING_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "ring.h"

struct ring_map {
    struct ring_header *header;
    struct ring_join *joins;
    struct ring_run *runs;
    struct ring_slot *slots;
    const uint8_t *log;
    const struct ring_node *nodes;
    struct ring_chunk *chunks;
    uint32_t cap_joins, cap_runs, cap_slots, cap_log, cap_nodes, cap_chunks;
    uint64_t start_stamp, start_mono_ns, start_real_ns;
    uint32_t pid;
    int is_clock_tsc;
    int is_quiet; /* its hooks make no system call: see ring.h */
    size_t mapped_bytes;
};

/* Map the ring open as fd.
 *
 * Returns  NULL, or the reason why this is no usable ring (a static string)
 * Memory   mapped until ring_map_detach; fd may be closed at once
 */
const char *ring_map_attach(struct ring_map *ring, int fd) MUST_CHECK;

void ring_map_detach(struct ring_map *ring);

/* Show the hooks the clock's reading. What quiet hooks count never goes back. */
void ring_map_set_clock(const struct ring_map *ring, uint64_t stamp);

/* Add to one of the counters that are the collector's. */
void ring_map_count_lost(const struct ring_map *ring, enum ring_lost kind, uint64_t n);

#endif
