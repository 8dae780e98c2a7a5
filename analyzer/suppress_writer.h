/* suppress_writer.h - rules for what a trace has left unreleased, by names that a rebuild keeps.
 *
 * profile -> symbolize -> blame -> [suppress_writer] -> a suppression file. A rule is the way from the leaf of a stack to its blamed frame, each frame as
 * function and module: neither addresses nor lines nor inlined functions are in it. Stacks with the same way share a rule. Where the blamed frame has no name
 * it goes on to the first one outward that has, since "something in this module" would hide nearly all of a stripped program.
 */
#ifndef SEEP_SUPPRESS_WRITER_H
#define SEEP_SUPPRESS_WRITER_H

#include <stdint.h>
#include <stdio.h>

#include "blame.h"
#include "profile.h"
#include "symbolize.h"

struct suppress_summary {
    uint64_t n_rules, bytes, blocks;
    uint64_t unnamed_bytes, unnamed_blocks; /* recorded without a stack: no rule can name them */
};

/* Write one rule for each way, most bytes first. */
void suppress_write(FILE *f, const struct profile *profile, struct symbolizer *symbolizer, struct blame *blame,
                    struct suppress_summary *summary);

#endif
