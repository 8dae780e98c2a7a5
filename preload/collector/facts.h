/* facts.h - the records that are not in a ring's log: threads, memory, losses, survivors, the end. Part of collect. */
#ifndef SEEP_COLLECTOR_FACTS_H
#define SEEP_COLLECTOR_FACTS_H

#include "collect.h"

/* ring: of the first process. */
void facts_start(struct collector *c, const struct ring_map *ring, const char *options);

/* THREAD records of threads seen since the last call. */
void facts_threads(struct collector *c);

/* Look at the targets' memory, at most every 100 ms. */
void facts_watch_memory(struct collector *c, uint64_t now_ns);

/* Once a second: memory, losses, later names of threads, each only if something has changed. */
void facts_every_second(struct collector *c, uint64_t now_ns);

/* NOTE about a target. */
void facts_note(struct collector *c, const struct target *t, const char *text);

/* LOST records of counts that have changed. */
void facts_losses(struct collector *c, struct target *t);

/* All that stands behind a target's last event but SURVIVORS. */
void facts_target_last(struct collector *c, struct target *t, struct process_end end);

/* SURVIVORS: what is alive at a target's end, for each of its infos; split where there are very many. */
void facts_survivors(struct collector *c, const struct target *t);

/* Add a target's counts to those of END. */
void facts_count(struct collector *c, const struct target *t);

void facts_end(struct collector *c);

#endif
