/* suppressions.c - see suppressions.h. */
#include "suppressions.h"

#include <stdlib.h>

#include "diag.h"
#include "estimate.h"
#include "shares.h"
#include "suppression_match.h"
#include "suppression_rules.h"

enum { UNUSED_SHOWN = 10 };

/* One part of the rules. */
struct part {
    struct suppression_matcher *matcher;
    struct suppressed *rules; /* of that part */
    bool *is_used;
};

static uint64_t less(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* Take what one cost has not released out of the figures of all that it is summed up in; those of processes come from owners. */
static void hide(struct profile *p, uint32_t number) {
    struct cost *cost = &p->costs[number];
    p->total.unreleased_bytes = less(p->total.unreleased_bytes, cost->unreleased_bytes);
    p->total.unreleased_blocks = less(p->total.unreleased_blocks, cost->unreleased_blocks);
    p->total.suppressed_bytes += cost->unreleased_bytes;
    p->total.suppressed_blocks += cost->unreleased_blocks;
    cost->suppressed_bytes += cost->unreleased_bytes;
    cost->suppressed_blocks += cost->unreleased_blocks;
    cost->unreleased_bytes = cost->unreleased_blocks = 0;
    cost->oldest_birth_ns = UINT64_MAX;
    if (p->estimates) {
        struct estimate *e = &p->estimates[number];
        e->unreleased_blocks = e->var_unreleased_bytes = e->var_unreleased_blocks = 0;
    }
}

/* What the total has of costs that are no whole numbers, or no sums. */
static void sum_up_again(struct profile *p) {
    p->total.oldest_birth_ns = UINT64_MAX;
    p->estimate.unreleased_blocks = p->estimate.var_unreleased_bytes = p->estimate.var_unreleased_blocks = 0;
    for (size_t i = 1; i < p->n_costs; i++) {
        uint64_t birth_ns = p->costs[i].oldest_birth_ns;
        p->total.oldest_birth_ns = birth_ns < p->total.oldest_birth_ns ? birth_ns : p->total.oldest_birth_ns;
        if (p->estimates) {
            p->estimate.unreleased_blocks += p->estimates[i].unreleased_blocks;
            p->estimate.var_unreleased_bytes += p->estimates[i].var_unreleased_bytes;
            p->estimate.var_unreleased_blocks += p->estimates[i].var_unreleased_blocks;
        }
    }
}

/* Those of processes, and the list of who holds what. */
static void hide_from_processes(struct profile *p) {
    size_t n_kept = 0;
    for (size_t i = 0; i < p->owners.n; i++) {
        struct share owner = p->owners.shares[i];
        if (!p->suppressed_by[owner.cost]) {
            p->owners.shares[n_kept++] = owner;
            continue;
        }
        struct cost *total = &p->processes[owner.of].total;
        total->unreleased_bytes = less(total->unreleased_bytes, owner.bytes);
        total->unreleased_blocks = less(total->unreleased_blocks, owner.blocks);
        total->suppressed_bytes += owner.bytes;
        total->suppressed_blocks += owner.blocks;
    }
    p->owners.n = n_kept;
    sum_up_again(p);
    if (p->n_processes == 1) {
        p->processes[0].total = p->total;
    }
}

/* Hold a stack against one part of the rules. Returns the rule's place in that part, or SUPPRESSION_NO_RULE. */
static uint32_t match(struct part *part, uint32_t stack, bool is_unreleased) {
    return part->matcher ? suppression_match(part->matcher, stack, is_unreleased ? part->is_used : NULL)
                         : (uint32_t)SUPPRESSION_NO_RULE;
}

/* Add a stack to what a rule hides. */
static void count(struct suppressed *by, const struct cost *cost) {
    by->bytes += cost->unreleased_bytes;
    by->blocks += cost->unreleased_blocks;
    by->calls += cost->calls;
    by->n_stacks++;
}

static void look_at(struct suppressions *s, struct profile *p, struct part parts[2], uint32_t stack) {
    const struct cost cost = *profile_cost(p, stack);
    uint32_t number = p->stacks[stack].cost, rule = match(&parts[0], stack, cost.unreleased_blocks);
    bool is_builtin = rule == SUPPRESSION_NO_RULE;
    rule = is_builtin ? match(&parts[1], stack, cost.unreleased_blocks) : rule;
    if (rule == SUPPRESSION_NO_RULE) {
        return;
    }
    bool is_applied = !is_builtin || s->builtin == SUPPRESSION_BUILTIN_ON;
    if (is_applied) {
        p->suppressed_by[number] = (uint32_t)(parts[is_builtin].rules - s->rules) + rule + 1;
    }
    if (!cost.unreleased_blocks) {
        return;
    }
    count(&parts[is_builtin].rules[rule], &cost);
    s->builtin_bytes += is_builtin ? cost.unreleased_bytes : 0;
    s->builtin_blocks += is_builtin ? cost.unreleased_blocks : 0;
    if (is_applied) {
        s->bytes += cost.unreleased_bytes;
        s->blocks += cost.unreleased_blocks;
        hide(p, number);
    }
}

static bool has_changed(const struct profile *p, uint32_t cost) {
    return p->series.changes_of && p->series.changes_of[cost + 1] > p->series.changes_of[cost];
}

/* What is not released comes first: only that makes a rule a used one. */
static void look_at_all(struct suppressions *s, struct profile *p, struct part parts[2], bool has_growth) {
    for (int pass = 0; pass < 1 + has_growth; pass++) {
        for (uint32_t i = 0; i < p->n_stacks; i++) {
            const struct cost *cost = profile_cost(p, i);
            bool is_left = cost->unreleased_blocks || cost->suppressed_blocks;
            bool is_wanted = pass == 0 ? cost->unreleased_blocks : !is_left && has_changed(p, p->stacks[i].cost);
            if (cost->calls && is_wanted) {
                look_at(s, p, parts, i);
            }
        }
    }
}

static struct suppressed *list_rules(struct suppressions *s, const struct suppression_rules *given) {
    const struct suppression_rules *lists[] = {given, &s->builtin_rules};
    s->n_given = given->n_rules;
    s->rules = xcalloc(given->n_rules + s->builtin_rules.n_rules, sizeof *s->rules);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < lists[k]->n_rules; i++) {
            s->rules[s->n_rules++] = (struct suppressed){.rule = &lists[k]->rules[i], .is_builtin = k == 1};
        }
    }
    return s->rules;
}

void suppressions_apply(struct suppressions *s, struct profile *profile, struct symbolizer *symbolizer,
                        const struct suppression_rules *given, enum suppression_builtin builtin, bool has_growth) {
    *s = (struct suppressions){.builtin = builtin};
    if (builtin != SUPPRESSION_BUILTIN_OFF) {
        suppression_rules_add_builtin(&s->builtin_rules);
    }
    if (given->n_rules + s->builtin_rules.n_rules == 0) {
        return;
    }
    struct part parts[2] = {{.rules = list_rules(s, given)}, {.rules = s->rules + given->n_rules}};
    const struct suppression_rules *lists[2] = {given, &s->builtin_rules};
    profile->suppressed_by = xcalloc(profile->n_costs, sizeof *profile->suppressed_by);
    for (size_t k = 0; k < 2; k++) {
        if (lists[k]->n_rules) {
            parts[k].matcher = suppression_matcher_open(lists[k], profile, symbolizer, k == 0);
            parts[k].is_used = xcalloc(lists[k]->n_rules, sizeof *parts[k].is_used);
        }
    }
    look_at_all(s, profile, parts, has_growth);
    hide_from_processes(profile);
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < lists[k]->n_rules; i++) {
            parts[k].rules[i].is_used = parts[k].is_used[i];
        }
        if (parts[k].matcher) {
            suppression_matcher_close(parts[k].matcher);
        }
        free(parts[k].is_used);
    }
}

void suppressions_warn_unused(const struct suppressions *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_given; i++) {
        if (!s->rules[i].is_used && n++ < UNUSED_SHOWN) {
            diag_warning("%s:%u: this rule hides nothing: %s", s->rules[i].rule->file, s->rules[i].rule->line,
                         s->rules[i].rule->text);
        }
    }
    if (n > UNUSED_SHOWN) {
        diag_warning("and %zu more rules that hide nothing", n - UNUSED_SHOWN);
    }
}

void suppressions_free(struct suppressions *s) {
    free(s->rules);
    suppression_rules_free(&s->builtin_rules);
    *s = (struct suppressions){0};
}
