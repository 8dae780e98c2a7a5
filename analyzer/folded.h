/* folded.h - totals that stand in a limited trace for its oldest events.
 *
 * records -> [folded] -> replay: the replay begins with what these events came to, and goes on with those that are left. That is exact (see
 * preload/collector/totals.h, which made them); only when something happened among them is gone. The figures are read before they are applied, because the
 * definitions of the infos and the processes have to be known.
 */
#ifndef SEEP_FOLDED_H
#define SEEP_FOLDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "profile.h"
#include "replay.h"
#include "varint.h"

struct folded_info {
    uint32_t id;
    uint64_t calls;
    uint64_t live; /* or left by a process that is over */
    uint64_t temporary;
    uint64_t at_peak, at_own_peak; /* alive at the highest total: of all processes, of its own */
};

struct folded_process {
    uint32_t index;
    uint64_t peak_bytes; /* with inherited blocks */
    uint64_t inherited_frees, inherited_freed_bytes;
};

struct folded_thread {
    uint32_t index, last_alloc, last_free; /* infos */
    bool was_temporary, was_inherited;
};

struct folded {
    bool is_seen;  /* FOLDED was read */
    bool is_taken; /* by the replay */
    uint64_t n_events, from_ns, to_ns;
    uint64_t n_undone, n_unmatched;
    struct folded_info *infos;
    struct folded_process *processes;
    struct folded_thread *threads;
    size_t n_infos, n_processes, n_threads, cap_infos, cap_processes, cap_threads;
};

void folded_free(struct folded *f);

/* Read a record's payload. Returns false if it is malformed; what is malformed is left out. */
bool folded_read(struct folded *f, struct byte_reader *in);
bool folded_read_infos(struct folded *f, struct byte_reader *in);
bool folded_read_processes(struct folded *f, struct byte_reader *in);
bool folded_read_threads(struct folded *f, struct byte_reader *in);

/* Let the replay begin with it, once. profile: its processes and, from here on, its folded events are right.
 *
 * Returns  events that were folded and of which the totals were not read: they are in damaged parts */
uint64_t folded_apply(struct folded *f, struct replay *r, struct profile *profile);

#endif
