/* newcomers.h - the processes that come to a tree: from their place in the joins of a ring to a target whose events are read. Part of
 * collect. */
#ifndef SEEP_COLLECTOR_NEWCOMERS_H
#define SEEP_COLLECTOR_NEWCOMERS_H

#include "collect.h"

/* Add a target. ring_path: see target_name_ring(), NULL = none; watched_pid: 0 if it is dead */
struct target *newcomers_add(struct collector *c, const struct ring_map *ring, char *ring_path, uint32_t watched_pid);

/* Let its events be read. Its PROCESS record is what other facts are about. */
void newcomers_start(struct collector *c, struct target *t);

/* The target of that id, NULL if there is none (any more). */
struct target *newcomers_find(const struct collector *c, uint32_t id);

/* Add those that have come, and start those that wait for nothing any more. Returns false where they came faster than they could be
 * taken in. */
bool newcomers_take(struct collector *c);

#endif
