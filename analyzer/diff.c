/* diff.c - see diff.h. */
#include "diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

const char *diff_verdict_name(enum diff_verdict verdict) {
    static const char *const names[] = {
        [DIFF_NEW] = "new", [DIFF_GREW] = "grew", [DIFF_SHRANK] = "shrank", [DIFF_GONE] = "gone", [DIFF_SAME] = "same"};
    return names[verdict];
}

const char *diff_figure_name(enum diff_figure figure) {
    static const char *const names[] = {[DIFF_UNRELEASED_BYTES] = "unreleased_bytes",
                                        [DIFF_UNRELEASED_BLOCKS] = "unreleased_blocks",
                                        [DIFF_PEAK_BYTES] = "peak_bytes",
                                        [DIFF_CALLS] = "calls",
                                        [DIFF_ALLOCATED_BYTES] = "allocated_bytes",
                                        [DIFF_TEMPORARY] = "temporary"};
    return names[figure];
}

static uint64_t figure_of(const struct cost *cost, enum diff_figure figure) {
    const uint64_t values[] = {[DIFF_UNRELEASED_BYTES] = cost->unreleased_bytes,
                               [DIFF_UNRELEASED_BLOCKS] = cost->unreleased_blocks,
                               [DIFF_PEAK_BYTES] = cost->peak_bytes,
                               [DIFF_CALLS] = cost->calls,
                               [DIFF_ALLOCATED_BYTES] = cost->allocated_bytes,
                               [DIFF_TEMPORARY] = cost->temporary};
    return values[figure];
}

static double variance_of(const struct estimate *e, enum diff_figure figure) {
    const double values[] = {[DIFF_UNRELEASED_BYTES] = e->var_unreleased_bytes,
                             [DIFF_UNRELEASED_BLOCKS] = e->var_unreleased_blocks,
                             [DIFF_PEAK_BYTES] = e->var_peak_bytes,
                             [DIFF_CALLS] = e->var_calls,
                             [DIFF_ALLOCATED_BYTES] = e->var_allocated_bytes,
                             [DIFF_TEMPORARY] = e->var_temporary};
    return values[figure];
}

static enum diff_verdict judge(const struct diff_change *c, double threshold) {
    double difference = fabs((double)c->now - (double)c->base);
    if (c->base == c->now || difference <= DIFF_STANDARD_ERRORS * c->error) {
        return DIFF_SAME;
    }
    if (c->base == 0 || c->now == 0) {
        return c->base == 0 ? DIFF_NEW : DIFF_GONE;
    }
    if (difference <= threshold * (double)c->base) {
        return DIFF_SAME;
    }
    return c->now > c->base ? DIFF_GREW : DIFF_SHRANK;
}

/* What is missing on one side counts as nothing. */
static void compare(struct diff_change changes[DIFF_N_FIGURES], const struct cost *base,
                    const struct estimate *base_estimate, const struct cost *now, const struct estimate *now_estimate,
                    double threshold) {
    for (enum diff_figure i = 0; i < DIFF_N_FIGURES; i++) {
        struct diff_change *c = &changes[i];
        c->base = figure_of(base, i);
        c->now = figure_of(now, i);
        c->error = sqrt(variance_of(base_estimate, i) + variance_of(now_estimate, i));
        c->verdict = judge(c, threshold);
    }
}

static void add_site(struct diff *d, const struct known_site *base, const struct known_site *now) {
    static const struct known_site nothing;
    struct diff_site *site = &d->sites[d->n++];
    const struct known_site *x = base ? base : &nothing, *y = now ? now : &nothing;
    *site = (struct diff_site){.base = base, .now = now};
    compare(site->changes, &x->cost, &x->estimate, &y->cost, &y->estimate, d->threshold);
}

void diff_build(struct diff *d, const struct analysis *base, const struct analysis *now, const struct blame_rules *rules,
                double threshold) {
    *d = (struct diff){.base = base, .now = now, .threshold = threshold};
    site_set_build(&d->base_set, base, rules, &d->pool, &now->profile);
    site_set_build(&d->now_set, now, rules, &d->pool, &base->profile);
    uint32_t *match = xcalloc(d->now_set.n, sizeof *match);
    bool *is_matched = xcalloc(d->base_set.n, sizeof *is_matched);
    site_set_match(&d->now_set, &d->base_set, match);
    d->sites = xcalloc(d->base_set.n + d->now_set.n, sizeof *d->sites);
    for (size_t i = 0; i < d->now_set.n; i++) {
        const struct known_site *before = match[i] == IDENTITY_NO_MATCH ? NULL : &d->base_set.sites[match[i]];
        if (before) {
            is_matched[match[i]] = true;
        }
        add_site(d, before, &d->now_set.sites[i]);
    }
    for (size_t i = 0; i < d->base_set.n; i++) {
        if (!is_matched[i]) {
            add_site(d, &d->base_set.sites[i], NULL);
        }
    }
    compare(d->totals, &base->profile.total, &base->profile.estimate, &now->profile.total, &now->profile.estimate, 0);
    free(match);
    free(is_matched);
}

void diff_free(struct diff *d) {
    site_set_free(&d->base_set);
    site_set_free(&d->now_set);
    string_pool_free(&d->pool);
    free(d->sites);
    *d = (struct diff){0};
}

/* 0 = worse, 1 = better, 2 = the same. */
static int rank_of(const struct diff_change *c) {
    return c->verdict == DIFF_SAME ? 2 : c->now < c->base;
}

static uint64_t distance(const struct diff_change *c) {
    return c->now > c->base ? c->now - c->base : c->base - c->now;
}

static int by_change(const void *a, const void *b, void *context) {
    const enum diff_figure *figure = context;
    const struct diff_site *x = *(const struct diff_site *const *)a, *y = *(const struct diff_site *const *)b;
    const struct diff_change *p = &x->changes[*figure], *q = &y->changes[*figure];
    if (rank_of(p) != rank_of(q)) {
        return rank_of(p) - rank_of(q);
    }
    uint64_t d_p = p->verdict == DIFF_SAME ? p->now : distance(p), d_q = q->verdict == DIFF_SAME ? q->now : distance(q);
    return d_p != d_q ? (d_p > d_q ? -1 : 1) : strcmp(diff_known(x)->id.key, diff_known(y)->id.key);
}

void diff_rank(const struct diff *d, enum diff_figure figure, const struct diff_site **ranked) {
    for (size_t i = 0; i < d->n; i++) {
        ranked[i] = &d->sites[i];
    }
    if (d->n) {
        qsort_r(ranked, d->n, sizeof(const struct diff_site *), by_change, &figure);
    }
}

void diff_count(const struct diff *d, enum diff_figure figure, size_t counts[DIFF_N_VERDICTS]) {
    memset(counts, 0, DIFF_N_VERDICTS * sizeof *counts);
    for (size_t i = 0; i < d->n; i++) {
        const struct diff_change *c = &d->sites[i].changes[figure];
        counts[c->verdict] += c->base || c->now;
    }
}

bool diff_is_renamed(const struct diff_site *site) {
    return site->base && site->now && memcmp(site->base->id.names, site->now->id.names, sizeof site->now->id.names) != 0;
}
