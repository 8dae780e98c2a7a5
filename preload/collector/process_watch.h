/* process_watch.h - is the target still there, and how did it end?
 *
 * A pidfd tells without a race against reused pids; where it is refused (seccomp, an old kernel), the pid with its start
 * time does. The collector is no parent of the target, so the exit status comes from what the target said in exit(), from
 * the zombie's stat, or from the pidfd after the parent has reaped it (Linux 6.15).
 */
#ifndef SEEP_COLLECTOR_PROCESS_WATCH_H
#define SEEP_COLLECTOR_PROCESS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "ring_map.h"
#include "trace_format.h"

struct process_watch {
    uint32_t pid;
    int pidfd; /* -1 = none */
    uint64_t start_ticks;
    uint64_t start_stack;
    bool is_known; /* it was alive when the watch began */
};

struct process_end {
    enum trace_end_kind kind;
    uint32_t value;
};

/* Begin to watch a process; pid 0: one that is known to be dead. */
void process_watch_open(struct process_watch *w, uint32_t pid);
void process_watch_close(struct process_watch *w);

/* True until all threads of the process are gone. */
bool process_watch_is_alive(const struct process_watch *w);

/* True once the process has replaced its program by exec, so that nothing more can come from the ring it had mapped. */
bool process_watch_has_execed(const struct process_watch *w);

/* How the process ended, as far as can be known. Call it soon after its death, before its parent reaps it. */
struct process_end process_watch_end(const struct process_watch *w, const struct ring_header *ring);

#endif
