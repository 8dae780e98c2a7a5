/* site_claims.c - see site_claims.h. */
#include "site_claims.h"

#include <stdlib.h>

#include "diag.h"
#include "hash_mix.h"

static bool is_same_candidate(const struct candidate *a, const struct candidate *b) {
    return a->ip == b->ip && a->module == b->module && a->next == b->next && a->choice == b->choice;
}

static size_t slot_of(const struct claims *c, const struct candidate *candidate) {
    uint64_t hash = hash_mix(candidate->ip, candidate->module);
    hash = candidate->next ? hash_mix(hash, candidate->next) : hash;
    size_t slot = hash & (c->n_slots - 1);
    while (c->slots[slot] && !is_same_candidate(&c->candidates[c->slots[slot] - 1], candidate)) {
        slot = (slot + 1) & (c->n_slots - 1);
    }
    return slot;
}

static void grow_slots(struct claims *c) {
    c->n_slots = c->n_slots ? c->n_slots * 2 : 1024;
    free(c->slots);
    c->slots = xcalloc(c->n_slots, sizeof *c->slots);
    for (size_t i = 0; i < c->n_candidates; i++) {
        c->slots[slot_of(c, &c->candidates[i])] = (uint32_t)i + 1;
    }
}

/* Returns its index. */
static uint32_t enter(struct claims *c, const struct sites *sites, struct candidate candidate) {
    if (c->n_candidates * 2 >= c->n_slots) {
        grow_slots(c);
    }
    size_t slot = slot_of(c, &candidate);
    if (!c->slots[slot]) {
        candidate.object = symbolizer_object(sites->symbolizer, candidate.module);
        candidate.site = NO_SITE;
        candidate.cost.oldest_birth_ns = UINT64_MAX;
        c->candidates = xgrow(c->candidates, c->n_candidates, &c->cap_candidates, sizeof *c->candidates);
        c->candidates[c->n_candidates++] = candidate;
        c->slots[slot] = (uint32_t)c->n_candidates;
    }
    return c->slots[slot] - 1;
}

static void find_candidates(const struct sites *sites, uint32_t leaf, struct blame_path *path) {
    if (sites->group != SITE_BY_LEAF) {
        blame_find(sites->blame, leaf, sites->group == SITE_BY_OWNER, path);
        return;
    }
    path->candidates = path->candidates ? path->candidates : xgrow(NULL, 0, &path->cap, sizeof *path->candidates);
    path->candidates[0] = (struct blame_candidate){.stack = leaf, .choice = BLAME_INNERMOST};
    path->n = 1;
}

/* The first candidate of a stack; those behind it are entered before it, so that it can name its next. */
static uint32_t enter_stack(struct claims *c, const struct sites *sites, uint32_t leaf, struct blame_path *path) {
    const struct stack *stacks = sites->profile->stacks;
    if (!stack_is_frame(&stacks[leaf])) {
        return enter(c, sites, (struct candidate){.choice = BLAME_INNERMOST});
    }
    uint32_t next = 0;
    find_candidates(sites, leaf, path);
    for (size_t i = path->n; i-- > 0;) {
        const struct stack *stack = &stacks[path->candidates[i].stack];
        next = enter(c, sites,
                     (struct candidate){
                         .ip = stack->ip, .module = stack->module, .choice = path->candidates[i].choice, .next = next}) +
               1;
    }
    return next - 1;
}

static bool is_claimed_before(const struct claims *c, uint32_t first, uint32_t up_to) {
    for (uint32_t i = first; i != up_to; i = c->candidates[i].next - 1) {
        if (c->candidates[i].object == c->candidates[up_to].object) {
            return true;
        }
    }
    return false;
}

static int by_object_then_address(const void *a, const void *b, void *context) {
    const struct candidate *candidates = context;
    const struct claimed *c = a, *d = b;
    const struct candidate *x = &candidates[c->candidate], *y = &candidates[d->candidate];
    if (c->object != d->object) {
        return c->object < d->object ? -1 : 1;
    }
    if (x->module != y->module) {
        return x->module < y->module ? -1 : 1;
    }
    return x->ip != y->ip ? (x->ip < y->ip ? -1 : 1) : (c->candidate > d->candidate) - (c->candidate < d->candidate);
}

/* All files in which the place may turn out to be. Only what stacks begin with costs anything. */
static void claim_for_files(struct claims *c) {
    for (uint32_t i = 0; i < c->n_candidates; i++) {
        for (uint32_t at = i; c->candidates[i].cost.calls; at = c->candidates[at].next - 1) {
            if (!is_claimed_before(c, i, at)) {
                c->order = xgrow(c->order, c->n_order, &c->cap_order, sizeof *c->order);
                c->order[c->n_order++] = (struct claimed){.candidate = i, .object = c->candidates[at].object};
            }
            if (!c->candidates[at].next) {
                break;
            }
        }
    }
    if (c->n_order) {
        qsort_r(c->order, c->n_order, sizeof *c->order, by_object_then_address, c->candidates);
    }
}

static int by_value(const void *a, const void *b, void *context) {
    const struct claim *x = a, *y = b;
    enum site_order order = *(const enum site_order *)context;
    uint64_t vx = cost_value(&x->total, order), vy = cost_value(&y->total, order);
    return vx != vy ? (vx > vy ? -1 : 1) : (x->first > y->first) - (x->first < y->first);
}

static void sum_up_by_file(struct claims *c, const struct sites *sites, unsigned orders) {
    c->n_claims = sites->profile->n_modules + 1; /* object numbers are dense and not more than modules */
    c->claims = xcalloc(c->n_claims, sizeof *c->claims);
    for (size_t i = 0; i < c->n_order; i++) {
        struct claim *claim = &c->claims[c->order[i].object];
        claim->first = claim->n++ ? claim->first : i;
        cost_add(&claim->total, &c->candidates[c->order[i].candidate].cost);
    }
    /* The files with most to say first, so that the others can be told from what is enough. */
    enum site_order order = SITE_BY_CALLS;
    while (order + 1 < SITE_N_ORDERS && !(orders >> order & 1)) {
        order++;
    }
    qsort_r(c->claims, c->n_claims, sizeof *c->claims, by_value, &order);
}

void claims_make(struct claims *claims, const struct sites *sites, unsigned orders) {
    struct blame_path path = {0};
    *claims = (struct claims){.of_stack = xcalloc(sites->n_stacks, sizeof *claims->of_stack)};
    for (size_t i = 0; i < sites->n_stacks; i++) {
        uint32_t candidate = enter_stack(claims, sites, sites->stacks[i].leaf, &path);
        claims->of_stack[i] = candidate;
        cost_add(&claims->candidates[candidate].cost, profile_cost(sites->profile, sites->stacks[i].stack));
    }
    free(path.candidates);
    claim_for_files(claims);
    sum_up_by_file(claims, sites, orders);
}

void claims_free(struct claims *claims) {
    free(claims->candidates);
    free(claims->slots);
    free(claims->of_stack);
    free(claims->order);
    free(claims->claims);
}
