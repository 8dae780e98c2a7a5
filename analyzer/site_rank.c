/* site_rank.c - the ordering half of sites.h. */
#include <stdlib.h>

#include "diag.h"
#include "sites.h"

/* Up to here inserting beats sorting: of thousands of stacks a text report shows five. */
enum { INSERT_MAX = 16 };

uint64_t cost_value(const struct cost *cost, enum site_order order) {
    switch (order) {
    case SITE_BY_CALLS:
        return cost->calls;
    case SITE_BY_PEAK:
        return cost->peak_bytes;
    case SITE_BY_UNRELEASED:
        return cost->unreleased_bytes;
    case SITE_BY_TEMPORARY:
        return cost->temporary;
    default:
        return 0;
    }
}

struct ranking {
    const struct profile *profile;
    enum site_order order;
};

static int by_site_value(const void *a, const void *b, void *context) {
    const struct ranking *r = context;
    const struct site *x = *(const struct site *const *)a, *y = *(const struct site *const *)b;
    uint64_t vx = cost_value(&x->cost, r->order), vy = cost_value(&y->cost, r->order);
    return vx != vy ? (vx > vy ? -1 : 1) : (x > y) - (x < y);
}

size_t sites_rank(const struct sites *sites, enum site_order order, const struct site **ranked) {
    size_t n_valued = 0;
    for (size_t i = 0; i < sites->n_sites; i++) {
        ranked[i] = &sites->sites[i];
        n_valued += cost_value(&ranked[i]->cost, order) != 0;
    }
    struct ranking r = {.order = order};
    qsort_r(ranked, sites->n_sites, sizeof(const struct site *), by_site_value, &r);
    return n_valued;
}

static int by_stack_value(const void *a, const void *b, void *context) {
    const struct ranking *r = context;
    const struct site_stack *x = a, *y = b;
    uint64_t vx = cost_value(profile_cost(r->profile, x->stack), r->order),
             vy = cost_value(profile_cost(r->profile, y->stack), r->order);
    return vx != vy ? (vx > vy ? -1 : 1) : (x->stack > y->stack) - (x->stack < y->stack);
}

static void rank_by_inserting(const struct site_stack *all, size_t n_all, size_t n, struct site_stack *ranked,
                              struct ranking *r) {
    size_t n_ranked = 0;
    for (size_t i = 0; i < n_all; i++) {
        if (n_ranked == n && (n == 0 || by_stack_value(&all[i], &ranked[n - 1], r) > 0)) {
            continue;
        }
        size_t at = n_ranked < n ? n_ranked++ : n - 1;
        for (; at > 0 && by_stack_value(&all[i], &ranked[at - 1], r) < 0; at--) {
            ranked[at] = ranked[at - 1];
        }
        ranked[at] = all[i];
    }
}

static void rank_by_sorting(const struct site_stack *all, size_t n_all, size_t n, struct site_stack *ranked,
                            struct ranking *r) {
    struct site_stack *sorted = xcalloc(n_all, sizeof *sorted);
    for (size_t i = 0; i < n_all; i++) {
        sorted[i] = all[i];
    }
    qsort_r(sorted, n_all, sizeof *sorted, by_stack_value, r);
    for (size_t i = 0; i < n; i++) {
        ranked[i] = sorted[i];
    }
    free(sorted);
}

size_t site_rank_stacks(const struct sites *sites, const struct site *site, enum site_order order, size_t n,
                        struct site_stack *ranked) {
    const struct site_stack *all = &sites->stacks[site->first];
    struct ranking r = {.profile = sites->profile, .order = order};
    size_t n_valued = 0;
    for (size_t i = 0; i < site->n_stacks; i++) {
        n_valued += cost_value(profile_cost(r.profile, all[i].stack), order) != 0;
    }
    if (n <= INSERT_MAX) {
        rank_by_inserting(all, site->n_stacks, n, ranked, &r);
    } else {
        rank_by_sorting(all, site->n_stacks, n, ranked, &r);
    }
    return n_valued;
}
