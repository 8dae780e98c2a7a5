/* restore_target.h - one process as the journal has it, put into a target. Part of restore. */
#ifndef SEEP_COLLECTOR_RESTORE_TARGET_H
#define SEEP_COLLECTOR_RESTORE_TARGET_H

#include <stdbool.h>

#include "collect.h"
#include "restore_blocks.h"

/* Fill in a target whose ring is mapped. all: what is known of the whole tree. Returns false where something makes no sense.
 * Memory  its live map and copies for fork children become the target's */
bool restored_fill(struct collector *c, const struct commit_state *all, struct target *t, struct restored *from);

#endif
