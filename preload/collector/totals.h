/* totals.h - what all events so far amount to, info by info: what stands in for the events that a limited trace has folded (fold.h).
 *
 * Beside the encoder: matcher -> [totals]. The figures are those that a reader makes of the same tokens (analyzer/replay.h, which also says how the
 * blocks alive at the highest total are known in one pass), so that a reader can begin with them and go on. They are kept for two highest totals: that of
 * the whole tree, and that of the blocks of the info's own process, for who asks for one process alone.
 * Only with a limit. Budget: two cache lines, 3 to 8 ns an event.
 * Memory   68 bytes for each info, 12 for each thread, 64 for each process; nothing is given back
 */
#ifndef SEEP_COLLECTOR_TOTALS_H
#define SEEP_COLLECTOR_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "trace_records.h"

struct totals_info {
    uint64_t last_event; /* that touched it, counted from 1 */
    uint64_t size_bytes; /* if sampled, what a block of that size stands for */
    uint64_t calls, temporary;
    uint64_t live;         /* at the end of its process: never freed */
    uint64_t live_at_peak; /* of the tree, unless touched since */
    uint64_t live_at_own_peak;
    uint32_t stack;
    uint32_t process;
};

/* What a thread's next token may refer to; info 0 = nothing. */
struct totals_thread {
    uint32_t last_alloc;
    uint32_t last_free;
    bool was_temporary; /* that free */
    bool was_inherited;
};

struct totals_process {
    uint64_t live_bytes, peak_bytes; /* with inherited blocks */
    uint64_t own_live_bytes, own_peak_bytes, own_peak_event;
    uint64_t inherited_frees, inherited_freed_bytes;
    uint32_t last_info; /* of its own; the others follow by next_of_process. 0 = none */
    bool is_over;
};

struct totals {
    struct totals_info *infos; /* by id; 0 is none */
    uint32_t *next_of_process; /* by info: one defined before; 0 = none */
    uint32_t n_infos, cap_infos, cap_next;
    struct totals_thread *threads; /* by index */
    uint32_t cap_threads;
    struct totals_process *processes; /* by index */
    uint32_t n_processes, cap_processes;
    uint64_t sample_bytes;
    uint64_t n_events;
    uint64_t n_undone;    /* frees undone, of inherited blocks as well */
    uint64_t n_unmatched; /* frees that found no block */
    uint64_t live_bytes, peak_bytes, peak_event;
};

/* sample_bytes: the interval, 0 = every allocation is recorded. Before the first event. */
void totals_init(struct totals *t, uint64_t sample_bytes);
void totals_free(struct totals *t);

/* A process begins. */
void totals_start_process(struct totals *t, uint32_t process, uint64_t inherited_bytes);

/* It has ended, behind the last event so far: what it has not freed is not alive any more. */
void totals_end_process(struct totals *t, uint32_t process);

/* Define the next info: ids go up by one, from 1. */
void totals_define_info(struct totals *t, uint32_t id, uint64_t size_bytes, uint32_t stack, uint32_t process);

/* Apply n tokens of one process, tokens[i] of thread index threads[i]. */
void totals_add(struct totals *t, uint32_t process, const uint32_t *tokens, const uint32_t *threads, uint32_t n);

/* When the events so far were. */
struct totals_span {
    uint64_t from_ns, to_ns; /* since the start of the trace */
};

/* Append the records that say all this, FOLDED and those that go with it. */
void totals_write(const struct totals *t, struct totals_span span, struct trace_records *records);

#endif
