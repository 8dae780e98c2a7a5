/* renewal.h - outlive the limit of processor time (RLIMIT_CPU) that the host hands down.
 *
 * The collector uses as much time as a busy host does, and would be killed with it, before it has read what is left; only root may
 * raise the limit. But the kernel counts each process by itself: well before the limit the collector forks, the child goes on with
 * everything it has (files, locks, rings, tables), and the parent ends.
 */
#ifndef SEEP_COLLECTOR_RENEWAL_H
#define SEEP_COLLECTOR_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct renewal {
    uint64_t limit_ns;   /* 0 = there is none */
    uint64_t due_ns;     /* of this process's processor time */
    uint64_t earlier_ns; /* processor time of those before it */
};

/* Note the limit as it is for this process. */
void renewal_init(struct renewal *r);

/* Whether it is time to go on in a child. */
bool renewal_is_due(const struct renewal *r);

/* As fork(): 0 in the child, which is to go on; its id in the parent, which is to end; -1 where no process can be made: a later call
 * tries again. */
pid_t renewal_fork(struct renewal *r);

/* Processor time of the collector, all its lives together. */
uint64_t renewal_processor_ns(const struct renewal *r);

#endif
