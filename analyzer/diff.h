/* diff.h - two traces held against each other: what each site and all of them together came to, before and now.
 *
 *   BASE ─► site_set ─┐
 *                     ├─ site_set_match ─► pairs ─► diff_text, diff_json
 *   FILE ─► site_set ─┘
 *
 * Each figure of a site has its own verdict: of a site that allocates in both, a leak may be new. In sampled traces what is within
 * DIFF_STANDARD_ERRORS standard errors of the difference is no change. Nothing is scaled: of runs of different length both figures are told as they are, and
 * totals per second, and per mark where both have marks, besides.
 */
#ifndef SEEP_DIFF_H
#define SEEP_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis.h"
#include "attributes.h"
#include "site_set.h"

enum { DIFF_STANDARD_ERRORS = 2 };

enum diff_figure {
    DIFF_UNRELEASED_BYTES,
    DIFF_UNRELEASED_BLOCKS,
    DIFF_PEAK_BYTES,
    DIFF_CALLS,
    DIFF_ALLOCATED_BYTES,
    DIFF_TEMPORARY,
    DIFF_N_FIGURES,
};

enum diff_verdict { DIFF_NEW, DIFF_GREW, DIFF_SHRANK, DIFF_GONE, DIFF_SAME, DIFF_N_VERDICTS };

/* One figure, before and now. */
struct diff_change {
    uint64_t base, now;
    double error; /* standard error of the difference; 0 = exact */
    enum diff_verdict verdict;
};

/* A site of either trace, or of both. */
struct diff_site {
    const struct known_site *base, *now; /* NULL = not there */
    struct diff_change changes[DIFF_N_FIGURES];
};

struct diff {
    const struct analysis *base, *now;
    struct site_set base_set, now_set;
    struct string_pool pool;
    struct diff_site *sites;
    size_t n;
    struct diff_change totals[DIFF_N_FIGURES];
    double threshold; /* share of the figure before that a site may differ by without being called changed */
};

/* Compare. Context: both analyses stay open until diff_free(). */
void diff_build(struct diff *d, const struct analysis *base, const struct analysis *now, const struct blame_rules *rules,
                double threshold);
void diff_free(struct diff *d);

/* All sites, those that got worse by a figure first, the most first; then those that got better, the most first; then the others. Equal ones by key.
 * ranked: d->n places */
void diff_rank(const struct diff *d, enum diff_figure figure, const struct diff_site **ranked);

/* How many sites have each verdict for a figure. Those that have none of it in either trace are not counted. */
void diff_count(const struct diff *d, enum diff_figure figure, size_t counts[DIFF_N_VERDICTS]);

/* The site's name, as it is now. */
static inline const struct known_site *diff_known(const struct diff_site *site) {
    return site->now ? site->now : site->base;
}

/* Whether its functions were called otherwise before. */
bool diff_is_renamed(const struct diff_site *site);

const char *diff_verdict_name(enum diff_verdict verdict);
const char *diff_figure_name(enum diff_figure figure); /* as a key of JSON */

/* Write it. top: sites of each section; first: whose section comes first. */
void diff_text(FILE *f, const struct diff *d, enum diff_figure first, size_t top);

/* The same for programs: one JSON object. Keys are a contract: they may be added to, never changed. What is not known is null.
 *
 * base, file   about the traces: {path, command, runtime_seconds, marks, sample_bytes, complete, recording, lost_events, events_missing, suppressed_bytes, suppressed_blocks}
 *                marks: how many; the others as in the report's "trace"
 * totals       {calls, allocated_bytes, peak_bytes, unreleased_bytes, unreleased_blocks, temporary}
 *                each {base, file, difference, standard_error, verdict, base_per_second, file_per_second, base_per_mark, file_per_mark}
 *   difference        file - base
 *   standard_error    of the difference, in sampled traces; 0 = exact
 *   verdict           "new" (none in BASE), "gone" (none in FILE), "grew", "shrank", "same"
 *   …_per_second      by the runtime of each trace; of peak_bytes there is none
 *   …_per_mark        only where both traces have marks
 * sort         the figure that the sites are sorted by
 * counts       {new, grew, shrank, gone, same} how many sites, by that figure; those without any of it in both are not counted
 * sites        [{key, base_key, verdict, function, file, line, module, calls, …}] what is worse first; the first --top of them
 *   key               "FUNCTION < CALLER < CALLER [MODULE]", see site_identity.h; base_key: what it was called in BASE. null = not there
 *   verdict           of the figure of --sort
 *   function, …       the blamed function of its heaviest stack, in FILE; in BASE, if it is gone
 *   calls, …          {base, file, difference, standard_error, verdict} as in totals
 *
 * Returns 0, or -1 if it could not be written in full. */
MUST_CHECK int diff_json(FILE *f, const struct diff *d, enum diff_figure sort, size_t top);

#endif
