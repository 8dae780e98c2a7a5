/* restore.h - from a journal (journal_read.h) back to a collector as it was at its last commit.
 *
 * Everything that the journal says is checked against the rings and against itself before it is used.
 */
#ifndef SEEP_COLLECTOR_RESTORE_H
#define SEEP_COLLECTOR_RESTORE_H

#include <stdbool.h>

#include "collect.h"
#include "journal_read.h"

/* What is known besides. */
struct restore_given {
    const char *ring_base; /* see collect.h; stays the caller's */
    int trace_fd;
    bool is_dead; /* believe that all processes are dead */
};

/* Make a collector of it; nothing is written yet.
 *
 * Returns  how many of its processes are alive, or -1 with the reason in why: the collector is then good for nothing
 * Memory   collector_free() */
int restore(struct collector *c, const struct journal_read *journal, const struct restore_given *given,
            char why[JOURNAL_WHY_BYTES]) MUST_CHECK;

#endif
