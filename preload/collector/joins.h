/* joins.h - the processes that come to a tree: places in a ring's joins, as far as they are not done with.
 *
 * A place is claimed before a fork and becomes ready in the child, a moment later; where no child comes it is given back, as soon as the child
 * is known to be dead, else after a while. Places are
 * claimed in the order of the header's next_join, which is raised first: a place that is found free is about to be claimed.
 */
#ifndef SEEP_COLLECTOR_JOINS_H
#define SEEP_COLLECTOR_JOINS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring_map.h"

enum { JOINS_BITS = 64 };

struct pending_join {
    uint32_t place;
    uint64_t since_ns;
};

struct joins {
    uint32_t seen; /* claims looked at */
    struct pending_join pending[RING_JOINS];
    uint32_t n_pending;
    uint64_t is_pending[RING_JOINS / JOINS_BITS]; /* a bit for each place */
};

/* Learn of claims since the last call. */
void joins_refresh(struct joins *j, const struct ring_map *ring);

/* Take the next process that is ready, or has failed. place: its place, to be given back by joins_release(). Returns false if there is none. */
bool joins_take(struct joins *j, const struct ring_map *ring, struct ring_join *join, uint32_t *place);
void joins_release(const struct ring_map *ring, uint32_t place);

/* Find the places in use, where another collector has looked before. */
void joins_find(struct joins *j, const struct ring_map *ring);

/* All processes are dead: nobody comes any more by a place that is only claimed. */
void joins_forget_claimed(struct joins *j, const struct ring_map *ring);

/* Whether the fork of that mark has a place: not if it has failed. */
bool joins_are_claimed(struct joins *j, const struct ring_map *ring, uint32_t fork_serial);

/* Whether somebody may still come by a place: pending for less than age_ns, and no child known to be dead. Other claims are given back, and counted
 * as children that were not traced. */
bool joins_are_expected(struct joins *j, const struct ring_map *ring, uint64_t age_ns);

#endif
