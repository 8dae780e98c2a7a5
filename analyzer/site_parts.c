/* site_parts.c - the half of sites.h that looks into one site: its stacks' leaves and blamed frames, and which of them most of it is of. */
#include <stdlib.h>

#include "diag.h"
#include "sites.h"

static struct place place_at(const struct sites *sites, uint32_t stack, uint32_t frame) {
    const struct stack *s = &sites->profile->stacks[stack];
    if (!stack_is_frame(s)) {
        return (struct place){0};
    }
    return (struct place){.location = symbolize(sites->symbolizer, s->module, s->ip), .frame = frame, .ip = s->ip};
}

struct place site_stack_leaf(const struct sites *sites, const struct site_stack *stack) {
    return place_at(sites, stack->leaf, 0);
}

struct place site_stack_blamed(const struct sites *sites, const struct site_stack *stack, bool is_owner) {
    if (!stack_is_frame(&sites->profile->stacks[stack->leaf])) {
        return (struct place){0};
    }
    struct blame_frame blamed = blame_resolve(sites->blame, stack->leaf, is_owner);
    return place_at(sites, blamed.stack, blamed.frame);
}

/* A place that some stacks of a site have, and what these come to. */
struct part {
    struct place place;
    uint64_t value;
    bool is_used;
};

static struct part *find_part(struct part *parts, size_t n_slots, const struct place *place) {
    size_t slot = place_hash(SITE_BY_BLAME, place) & (n_slots - 1);
    while (parts[slot].is_used && !place_is_same(SITE_BY_BLAME, &parts[slot].place, place)) {
        slot = (slot + 1) & (n_slots - 1);
    }
    return &parts[slot];
}

/* The place of the most. Of several with as much, the one that had as much first. */
static struct place main_part(const struct sites *sites, const struct site *site, enum site_order order, bool is_leaf) {
    size_t n_slots = 16;
    while (n_slots < site->n_stacks * 2) {
        n_slots *= 2;
    }
    struct part *parts = xcalloc(n_slots, sizeof *parts);
    const struct part *most = NULL;
    order = cost_value(&site->cost, order) ? order : SITE_BY_CALLS;
    for (size_t i = 0; i < site->n_stacks; i++) {
        const struct site_stack *stack = &sites->stacks[site->first + i];
        uint64_t value = cost_value(profile_cost(sites->profile, stack->stack), order);
        if (value == 0) {
            continue;
        }
        struct place place = is_leaf ? site_stack_leaf(sites, stack) : site_stack_blamed(sites, stack, false);
        struct part *part = find_part(parts, n_slots, &place);
        if (!part->is_used) {
            *part = (struct part){.place = place, .is_used = true};
        }
        part->value += value;
        most = !most || part->value > most->value ? part : most;
    }
    struct place place = most ? most->place : site->at;
    free(parts);
    return place;
}

struct place site_main_leaf(const struct sites *sites, const struct site *site, enum site_order order) {
    return sites->group == SITE_BY_LEAF ? site->at : main_part(sites, site, order, true);
}

struct place site_main_blamed(const struct sites *sites, const struct site *site, enum site_order order) {
    return sites->group == SITE_BY_BLAME ? site->at : main_part(sites, site, order, false);
}
