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
#include "commit.h"
#include "encoder.h"
#include "fold.h"
#include "journal.h"
#include "marks.h"
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
    struct marks marks;
    struct byte_buf head;
    struct matcher_counts counts; /* of all that have ended */

    uint64_t block_since_ns; /* when the block being built got its first event */
    uint32_t n_stretch_blocks;
    bool must_checkpoint;
    const struct target *drained_dead; /* the dead target whose events are being read; NULL = none */
    uint64_t n_unwritten;              /* events of file blocks that could not be written */
    int unwritten_errno;               /* why, lately */

    uint64_t memory_read_ns, facts_ns; /* when memory was last looked at; when rare facts were last written */
    uint64_t folds_failed_written, bytes_over_written; /* as last told */
    uint64_t exec_checked_ns;
    bool is_behind; /* there is more to do at once than reading */
    struct renewal renewal;

    struct journal journal;
    uint32_t n_uncommitted_blocks; /* full ones */
    bool must_commit;
    uint32_t n_committed_threads;
    uint64_t committed_inode;                    /* of the trace */
    size_t n_committed_index, n_committed_names; /* bytes */
    struct byte_buf commit_slots, commit_ids;
    uint64_t journal_tried_ns;
    uint32_t n_journal_failures; /* one after the other */
    bool is_journal_noted;
    bool
        is_trial; /* resumed with dead processes only: nothing is committed before the end, so that it can be tried again */
    void (*on_trial_failure)(int cause); /* the trace cannot be written: errno; does not return */
    uint64_t left_limit_bytes;           /* of the trace, which that one kept; this one cannot */
    uint64_t left_mono_ns;               /* when the collector before this one committed last; 0 = there was none */
    uint64_t stopped_mono_ns;            /* in a trial the latest moment that anything is known of; else 0 */
    char **gone_rings;                   /* to be removed by the next commit */
    uint32_t n_gone_rings, cap_gone_rings;
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

/* Write out the records and the block being built. Without the commit it is not for good: a resumed collector does it again. */
void collector_write(struct collector *c);

/* The same in the middle of what is being read, with the records that the events need. */
void collector_cut(struct collector *c);

/* The same as collector_write(), and commit it. */
void collector_flush(struct collector *c);

/* The header of the first process's ring. */
static inline struct ring_header *collector_root(const struct collector *c) {
    return c->targets[0]->ring.header;
}

/* Merge and encode everything of a target that is below its watermark. Returns the number of events. */
uint64_t collector_drain(struct collector *c, struct target *t, bool is_dead);

/* It cannot go on: hooks must not wait for it. Rings stay where there is a journal to go on from. */
void collector_give_up(struct collector *c);

/* Collect until all processes are dead, then complete the trace. Returns 0, or -1 if it could not be written completely. */
int collector_run(struct collector *c) MUST_CHECK;

#endif
