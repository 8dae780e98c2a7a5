/* commit_groups.h - what a commit writes to the journal: groups of the records of commit_records.h. When it does is commit.c's.
 *
 * All return as journal_end() does.
 */
#ifndef SEEP_COLLECTOR_COMMIT_GROUPS_H
#define SEEP_COLLECTOR_COMMIT_GROUPS_H

#include <stdint.h>

#include "attributes.h"
#include "commit.h"

/* A file of its own that says all that is known. */
int commit_write_snapshot(struct collector *c) MUST_CHECK;

/* What has changed since the last commit. */
int commit_write_changes(struct collector *c) MUST_CHECK;

/* As commit_newcomer() and commit_move(). */
int commit_write_newcomer(struct collector *c, const struct target *t, const struct target *before) MUST_CHECK;
int commit_write_move(struct collector *c, const struct trace_writer *to, const struct fold_boundary *boundary) MUST_CHECK;

/* The sizes of all structs that are written, added up. */
uint32_t commit_record_bytes(void);

#endif
