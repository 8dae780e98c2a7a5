/* facts.h - the records that are not in the ring's log: threads, memory, losses, survivors, the end. Part of collect. */
#ifndef SEEP_COLLECTOR_FACTS_H
#define SEEP_COLLECTOR_FACTS_H

#include "collect.h"

void facts_start(struct collector *c, const char *options);

/* THREAD records of threads seen since the last call. */
void facts_threads(struct collector *c);

/* Look at the target's memory, at most every 100 ms. */
void facts_watch_memory(struct collector *c, uint64_t now_ns);

/* Once a second: memory, losses, later names of threads, each only if something has changed. */
void facts_every_second(struct collector *c, uint64_t now_ns);

/* All that stands behind the last event but SURVIVORS and END. */
void facts_last(struct collector *c, struct process_end end);

/* NOTE: the process goes on, as another program. */
void facts_note_end(struct collector *c, bool has_execed, bool has_vanished);

/* SURVIVORS: what is alive at the end, for each info; split where there are very many. */
void facts_survivors(struct collector *c);

void facts_end(struct collector *c);

#endif
