/* site_set.h - the sites of a trace by what they are called in every build (site_identity.h): what `seep diff` and `seep gate` compare.
 *
 * profile -> symbolize -> blame -> [site_set] -> diff, baseline. All stacks with allocations are in it. It differs from the sites of a report (sites.h):
 * lines do not count, and callers do.
 */
#ifndef SEEP_SITE_SET_H
#define SEEP_SITE_SET_H

#include <stddef.h>
#include <stdint.h>

#include "analysis.h"
#include "estimate.h"
#include "profile.h"
#include "site_identity.h"
#include "sites.h"
#include "string_pool.h"

struct known_site {
    struct identity id;
    struct cost cost;
    struct estimate estimate; /* all 0 unless the trace is sampled */
    struct place blamed;      /* of the heaviest stack; no location: none is known */
    uint32_t stack, leaf;     /* that stack: it has the most unreleased bytes, or the most calls where all have none */
};

struct site_set {
    struct known_site *sites; /* by key */
    size_t n;
    const char **keys; /* of each stack of the profile that of its site; NULL = it has no allocations */
};

/* Sum up what an analysis has.
 *
 * rules    those that the analysis was opened with
 * pool     names stay in it; one pool for all sets that will be matched
 * other    whose builds tell whether functions without a name may go by their places; NULL = they may not
 * Memory   site_set_free(); pool, and the analysis as long as places are looked at */
void site_set_build(struct site_set *set, const struct analysis *a, const struct blame_rules *rules,
                    struct string_pool *pool, const struct profile *other);
/* The site of a stack that has allocations; NULL = it has none. */
const struct known_site *site_set_of(const struct site_set *set, uint32_t stack);

void site_set_free(struct site_set *set);

/* identity_match() for sets. match: a->n places. */
void site_set_match(const struct site_set *a, const struct site_set *b, uint32_t *match);

#endif
