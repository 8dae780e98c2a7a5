/* collect.h - the collector as a whole: the loop that moves events from the rings of a tree of processes to the trace, and its orderly end.
 *
 *   ring ─► ring_reader ─► merge ─► matcher ─► encoder ─► trace_writer ─► FILE.seep
 *   log  ─► log_reader  ─────────► records ─────────────► trace_writer
 *
 * Each process is a target with a ring of its own; they take turns, so that the order between processes is as fine as the polls (at most 20 ms).
 */
#ifndef SEEP_COLLECTOR_COLLECT_H
#define SEEP_COLLECTOR_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "clock_scale.h"
#include "encoder.h"
#include "fold.h"
#include "renewal.h"
#include "runs.h"
#include "target.h"
#include "thread_table.h"
#include "trace_records.h"
#include "trace_writer.h"

struct collector {
    struct target *
        *targets; /* those that are not done with; the first one stays, since programs started by exec join by its ring */
    uint32_t n_targets, cap_targets;
    uint32_t n_adopted, n_processes; /* ever; those that have a number */
    const char *ring_base;           /* rings are called so, and ".ring-<pid>-<number>"; NULL = nobody can join */
    struct run_comers comers;
    struct clock_scale clock;
    struct thread_table threads;
    struct encoder encoder;
    struct matcher_space matchers;
    struct trace_records records;
    struct trace_writer writer;
    struct fold fold;
    struct byte_buf head;
    struct matcher_counts counts; /* of all that have ended */

    uint64_t block_since_ns; /* when the block being built got its first event */
    uint32_t n_stretch_blocks;
    bool must_checkpoint;
    uint64_t n_unwritten; /* events of file blocks that could not be written */
    int unwritten_errno;  /* why, lately */

    uint64_t memory_read_ns, facts_ns; /* when memory was last looked at; when rare facts were last written */
    uint64_t folds_failed_written, bytes_over_written; /* as last told */
    uint64_t exec_checked_ns;
    struct renewal renewal;
};

/* Begin a trace in fd, an empty file open for reading and writing, from the attached ring of the first process: header and START are
 * written at once.
 *
 * place        where the file is; limit_bytes 0: it may grow without limit, and the rest does not matter
 * watched_pid  that process, 0 if it is dead
 * options      text for the START record
 * Returns      0, or -1 with errno set: the file cannot be written
 * Memory       the ring becomes the collector's; the descriptor in writer.fd, which a fold changes, stays the caller's
 */
int collector_init(struct collector *c, const struct ring_map *ring, int fd, const struct fold_place *place,
                   uint32_t watched_pid, const char *options) MUST_CHECK;
void collector_free(struct collector *c);

/* Write out the records and the block being built. */
void collector_flush(struct collector *c);

/* The header of the first process's ring. */
static inline struct ring_header *collector_root(const struct collector *c) {
    return c->targets[0]->ring.header;
}

/* Collect until all processes are dead, then complete the trace. Returns 0, or -1 if it could not be written completely. */
int collector_run(struct collector *c) MUST_CHECK;

#endif
