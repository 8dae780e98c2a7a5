/* sites.c - see sites.h: the claims that matter (site_claims.h) are looked up and put together by name. */
#include "sites.h"

#include <stdlib.h>

#include "diag.h"
#include "hash_mix.h"
#include "site_claims.h"

enum { BEST_MAX = 128 };

/* The values of the best sites so far, in each order that is wanted, descending. */
struct best {
    uint64_t values[SITE_N_ORDERS][BEST_MAX];
    size_t n[SITE_N_ORDERS];
    size_t top; /* more than BEST_MAX: all files matter */
    unsigned orders;
};

struct grouping {
    struct claims claims;
    uint32_t *slots; /* hash over sites: index + 1 */
    size_t n_slots;
    struct best best;
};

static void select_stacks(struct sites *sites, const uint8_t *is_wanted_cost) {
    const struct profile *p = sites->profile;
    size_t cap = 0;
    for (size_t i = 0; i < p->n_stacks; i++) {
        if (profile_cost(p, i)->calls && (!is_wanted_cost || is_wanted_cost[p->stacks[i].cost])) {
            sites->stacks = xgrow(sites->stacks, sites->n_stacks, &cap, sizeof *sites->stacks);
            sites->stacks[sites->n_stacks++] =
                (struct site_stack){.stack = (uint32_t)i, .leaf = blame_leaf(sites->blame, (uint32_t)i)};
        }
    }
}

static bool can_matter(const struct best *best, const struct claim *claim) {
    if (best->top > BEST_MAX) {
        return true;
    }
    for (unsigned order = 0; order < SITE_N_ORDERS; order++) {
        uint64_t value = best->orders >> order & 1 ? cost_value(&claim->total, (enum site_order)order) : 0;
        if (value && (best->n[order] < best->top || (best->top && value >= best->values[order][best->top - 1]))) {
            return true;
        }
    }
    return false;
}

static void remember_best(struct best *best, const struct cost *cost) {
    for (unsigned order = 0; order < SITE_N_ORDERS && best->top <= BEST_MAX; order++) {
        uint64_t *values = best->values[order], value = cost_value(cost, (enum site_order)order);
        size_t at = best->n[order];
        if (value == 0 || (at == best->top && (at == 0 || value <= values[at - 1]))) {
            continue;
        }
        at = at < best->top ? best->n[order]++ : at - 1;
        for (; at > 0 && values[at - 1] < value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

bool place_is_same(enum site_group group, const struct place *a, const struct place *b) {
    if (!a->location || !b->location) {
        return a->location == b->location;
    }
    const struct frame *x = &a->location->frames[a->frame], *y = &b->location->frames[b->frame];
    if (a->location->object != b->location->object) {
        return false;
    }
    if (group == SITE_BY_MODULE) {
        return a->location->object || a->location->offset == b->location->offset;
    }
    if (x->function != y->function) {
        return false;
    }
    if (!x->function) {
        return a->location->offset == b->location->offset;
    }
    return x->file == y->file && (group == SITE_BY_OWNER || x->line == y->line);
}

uint64_t place_hash(enum site_group group, const struct place *place) {
    const struct location *location = place->location;
    if (!location) {
        return 0;
    }
    const struct frame *f = &location->frames[place->frame];
    uint64_t name = group == SITE_BY_MODULE ? (location->object ? 0 : location->offset)
                    : !f->function
                        ? location->offset
                        : hash_mix((uintptr_t)f->function, (uintptr_t)f->file + (group == SITE_BY_OWNER ? 0 : f->line));
    return hash_mix(name, location->object);
}

/* Go through the candidates up to the one that it is; the last one is, if none before. */
static struct place place_of(struct sites *sites, const struct claims *claims, const struct candidate *candidate) {
    for (;; candidate = &claims->candidates[candidate->next - 1]) {
        struct place place = {.ip = candidate->ip};
        if (!place.ip) {
            return place;
        }
        place.location = symbolize(sites->symbolizer, candidate->module, candidate->ip);
        if (blame_choose(sites->blame, place.location, candidate->choice, &place.frame) || !candidate->next) {
            return place;
        }
    }
}

static uint32_t site_of(struct sites *sites, struct grouping *g, const struct candidate *candidate) {
    struct place place = place_of(sites, &g->claims, candidate);
    size_t slot = place_hash(sites->group, &place) & (g->n_slots - 1);
    for (; g->slots[slot]; slot = (slot + 1) & (g->n_slots - 1)) {
        if (place_is_same(sites->group, &sites->sites[g->slots[slot] - 1].at, &place)) {
            return g->slots[slot] - 1;
        }
    }
    sites->sites[sites->n_sites] = (struct site){.at = place, .cost.oldest_birth_ns = UINT64_MAX};
    g->slots[slot] = (uint32_t)sites->n_sites + 1;
    return (uint32_t)sites->n_sites++;
}

/* Look up the candidates of one file, in address order, so that debug information is gone through once. */
static void resolve_claim(struct sites *sites, struct grouping *g, const struct claim *claim) {
    size_t first_site = sites->n_sites;
    for (size_t i = 0; i < claim->n; i++) {
        struct candidate *candidate = &g->claims.candidates[g->claims.order[claim->first + i].candidate];
        if (candidate->site == NO_SITE) {
            candidate->site = site_of(sites, g, candidate);
            cost_add(&sites->sites[candidate->site].cost, &candidate->cost);
        }
    }
    for (size_t i = first_site; i < sites->n_sites; i++) {
        remember_best(&g->best, &sites->sites[i].cost);
    }
}

static void group_by_name(struct sites *sites, struct grouping *g) {
    const struct claims *claims = &g->claims;
    g->n_slots = 1024;
    while (g->n_slots < claims->n_candidates * 2) {
        g->n_slots *= 2;
    }
    g->slots = xcalloc(g->n_slots, sizeof *g->slots);
    sites->sites = xcalloc(claims->n_candidates, sizeof *sites->sites);
    for (size_t i = 0; i < claims->n_claims; i++) {
        if (claims->claims[i].n && can_matter(&g->best, &claims->claims[i])) {
            resolve_claim(sites, g, &claims->claims[i]);
        }
    }
}

/* Put each site's stacks side by side (a counting sort, so they keep their order). */
static void collect_stacks(struct sites *sites, const struct claims *claims) {
    struct site_stack *by_site = xcalloc(sites->n_stacks, sizeof *by_site);
    size_t n = 0;
    for (size_t i = 0; i < sites->n_stacks; i++) {
        uint32_t site = claims->candidates[claims->of_stack[i]].site;
        if (site != NO_SITE) {
            sites->sites[site].n_stacks++;
        }
    }
    for (size_t i = 0; i < sites->n_sites; i++) {
        sites->sites[i].first = n;
        n += sites->sites[i].n_stacks;
        sites->sites[i].n_stacks = 0;
    }
    for (size_t i = 0; i < sites->n_stacks; i++) {
        uint32_t site = claims->candidates[claims->of_stack[i]].site;
        if (site != NO_SITE) {
            by_site[sites->sites[site].first + sites->sites[site].n_stacks++] = sites->stacks[i];
        }
    }
    free(sites->stacks);
    sites->stacks = by_site;
    sites->n_stacks = n;
}

void sites_build(struct sites *sites, const struct profile *profile, struct symbolizer *symbolizer, struct blame *blame,
                 const struct sites_wanted *wanted) {
    *sites = (struct sites){.profile = profile, .symbolizer = symbolizer, .blame = blame, .group = wanted->group};
    struct grouping g = {.best = {.top = wanted->top, .orders = wanted->orders}};
    select_stacks(sites, wanted->is_wanted_cost);
    claims_make(&g.claims, sites, wanted->orders);
    group_by_name(sites, &g);
    collect_stacks(sites, &g.claims);
    claims_free(&g.claims);
    free(g.slots);
}

void sites_free(struct sites *sites) {
    free(sites->sites);
    free(sites->stacks);
    *sites = (struct sites){0};
}

struct estimate site_estimate(const struct sites *sites, const struct site *site) {
    struct estimate sum = {0};
    for (size_t i = 0; sites->profile->estimates && i < site->n_stacks; i++) {
        estimate_add(&sum, &sites->profile->estimates[sites->profile->stacks[sites->stacks[site->first + i].stack].cost]);
    }
    return sum;
}

static size_t add_shares(const struct sites *sites, const struct site *site, const struct shares *of, struct share **sum) {
    const struct profile *p = sites->profile;
    size_t n = 0, cap = 0;
    *sum = NULL;
    for (size_t i = 0; i < site->n_stacks; i++) {
        shares_add(of, p, p->stacks[sites->stacks[site->first + i].stack].cost, sum, &n, &cap);
    }
    return shares_rank(*sum, n);
}

size_t site_owners(const struct sites *sites, const struct site *site, struct share **owners) {
    return add_shares(sites, site, &sites->profile->owners, owners);
}

size_t site_births(const struct sites *sites, const struct site *site, struct share **births) {
    return add_shares(sites, site, &sites->profile->births, births);
}
