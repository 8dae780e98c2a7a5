/* sites.c - see sites.h.
 *
 *   stacks with cost --(module, ip)--> leaves --file--> claims --symbolize--> locations --name--> sites
 *     10^5 .. 10^6                     10^3 .. 10^4     1 a file   the claims that matter          fewer
 */
#include "sites.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "hash_mix.h"

enum { NO_SITE = UINT32_MAX, BEST_MAX = 128 };

/* A distinct leaf address, what it costs, and where it belongs. */
struct leaf {
    uint64_t ip;
    uint32_t module, object;
    uint32_t site;
    bool is_operator_new;
    struct cost cost;
};

/* What one file's leaves come to together. */
struct claim {
    struct cost total;
    size_t first, n_leaves; /* its part of grouping.order */
};

/* The values of the best sites so far, in each order, descending. */
struct best {
    uint64_t values[SITE_N_ORDERS][BEST_MAX];
    size_t n[SITE_N_ORDERS];
    size_t top; /* more than BEST_MAX: all files matter */
};

struct grouping {
    struct symbolizer *symbolizer;
    struct leaf *leaves;
    size_t n_leaves, cap_leaves;
    uint32_t *order; /* indexes of leaves, file by file in address order */
    uint32_t *slots; /* hash over leaves, later over sites: index + 1 */
    size_t n_slots;
    uint32_t *stack_leaf; /* by position in sites->stacks */
    struct claim *claims; /* by object number */
    size_t n_claims;
    struct best best;
};

static void select_stacks(struct sites *sites) {
    const struct profile *p = sites->profile;
    size_t cap = 0;
    for (size_t i = 0; i < p->n_stacks; i++) {
        if (profile_cost(p, i)->calls) {
            sites->stacks = xgrow(sites->stacks, sites->n_stacks, &cap, sizeof *sites->stacks);
            sites->stacks[sites->n_stacks++] = (struct site_stack){.stack = (uint32_t)i, .leaf = (uint32_t)i};
        }
    }
}

static void grow_leaf_slots(struct grouping *g) {
    g->n_slots = g->n_slots ? g->n_slots * 2 : 1024;
    free(g->slots);
    g->slots = xcalloc(g->n_slots, sizeof *g->slots);
    for (size_t i = 0; i < g->n_leaves; i++) {
        size_t slot = hash_mix(g->leaves[i].ip, g->leaves[i].module) & (g->n_slots - 1);
        while (g->slots[slot]) {
            slot = (slot + 1) & (g->n_slots - 1);
        }
        g->slots[slot] = (uint32_t)i + 1;
    }
}

static bool is_operator_new(const char *function) {
    return function && strncmp(function, "operator new", 12) == 0 && (function[12] == '(' || function[12] == '[');
}

static uint32_t leaf_of(struct grouping *g, const struct stack *stack) {
    bool is_frame = stack_is_frame(stack);
    uint64_t ip = is_frame ? stack->ip : 0;
    uint32_t module = is_frame ? stack->module : 0;
    if (g->n_leaves * 2 >= g->n_slots) {
        grow_leaf_slots(g);
    }
    size_t slot = hash_mix(ip, module) & (g->n_slots - 1);
    for (; g->slots[slot]; slot = (slot + 1) & (g->n_slots - 1)) {
        const struct leaf *leaf = &g->leaves[g->slots[slot] - 1];
        if (leaf->ip == ip /* NOLINT(clang-analyzer-core.NullDereference): a slot in use has a leaf */ &&
            leaf->module == module) {
            return g->slots[slot] - 1;
        }
    }
    g->leaves = xgrow(g->leaves, g->n_leaves, &g->cap_leaves, sizeof *g->leaves);
    g->leaves[g->n_leaves] =
        (struct leaf){.ip = ip,
                      .module = module,
                      .object = symbolizer_object(g->symbolizer, module),
                      .site = NO_SITE,
                      .is_operator_new = is_operator_new(symbolize_function(g->symbolizer, module, ip)),
                      .cost.oldest_birth_ns = UINT64_MAX};
    g->slots[slot] = (uint32_t)g->n_leaves + 1;
    return (uint32_t)g->n_leaves++;
}

static void group_by_address(struct grouping *g, struct sites *sites) {
    const struct stack *stacks = sites->profile->stacks;
    g->stack_leaf = xcalloc(sites->n_stacks, sizeof *g->stack_leaf);
    for (size_t i = 0; i < sites->n_stacks; i++) {
        struct site_stack *s = &sites->stacks[i];
        uint32_t leaf = leaf_of(g, &stacks[s->leaf]);
        while (g->leaves[leaf].is_operator_new && /* NOLINT(clang-analyzer-core.NullDereference): leaf_of made it */
               stacks[s->leaf].parent < s->leaf && stack_is_frame(&stacks[stacks[s->leaf].parent])) {
            s->leaf = stacks[s->leaf].parent;
            leaf = leaf_of(g, &stacks[s->leaf]);
        }
        g->stack_leaf[i] = leaf;
        cost_add(&g->leaves[leaf].cost, profile_cost(sites->profile, s->stack));
    }
}

static int by_object_then_address(const void *a, const void *b, void *context) {
    const struct leaf *leaves = context;
    const struct leaf *x = &leaves[*(const uint32_t *)a], *y = &leaves[*(const uint32_t *)b];
    if (x->object != y->object) {
        return x->object < y->object ? -1 : 1;
    }
    if (x->module != y->module) {
        return x->module < y->module ? -1 : 1;
    }
    return (x->ip > y->ip) - (x->ip < y->ip);
}

/* Put the leaves in order and sum them up by file. */
static void make_claims(struct grouping *g, const struct profile *profile) {
    g->order = xcalloc(g->n_leaves, sizeof *g->order);
    g->n_claims = profile->n_modules + 1; /* object numbers are dense and not more than modules */
    g->claims = xcalloc(g->n_claims, sizeof *g->claims);
    for (size_t i = 0; i < g->n_leaves; i++) {
        g->order[i] = (uint32_t)i;
    }
    qsort_r(g->order, g->n_leaves, sizeof *g->order, by_object_then_address, g->leaves);
    for (size_t i = 0; i < g->n_leaves; i++) {
        const struct leaf *leaf = &g->leaves[g->order[i]];
        struct claim *claim = &g->claims[leaf->object];
        claim->first = claim->n_leaves++ ? claim->first : i;
        cost_add(&claim->total, &leaf->cost);
    }
}

static bool can_matter(const struct best *best, const struct claim *claim) {
    if (best->top > BEST_MAX) {
        return true;
    }
    for (unsigned order = 0; order < SITE_N_ORDERS; order++) {
        uint64_t value = cost_value(&claim->total, (enum site_order)order);
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

static bool is_same_site(const struct location *a, const struct location *b) {
    if (a == b) {
        return true;
    }
    if (!a || !b || a->object != b->object || a->frames[0].function != b->frames[0].function) {
        return false;
    }
    return a->frames[0].function ? a->frames[0].file == b->frames[0].file && a->frames[0].line == b->frames[0].line
                                 : a->offset == b->offset;
}

static uint64_t site_hash(const struct location *location) {
    if (!location) {
        return 0;
    }
    const struct frame *f = &location->frames[0];
    uint64_t name = f->function ? hash_mix((uintptr_t)f->function, (uintptr_t)f->file + f->line) : location->offset;
    return hash_mix(name, location->object);
}

static uint32_t site_of(struct sites *sites, struct grouping *g, const struct leaf *leaf) {
    const struct location *location = leaf->ip ? symbolize(g->symbolizer, leaf->module, leaf->ip) : NULL;
    size_t slot = site_hash(location) & (g->n_slots - 1);
    for (; g->slots[slot]; slot = (slot + 1) & (g->n_slots - 1)) { /* NOLINT(clang-analyzer-core.NullDereference): made */
        if (is_same_site(sites->sites[g->slots[slot] - 1].leaf, location)) {
            return g->slots[slot] - 1;
        }
    }
    sites->sites[sites->n_sites] = (struct site){.leaf = location, .ip = leaf->ip, .cost.oldest_birth_ns = UINT64_MAX};
    g->slots[slot] = (uint32_t)sites->n_sites + 1;
    return (uint32_t)sites->n_sites++;
}

/* Look up the leaves of one file, in address order, so that debug information is gone through once. */
static void resolve_claim(struct sites *sites, struct grouping *g, const struct claim *claim) {
    size_t first_site = sites->n_sites;
    for (size_t i = 0; i < claim->n_leaves; i++) {
        struct leaf *leaf = &g->leaves[g->order[claim->first + i]];
        leaf->site = site_of(sites, g, leaf);
        cost_add(&sites->sites[leaf->site].cost, &leaf->cost);
    }
    for (size_t i = first_site; i < sites->n_sites; i++) {
        remember_best(&g->best, &sites->sites[i].cost);
    }
}

static int by_calls(const void *a, const void *b) {
    const struct claim *x = a, *y = b;
    return (x->total.calls < y->total.calls) - (x->total.calls > y->total.calls);
}

static void group_by_name(struct sites *sites, struct grouping *g) {
    sites->sites = xcalloc(g->n_leaves, sizeof *sites->sites);
    if (g->n_leaves) {
        memset(g->slots, 0, g->n_slots * sizeof *g->slots);
    }
    /* The files with most to say first, so that the others can be told from what is enough. */
    qsort(g->claims, g->n_claims, sizeof *g->claims, by_calls);
    for (size_t i = 0; i < g->n_claims; i++) {
        if (g->claims[i].n_leaves && can_matter(&g->best, &g->claims[i])) {
            resolve_claim(sites, g, &g->claims[i]);
        }
    }
}

/* Put each site's stacks side by side (a counting sort, so they keep their order). */
static void collect_stacks(struct sites *sites, const struct grouping *g) {
    struct site_stack *by_site = xcalloc(sites->n_stacks, sizeof *by_site);
    size_t n = 0;
    for (size_t i = 0; i < sites->n_stacks; i++) {
        uint32_t site = g->leaves[g->stack_leaf[i]].site;
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
        uint32_t site = g->leaves[g->stack_leaf[i]].site;
        if (site != NO_SITE) {
            by_site[sites->sites[site].first + sites->sites[site].n_stacks++] = sites->stacks[i];
        }
    }
    free(sites->stacks);
    sites->stacks = by_site;
    sites->n_stacks = n;
}

void sites_build(struct sites *sites, const struct profile *profile, struct symbolizer *symbolizer, size_t top) {
    *sites = (struct sites){.profile = profile};
    struct grouping g = {.symbolizer = symbolizer, .best.top = top};
    select_stacks(sites);
    group_by_address(&g, sites);
    make_claims(&g, profile);
    group_by_name(sites, &g);
    collect_stacks(sites, &g);
    free(g.leaves);
    free(g.order);
    free(g.slots);
    free(g.stack_leaf);
    free(g.claims);
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

size_t site_owners(const struct sites *sites, const struct site *site, struct owner **owners) {
    const struct profile *p = sites->profile;
    size_t n = 0, cap = 0;
    *owners = NULL;
    for (size_t i = 0; i < site->n_stacks; i++) {
        owners_add(p, p->stacks[sites->stacks[site->first + i].stack].cost, owners, &n, &cap);
    }
    return owners_rank(*owners, n);
}
