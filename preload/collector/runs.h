/* runs.h - the programs that processes of the tree run: which of them do not come to it, and why. Part of collect.
 *
 * The process that runs one says so in its ring (struct ring_run): which program, under which pid, since when. One that has joined by exec under this pid
 * since then is that program. One that has ended without, or lives on and shows why it cannot come, or has not come for a long time, is not traced: it is
 * counted, and a note says which program it was. Of why, what the process that ran it has seen of its environment, user and root counts first, then
 * what its file is.
 *
 * That a process has gone on as another program is seen from its stack (process_watch.h), but not of one that did so before it was looked at first, as
 * a fork child that execs at once: there it is seen when its program is given up, by the ring that is no longer mapped.
 */
#ifndef SEEP_COLLECTOR_RUNS_H
#define SEEP_COLLECTOR_RUNS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring_map.h"

struct collector;
struct target;

enum { RUNS_COMERS = 4096, RUNS_NOTES = 64, RUNS_BITS = 64 };

/* Who has joined by exec lately. */
struct run_comers {
    struct {
        uint32_t pid;
        uint64_t start_ns;
    } at[RUNS_COMERS];
    uint32_t n;                 /* ever */
    uint64_t notes[RUNS_NOTES]; /* hashes of what has been said: each program and cause once */
    uint32_t n_notes;
};

/* Of the runs of a process: those that have been seen to be dead, at the last look. */
struct runs {
    uint64_t dead[RING_RUNS / RUNS_BITS]; /* a bit for each */
};

/* A process has joined by exec; start_ns: when its program began, CLOCK_MONOTONIC. */
void runs_add_comer(struct run_comers *comers, uint32_t pid, uint64_t start_ns);

/* Look at the runs of a process. All that have joined must have been taken in since the last call. Returns whether one is not decided yet. */
bool runs_follow(struct collector *c, struct target *t);

/* Since when (CLOCK_MONOTONIC) the process itself has been another program that has not come so far; 0: it has not. */
uint64_t runs_own_since(const struct ring_map *ring);

#endif
