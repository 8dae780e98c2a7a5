/* coverage_judge.h - what of the bytes that a process's allocator had in use at exit the traced blocks account for.
 *
 * The recorder has asked the allocator and, at that very event, added up the live blocks of the trace as the allocator holds them (coverage.h). What
 * is left over passed seep by, unless it is one of these, which are allowed for and never more than
 *
 *   32 KiB and 8 for each thread    before the recorder is there, and the allocator's own tables
 *   a page for each mapped block    glibc: a large block has a mapping of its own, which ends at a page
 *   what threads' caches may hold   glibc: freed blocks that it counts as in use: of each size no more than the caches have places for (threads times
 *                                   7, see cache_blocks), and no more than were ever freed. A block may be of the next size: glibc leaves no rest of 16 bytes
 *
 *   what alignments have added      jemalloc: it rounds up to an alignment; glibc: pvalloc()
 *
 * A fork child has its parent's heap, so it is allowed what its parent was. Below 95 % the report warns: healthy programs stay above 98.
 */
#ifndef SEEP_COVERAGE_JUDGE_H
#define SEEP_COVERAGE_JUDGE_H

#include <stdbool.h>

#include "profile.h"
#include "replay.h"

/* Judge each process that was measured. Context: the replay is finished */
void coverage_judge(struct profile *p, const struct replay *r);

/* Whether there is a figure for it, and why not: NULL where there is one. */
bool coverage_is_measured(const struct profile *p, const struct process *process);
const char *coverage_missing(const struct profile *p, const struct process *process);

/* The share of the bytes in use that is accounted for, 0 to 1, and whether it is too small to rely on the figures. */
double coverage_share(const struct coverage *c);
bool coverage_is_low(const struct coverage *c);

/* Add up all measured processes that were chosen. Returns how many. *lowest: the one with the smallest share, NULL = none was */
size_t coverage_sum(const struct profile *p, struct coverage *sum, const struct process **lowest);

/* For people and programs; NULL if it is none of those that can be asked, or several. */
const char *coverage_allocator_name(const struct coverage *c);

#endif
