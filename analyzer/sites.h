/* sites.h - stacks summed up by where the allocating call stands.
 *
 * profile -> symbolize -> [sites] -> report_*. A site is the innermost function of a leaf frame with its file, line and
 * module; where no name is known, each address is a site of its own (merging a whole stripped library into one line tells
 * nothing). As in heaptrack, `operator new` is no leaf: its caller is.
 *
 * Reading debug information is what a report spends its time on, so it is done as little as the answer allows: by distinct
 * leaf address, and only for files that can have one of the first sites. A site never spans two files, so a file whose
 * stacks all together come to less than the last of the best sites found so far has none of them.
 */
#ifndef SEEP_SITES_H
#define SEEP_SITES_H

#include <stddef.h>
#include <stdint.h>

#include "owners.h"
#include "profile.h"
#include "symbolize.h"
#include "trace_format.h"

enum site_order { SITE_BY_CALLS, SITE_BY_PEAK, SITE_BY_UNRELEASED, SITE_BY_TEMPORARY, SITE_N_ORDERS };

/* A stack of a site: indexes into profile->stacks. */
struct site_stack {
    uint32_t stack; /* has the cost */
    uint32_t leaf;  /* where its frames begin: itself, or further out past operator new */
};

struct site {
    const struct location *leaf; /* NULL = allocations recorded without a stack */
    uint64_t ip;                 /* of the leaf, in the process of its first stack */
    struct cost cost;
    size_t first, n_stacks; /* its part of sites.stacks */
};

struct sites {
    const struct profile *profile;
    struct site *sites;
    size_t n_sites;
    struct site_stack *stacks; /* site by site, in each in the order of the profile */
    size_t n_stacks;
};

/* Build the sites.
 *
 * top      how many of the first sites of every order are wanted: the others may or may not be there
 * Memory   sites_free() */
void sites_build(struct sites *sites, const struct profile *profile, struct symbolizer *symbolizer, size_t top);

void sites_free(struct sites *sites);

/* The figure that an order sorts by. */
uint64_t cost_value(const struct cost *cost, enum site_order order);

/* How far the site's figures may be off; all 0 unless the trace is sampled. */
struct estimate site_estimate(const struct sites *sites, const struct site *site);

/* Who holds what a site has not released: one for each process, most bytes first.
 *
 * Returns  how many; 0 where nobody does, or the trace has one process
 * Memory   the caller frees *owners */
size_t site_owners(const struct sites *sites, const struct site *site, struct owner **owners);

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

/* Whether a stack is a frame, and not a root. */
static inline bool stack_is_frame(const struct stack *stack) {
    return !trace_is_root(stack->ip) && (stack->ip != 0 || stack->parent != 0);
}

#endif
