/* catch_up.h - reading all processes up to a moment, whatever each has recorded since. Part of collect. */
#ifndef SEEP_COLLECTOR_CATCH_UP_H
#define SEEP_COLLECTOR_CATCH_UP_H

#include <stdbool.h>
#include <stdint.h>

#include "collect.h"

/* After a resume: read what has gathered in the rings, all processes side by side, and commit it. */
void catch_up(struct collector *c);

/* Read everything of all processes that is older than `stamp`, and nothing else. stamp: of now, so that nothing has been read beyond it.
 *
 * Returns  false where a thread has been in a hook with an older event for patience_ns, or a process waits to be told what came with its fork: what these bring
 *          comes behind that which has been read. Nothing is committed at the end, but before there may be commits */
bool catch_up_until(struct collector *c, uint64_t stamp, uint64_t patience_ns);

#endif
