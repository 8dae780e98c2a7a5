/* forks.h - what was alive at each fork, kept for the child until it joins.
 *
 * The parent puts a mark into its events before it forks; when the matcher comes to it, the live map is copied. Blocks in the copy are marked as
 * inherited: their infos stay the parent's. A mark whose child does not come (the fork failed, it died at once) is dropped after a while.
 * Memory   a live map for each, and for each child that has taken one; all together at most an eighth of the machine's memory: forks beyond that are
 *          not copied
 */
#ifndef SEEP_COLLECTOR_FORKS_H
#define SEEP_COLLECTOR_FORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "live_map.h"

enum {
    FORKS_MAX = 4096, /* waiting for their children; beyond, the oldest are dropped */
};

#define FORKS_BIRTH_INHERITED UINT32_MAX

struct fork_copy {
    uint32_t serial;
    uint64_t made_ns;
    struct live_map live;
    uint64_t blocks, bytes; /* in it */
    uint64_t memory_bytes;  /* that it takes */
};

struct forks {
    struct fork_copy *copies;
    uint32_t n;
    uint32_t *promised; /* serials whose children have joined and wait */
    uint32_t n_promised, cap_promised;
};

void forks_free(struct forks *forks);

/* Keep a copy for the fork of that serial. sizes: of each info. */
void forks_add(struct forks *forks, uint32_t serial, const struct live_map *live, const uint64_t *sizes);

/* A child has joined, before its mark has been met. */
void forks_promise(struct forks *forks, uint32_t serial);
bool forks_are_promised(const struct forks *forks, uint32_t serial);

/* Hand out the copy of that fork. Returns false if there is none.
 * Memory  copy->live becomes the caller's */
bool forks_take(struct forks *forks, uint32_t serial, struct fork_copy *copy);

/* Give back what a copy that was handed out has taken. */
void forks_release(uint64_t memory_bytes);

/* Drop copies older than that many ns. */
void forks_expire(struct forks *forks, uint64_t age_ns);

#endif
