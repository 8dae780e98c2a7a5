/* commit_records.h - what the records of the journal hold (journal.h); how they are used stands in commit.h.
 *
 * Target ids are struct target's `id`. Whatever is read from a file is checked before it is used (restore.c).
 */
#ifndef SEEP_COLLECTOR_COMMIT_RECORDS_H
#define SEEP_COLLECTOR_COMMIT_RECORDS_H

#include <stdint.h>

#include "clock_scale.h"
#include "freed_at.h"
#include "log_reader.h"
#include "matcher.h"
#include "ring.h"
#include "thread_table.h"

enum { COMMIT_RING_BYTES = 48 };

enum commit_record {
    COMMIT_NEWCOMER = 1, /* struct commit_newcomer: a target has been added */
    COMMIT_INFOS =
        2, /* struct info_added, ids in order; in the first group all, owner TARGET_NONE: nobody needs the node any more */
    COMMIT_STACKS = 3,   /* struct stack_added */
    COMMIT_THREADS = 4,  /* struct thread_facts, in order; in the first group all */
    COMMIT_OPS = 5,      /* words of journal_ops.h */
    COMMIT_TARGET = 6,   /* struct commit_target, if it has changed */
    COMMIT_SLOTS = 7,    /* struct commit_slot of the target, for each that has changed */
    COMMIT_FINISHED = 8, /* uint32_t each: chunks of the target that go back after this commit */
    COMMIT_TARGETS = 9,  /* uint32_t each: ids of the targets that are left, in their order */
    COMMIT_INDEX = 10,   /* bytes to be added to the trace's index */
    COMMIT_RECORDS = 11, /* bytes: records that could not be written to the trace */
    COMMIT_FORKS = 13,   /* struct commit_fork of the target, for each copy that is kept for a child */
    COMMIT_WINDOW = 14,  /* struct window_event of the target, since the first of these forks */
    COMMIT_STATE = 12,   /* struct commit_state; last in each group but those of newcomers and moves */
    COMMIT_MOVE = 15,    /* struct commit_move */
    COMMIT_NAMES = 16,   /* source_names: text, each with its NUL, in the order of their numbers; in the first group all */
    COMMIT_FREED = 17,   /* struct freed_entry: what is counted and not told, all of it */
};

struct commit_newcomer {
    char ring[COMMIT_RING_BYTES];      /* its name behind "FILE.seep.ring-" */
    uint64_t start_ticks, start_stack; /* of the process, see process_watch.h */
    uint32_t pid, parent, fork_serial;
    uint32_t origin; /* enum trace_origin */
    uint32_t before; /* id of the target that this one was until exec, or TARGET_NONE */
    uint32_t unused;
    uint64_t before_end_ns; /* when it stopped to be that */
};

enum commit_target_flags {
    COMMIT_STARTED = 1,
    COMMIT_TARGET_FINISHED = 2,
    COMMIT_EXECED = 4,
    COMMIT_DEAD = 8,
};

struct commit_target {
    uint64_t flags;
    uint32_t index, parent, fork_serial, first_info, first_root, n_slots;
    uint32_t log_at, origin_kind, origin_process, unused;
    uint64_t inherited_blocks, inherited_bytes;
    uint64_t merged_stamp, n_late, last_stamp, n_damaged, n_given_back, now_ms;
    struct matcher_counts counts;
    uint64_t end_mono_ns, resident_bytes, peak_bytes;
    uint64_t window_lacks[2];
    uint64_t is_covered, covered_blocks, covered_bytes, covered_held_bytes;
    uint64_t memory_written[2], lost_written[RING_N_LOST];
};

/* Where the reading of a slot stands, and its thread. */
struct commit_slot {
    uint32_t slot, chunk, at, thread;
    uint64_t stamp;
    uint64_t is_broken;
    struct thread last;
};

/* A copy for a fork child; what is in it comes with the operations. */
struct commit_fork {
    uint32_t serial, window_from;
    uint64_t mark, until;
};

/* Another file may be the trace from here on: what was behind boundary_off is `moved_by` further behind in it. */
struct commit_move {
    uint64_t device, inode;
    uint64_t boundary_off, moved_by; /* the latter modulo 2^64: mostly to the front */
    uint64_t n_unwritten;            /* events that are in it now */
};

struct commit_state {
    uint64_t trace_bytes, trace_device, trace_inode;
    uint64_t mono_ns, processor_ns; /* when it was written; what the collector has used up to then */
    uint64_t first_event, clock_ms; /* of the encoder */
    uint32_t n_infos, n_stacks, n_threads, n_announced, n_renamed, n_processes;
    uint32_t next_target, n_names_announced;
    uint64_t n_freed; /* entries of COMMIT_FREED; 0: there is none */
    struct matcher_counts counts;
    uint64_t limit_bytes; /* of the trace, 0 = none */
    uint64_t n_unwritten, unwritten_errno;
    uint32_t n_marks, mark_first_info; /* see struct marks */
    uint32_t mark_answered_number, unused;
    uint64_t mark_answered, mark_answered_ns;
    uint64_t n_checkpoints, last_off, last_ms, last_event; /* of the index */
    uint64_t is_clock_tsc, start_stamp, start_mono_ns, base_stamp, base_ns, next_refine_ns;
    double ns_per_tick;
};

#endif
