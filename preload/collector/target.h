/* target.h - one traced process: its ring, and what is known of it.
 *
 *   ring_map ─► ring_reader ─► merge ─► matcher ─► the trace, which all targets share
 *
 * A process that calls exec becomes another target of the same pid.
 */
#ifndef SEEP_COLLECTOR_TARGET_H
#define SEEP_COLLECTOR_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "clock_scale.h"
#include "commit_records.h"
#include "joins.h"
#include "log_reader.h"
#include "matcher.h"
#include "merge.h"
#include "process_watch.h"
#include "ring_map.h"
#include "ring_reader.h"
#include "runs.h"
#include "thread_table.h"

struct target {
    uint32_t id;    /* in the order of coming */
    uint32_t index; /* the process's number in the trace, from its start on: those that wait have none yet */
    struct ring_map ring;
    struct ring_reader reader;
    struct merge merge;
    struct matcher matcher;
    struct log_reader log;
    struct process_watch watch;
    struct joins joins;
    struct runs runs;
    char *ring_path;                        /* NULL = it has no name */
    uint64_t answer_seen_ns[RING_REQUESTS]; /* since when an answer waits to be fetched, CLOCK_MONOTONIC; 0 = none does */
    char ring_name[COMMIT_RING_BYTES];      /* its end, behind ".ring-" */

    uint32_t fork_serial; /* of the mark in its parent's events that it still waits for; 0 = none */
    uint32_t parent;      /* id of the target that it came from; TARGET_NONE = not known */
    uint64_t waits_since_ns;
    uint64_t started_ns;
    bool has_execed;
    uint64_t
        execed_ns; /* when that was seen before the new program had joined; 0 = it was not, or the program has joined */
    uint64_t inherited_memory_bytes; /* see forks_release() */
    uint64_t end_mono_ns;            /* when another program took its place; 0 = not known to the ns */
    uint32_t first_info;             /* no info below is its own */
    bool is_dead;                    /* nothing more can come from it */
    bool is_started;                 /* its PROCESS record is there, and its events are read */
    bool is_finished;                /* all is read and told; it stays while others may join by its ring */
    bool is_late_death;              /* it died while nobody watched */
    uint64_t slots_checked_ns;       /* when target_free_slots() last looked */

    uint64_t resident_bytes, peak_bytes; /* as last seen */
    uint64_t memory_written[2];
    uint64_t lost_written[RING_N_LOST];
    struct commit_target committed; /* as last written to the journal */
};

#define TARGET_NONE UINT32_MAX

/* What targets share. */
struct target_space {
    struct thread_table *threads;
    struct clock_scale *clock;
    struct encoder *encoder;
    struct matcher_space *matchers;
};

/* Begin with an attached ring.
 *
 * id           see there
 * watched_pid  0 if it is dead
 * Memory       the ring becomes the target's; target_free() */
void target_init(struct target *t, const struct ring_map *ring, uint32_t id, uint32_t watched_pid,
                 const struct target_space *space);
void target_free(struct target *t);

/* Note where its ring is: path ends in ".ring-" and a name, or is of no use to others.
 * Memory  the path becomes the target's */
void target_name_ring(struct target *t, char *path);

/* Give it its number, before anything of it is read. */
void target_start(struct target *t, uint32_t index);

/* Whether a fork child has to wait for its parent's events up to the fork; not for longer than patience_ns. */
bool target_must_wait(const struct target *t, const struct target *parent, uint64_t patience_ns);

/* Have what was alive in its parent at the fork. n_threads: in the thread table. Returns what to say where that is not known, or not all; else NULL. */
const char *target_inherit(struct target *t, struct target *parent, uint32_t n_threads);

/* Let go of what is kept for children that will not come, or have not for that long. */
void target_drop_forks(struct target *t, uint64_t patience_ns);

/* At its end: what was alive is told, and its memory is wanted. */
void target_forget_blocks(struct target *t);

/* Whether anything more can come from it. must_check: whether it has called exec is asked for, too (that it has joined anew tells this as well). */
bool target_is_alive(struct target *t, bool must_check);

/* Quiet hooks cannot ask whether the owner of a slot still lives: mark those slots whose owner is gone. */
void target_free_slots(struct target *t, uint64_t now_ns);

/* Whether the program that it has become may still join. */
bool target_may_return(const struct target *t, uint64_t patience_ns);

#endif
