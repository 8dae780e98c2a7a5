/* sites.h - stacks summed up by what they have in common.
 *
 * profile -> symbolize -> blame -> [sites] -> report_*. What a site is, its group says:
 *
 *   leaf     the innermost function of the leaf frame with its file, line and module, as in heaptrack
 *   blame    the same of the blamed frame
 *   module   the module of the blamed frame
 *   owner    the function that is the owner, whatever its line
 *
 * blame.h has what the blamed frame and the owner are. Where no name is known, each address is a site of its own (merging a whole
 * stripped library into one line tells nothing). As in heaptrack, `operator new` is no leaf: its caller is.
 *
 * Reading debug information is what a report spends its time on, so it is done as little as the answer allows: by distinct
 * address, and only for files that can have one of the first sites. A site never spans two files, so a file whose
 * stacks all together come to less than the last of the best sites found so far has none of them.
 */
#ifndef SEEP_SITES_H
#define SEEP_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "blame.h"
#include "profile.h"
#include "symbolize.h"
#include "tags.h"
#include "trace_format.h"

enum site_order { SITE_BY_CALLS, SITE_BY_PEAK, SITE_BY_UNRELEASED, SITE_BY_TEMPORARY, SITE_N_ORDERS };

enum site_group { SITE_BY_LEAF, SITE_BY_BLAME, SITE_BY_MODULE, SITE_BY_OWNER };

/* A stack of a site: indexes into profile->stacks. */
struct site_stack {
    uint32_t stack; /* has the cost */
    uint32_t leaf;  /* where its frames begin: itself, or further out past its tag and operator new */
};

/* A function at an address. */
struct place {
    const struct location *location; /* NULL = allocations recorded without a stack */
    uint32_t frame;                  /* which of its frames */
    uint64_t ip;                     /* in the process of the stack that it was met in first */
};

struct site {
    struct place at; /* what its stacks have in common; by module, the module of that; by owner, the function */
    struct cost cost;
    size_t first, n_stacks; /* its part of sites.stacks */
};

struct sites {
    const struct profile *profile;
    struct symbolizer *symbolizer;
    struct blame *blame;
    enum site_group group;
    struct site *sites;
    size_t n_sites;
    struct site_stack *stacks; /* site by site, in each in the order of the profile */
    size_t n_stacks;
};

/* What the sites are for. */
struct sites_wanted {
    enum site_group group;
    const uint8_t *is_wanted_cost; /* by cost: whether its stacks are to be there; NULL = all of them */
    unsigned orders;               /* bits 1 << order: by which of them they will be ranked */
    size_t
        top; /* how many of the first sites of each of these are wanted: the others may or may not be there, or not in full */
};

/* Build the sites.
 *
 * blame    of the same profile and symbolizer; both are used until sites_free()
 * Memory   sites_free() */
void sites_build(struct sites *sites, const struct profile *profile, struct symbolizer *symbolizer, struct blame *blame,
                 const struct sites_wanted *wanted);

void sites_free(struct sites *sites);

/* The figure that an order sorts by. */
uint64_t cost_value(const struct cost *cost, enum site_order order);

/* How far the site's figures may be off; all 0 unless the trace is sampled. */
struct estimate site_estimate(const struct sites *sites, const struct site *site);

/* Who holds what a site has not released: one for each process, most bytes first.
 *
 * Returns  how many; 0 where nobody does, or the trace has one process
 * Memory   the caller frees *owners */
size_t site_owners(const struct sites *sites, const struct site *site, struct share **owners);

/* Behind which marks what a site has not released was allocated: one for each, most bytes first; likewise. */
size_t site_births(const struct sites *sites, const struct site *site, struct share **births);

/* All sites by descending value; equal values in the order of sites.sites.
 *
 * ranked   n_sites places
 * Returns  how many have a value: the rest, at the end, have 0 */
size_t sites_rank(const struct sites *sites, enum site_order order, const struct site **ranked);

/* The first n stacks of one site by descending value; equal values in the order of the profile.
 *
 * n        at most site->n_stacks
 * ranked   n places
 * Returns  how many of all the site's stacks have a value */
size_t site_rank_stacks(const struct sites *sites, const struct site *site, enum site_order order, size_t n,
                        struct site_stack *ranked);

/* Whether two places are one to a group: the same function (by owner), and line, or the same file (by module). */
bool place_is_same(enum site_group group, const struct place *a, const struct place *b);

/* A number that is equal for places that are the same. */
uint64_t place_hash(enum site_group group, const struct place *place);

/* Where a stack of a site begins, and which of its frames is the blamed one or the owner (reads debug information). */
struct place site_stack_leaf(const struct sites *sites, const struct site_stack *stack);
struct place site_stack_blamed(const struct sites *sites, const struct site_stack *stack, bool is_owner);

/* The leaf, or the blamed frame, that most of a site is of: by the figure of an order; by calls where all of that is 0. */
struct place site_main_leaf(const struct sites *sites, const struct site *site, enum site_order order);
struct place site_main_blamed(const struct sites *sites, const struct site *site, enum site_order order);

#endif
