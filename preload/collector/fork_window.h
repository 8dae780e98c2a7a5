/* fork_window.h - what the threads of a process do around a fork, kept until it is known how much of it the child has seen.
 *
 * The forking thread's mark comes before the fork itself, which may wait for locks and takes its time; the others go on meanwhile. The kernel copies
 * memory in such a way that the child sees all that a thread had stored up to some moment, and nothing after: while pages are being protected a thread either
 * still writes to those that both will have, or waits at its first store until the copy is done. So the child finds in its copy of each thread's state
 * the stamp of the last event that had been recorded, its cut (RING_LOG_FORK), and what was alive at the fork is what was alive at the mark, changed by
 * the events since then that are not behind their threads' cuts.
 * Memory   32 bytes an event, at most 32 MiB for each process that forks; events beyond that are not kept
 * Source   Linux, mm/memory.c: copy_page_range; kernel/fork.c: dup_mmap, which changes to the TLB last and holds off page faults until then
 */
#ifndef SEEP_COLLECTOR_FORK_WINDOW_H
#define SEEP_COLLECTOR_FORK_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "live_map.h"
#include "ring_map.h"
#include "thread_table.h"

struct window_event {
    uint64_t stamp, address;
    struct live_block block; /* that is there now; info 0 = freed */
    uint32_t thread;
    bool is_large;
};

struct fork_window {
    struct window_event *events;
    uint32_t n, cap;
    uint64_t until;    /* events up to that stamp are wanted; 0 = none, no child is waited for */
    uint64_t lacks[2]; /* the stamps of the first and of the last event that there was no room for; 0 = none */
};

/* Forget the first n events. */
void fork_window_drop(struct fork_window *w, uint32_t n);

/* Whether events behind `from`, up to `to`, have not been kept. */
bool fork_window_lacks(const struct fork_window *w, uint64_t from, uint64_t to);

void fork_window_free(struct fork_window *w);

/* Keep an event. block: that is alive at the address now, info 0 = none any more; size_bytes: as live_map_put() was told */
void fork_window_note(struct fork_window *w, uint64_t stamp, uint32_t thread, uint64_t address, uint64_t size_bytes,
                      struct live_block block);

/* How far a fork child has seen its parent's threads. */
struct fork_cuts {
    uint64_t *by_thread; /* by the index in the thread table; 0 = up to the mark */
    uint32_t n_threads;
};

/* The latest cut that the ring of a fork child tells of; 0 = nobody did anything after the mark. */
uint64_t fork_cuts_latest(const struct ring_map *child);

/* Read them all. threads: of the parent; n_threads: in the thread table */
void fork_cuts_read(struct fork_cuts *cuts, const struct ring_map *child, const struct thread_serials *threads,
                    uint32_t n_threads);
void fork_cuts_free(struct fork_cuts *cuts);

/* Whether the child has seen that event. mark: the stamp of the fork's */
bool fork_cuts_include(const struct fork_cuts *cuts, const struct window_event *e, uint64_t mark);

#endif
