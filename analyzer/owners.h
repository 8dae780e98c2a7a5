/* owners.h - which processes hold unreleased blocks. Only where a trace has several: one that is alone owns everything. */
#ifndef SEEP_OWNERS_H
#define SEEP_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#include "profile.h"
#include "replay.h"

/* What one process has not released of one cost. */
struct owner {
    uint32_t cost;    /* index into profile->costs */
    uint32_t process; /* index into profile->processes */
    uint64_t bytes, blocks;
};

/* Fill in profile->owners, in the order of costs. Context: costs have been given out */
void owners_build(struct profile *p, const struct replay *r);

/* Add the owners of one cost to an array that grows; cost is left out of them. */
void owners_add(const struct profile *p, uint32_t cost, struct owner **owners, size_t *n, size_t *cap);

/* Make those of the same process one, most bytes first. Returns how many are left. */
size_t owners_rank(struct owner *owners, size_t n);

#endif
