/* restore_rings.h - the rings that a killed collector has left, and whether their processes are still there. Part of restore. */
#ifndef SEEP_COLLECTOR_RESTORE_RINGS_H
#define SEEP_COLLECTOR_RESTORE_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "restore.h"
#include "restore_blocks.h"
#include "ring_map.h"

struct restored_ring {
    struct ring_map map;
    bool is_there; /* the process is, perhaps as a zombie that can be asked how it ended */
    bool is_alive;
};

/* Map the rings of all, one for each in rings[].
 *
 * A process is known by its id and the time of its start. In another namespace of ids it is told by whether anybody has the ring mapped
 * for writing, which the kernel knows where files can be leased.
 * Returns  0, or -1 with the reason in why
 * Memory   restored_rings_close() */
int restored_rings_open(struct restored_ring *rings, const struct restored_all *all, const struct restore_given *given,
                        bool is_clock_tsc, uint64_t pid_namespace, char why[JOURNAL_WHY_BYTES]) MUST_CHECK;
void restored_rings_close(struct restored_ring *rings, uint32_t n);

/* Of the chunks that were to go back after the last commit, keep those that have not: the header says how far it got. One that was just
 * being put on the list may have been, so it is never used again. Returns false where the numbers cannot be. */
bool restored_give_back(struct target *t, const struct restored *from);

#endif
