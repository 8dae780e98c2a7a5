/* shares.h - what is unreleased of each cost, divided by something that an info belongs to: the process that holds its blocks, or the mark behind which
 * they were allocated.
 */
#ifndef SEEP_SHARES_H
#define SEEP_SHARES_H

#include <stddef.h>
#include <stdint.h>

struct profile;
struct replay;

/* What is unreleased of one cost and belongs to one of these. */
struct share {
    uint32_t cost; /* index into profile->costs */
    uint32_t of;   /* index into profile->processes, or number of a mark (0 = before the first) */
    uint64_t bytes, blocks;
};

/* In the order of costs. */
struct shares {
    struct share *shares;
    size_t n;
};

/* Divide all that is unreleased. of_info: what each info belongs to, for ids below n_infos. Context: costs have been given out
 * Memory   the caller frees shares->shares */
void shares_build(struct shares *shares, const struct profile *p, const struct replay *r, const uint32_t *of_info,
                  size_t n_infos);

/* Add one, to be summed up when all are there. cap: of the array. Memory: as above */
void shares_put(struct shares *shares, size_t *cap, const struct share *share);
void shares_sum(struct shares *shares);

/* Add the shares of one cost to an array that grows; cost is left out of them. Nothing where all of it is hidden by suppressions. */
void shares_add(const struct shares *shares, const struct profile *p, uint32_t cost, struct share **sum, size_t *n,
                size_t *cap);

/* Make those of the same one, most bytes first, equal ones in order. Returns how many are left. */
size_t shares_rank(struct share *shares, size_t n);

#endif
