/* stack_merge.h - stacks of the same code are one, whichever process they are of and wherever it was loaded.
 *
 * A trace has the stacks of each process apart. For the report, two are the same if their frames are: the same file (path and build-id) at the same
 * place in it.
 */
#ifndef SEEP_STACK_MERGE_H
#define SEEP_STACK_MERGE_H

#include <stdint.h>

#include "profile.h"

/* For each stack the first that is the same, itself for most. NULL where all are different, as in a trace of one process that closed no library.
 * Context  after stack_modules_assign()
 * Memory   the caller frees it */
uint32_t *stack_merge(const struct profile *profile);

#endif
