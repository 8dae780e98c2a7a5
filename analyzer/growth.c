/* growth.c - see growth.h. */
#include "growth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

#define NS_PER_HOUR 3600e9

uint64_t growth_position(const struct growth *g, size_t point) {
    return (g->profile->series.first + point) * g->step;
}

void growth_series(const struct growth *g, const struct site *site, double *blocks, double *bytes) {
    const struct profile *p = g->profile;
    size_t n = series_n_points(&p->series); /* one more than n_points over time */
    double *all = xcalloc(2 * n + 1, sizeof *all);
    for (size_t i = 0; site && i < site->n_stacks; i++) {
        series_add(&p->series, p->stacks[g->sites.stacks[site->first + i].stack].cost, all, &all[n]);
    }
    for (size_t cost = 1; !site && cost < p->n_costs; cost++) {
        if (p->costs[cost].calls && !profile_is_suppressed(p, (uint32_t)cost)) {
            series_add(&p->series, (uint32_t)cost, all, &all[n]);
        }
    }
    for (size_t i = 0; i < g->n_points; i++) { /* sums of damaged or forged traces may be off */
        blocks[i] = all[i] > 0 ? all[i] : 0;
        bytes[i] = all[n + i] > 0 ? all[n + i] : 0;
    }
    free(all);
}

static struct growth_figures judge(const struct growth *g, const struct site *site) {
    double *blocks = xcalloc(2 * g->n_points + 1, sizeof *blocks), *bytes = &blocks[g->n_points];
    growth_series(g, site, blocks, bytes);
    bool is_empty = true; /* blocks of 0 bytes leak, too */
    for (size_t i = 0; i < g->n_points; i++) {
        is_empty &= bytes[i] <= 0;
    }
    struct growth_verdict v = growth_judge(is_empty ? blocks : bytes, g->n_points);
    double per_unit = g->axis == SERIES_TIME ? NS_PER_HOUR / (double)g->step : 1 / (double)g->step;
    struct growth_figures figures = {.class = v.class,
                                     .n_warmup = v.n_warmup,
                                     .n_judged = v.n_judged,
                                     .bytes = is_empty ? 0 : v.slope * per_unit,
                                     .low = is_empty ? 0 : v.low * per_unit,
                                     .high = is_empty ? 0 : v.high * per_unit,
                                     .blocks = growth_slope(&blocks[v.n_warmup], v.n_judged) * per_unit,
                                     .p = v.p};
    if (g->n_points) {
        figures.last_bytes = bytes[g->n_points - 1];
        figures.last_blocks = blocks[g->n_points - 1];
    }
    free(blocks);
    return figures;
}

/* The costs of which something changes behind the first point, and that no rule hides. */
static uint8_t *find_changing(const struct profile *p) {
    uint8_t *is_changing = xcalloc(p->n_costs, sizeof *is_changing);
    for (size_t i = 0; i < p->series.n_changes; i++) {
        const struct series_change *change = &p->series.changes[i];
        bool is_seen = change->point > p->series.first && change->point < p->series.end;
        is_changing[change->of] |= is_seen && !profile_is_suppressed(p, change->of);
    }
    return is_changing;
}

static int class_rank(enum growth_class class) {
    return class == GROWTH_GROWING ? 0 : class == GROWTH_UNKNOWN ? 1 : 2;
}

static int by_growth(const void *a, const void *b) {
    const struct growth_site *x = a, *y = b;
    int rank = class_rank(x->figures.class) - class_rank(y->figures.class);
    if (rank) {
        return rank;
    }
    if (x->figures.bytes != y->figures.bytes) { /* NOLINT: only to tell their order */
        return x->figures.bytes > y->figures.bytes ? -1 : 1;
    }
    if (x->figures.blocks != y->figures.blocks) {
        return x->figures.blocks > y->figures.blocks ? -1 : 1;
    }
    return (x->site > y->site) - (x->site < y->site);
}

static const char *why_not(const struct growth *g) {
    if (g->n_points >= 2 && (g->axis == SERIES_MARKS || g->profile->runtime_ns >= GROWTH_TIME_MIN_NS)) {
        return NULL;
    }
    if (g->profile->n_marks_reached && g->axis == SERIES_TIME) {
        return g->profile->runtime_ns >= GROWTH_TIME_MIN_NS ? "too few marks, and too little of the run is not folded"
                                                            : "fewer than 3 marks, and the run is shorter than 10s";
    }
    return g->axis == SERIES_MARKS                       ? "too few of the marks are not folded"
           : g->profile->runtime_ns < GROWTH_TIME_MIN_NS ? "no marks, and the run is shorter than 10s"
                                                         : "no marks, and too little of the run is not folded";
}

void growth_build(struct growth *g, const struct profile *p, struct symbolizer *symbolizer, struct blame *blame,
                  enum site_group group) {
    size_t n = series_n_points(&p->series);
    *g = (struct growth){.profile = p, .axis = p->series.axis, .step = p->series.step, .n_points = n};
    if (g->axis == SERIES_TIME) {
        g->n_points -= n != 0;
    } else {
        g->n_folded = p->n_folded ? (p->series.first - 1) * p->series.step : 0;
    }
    g->why_not = why_not(g);
    if (g->why_not) {
        return;
    }
    uint8_t *is_changing = find_changing(p);
    struct sites_wanted wanted = {
        .group = group, .orders = 1U << SITE_BY_CALLS, .top = SIZE_MAX, .is_wanted_cost = is_changing};
    sites_build(&g->sites, p, symbolizer, blame, &wanted);
    free(is_changing);
    g->total = judge(g, NULL);
    g->ranked = xcalloc(g->sites.n_sites, sizeof *g->ranked);
    for (size_t i = 0; i < g->sites.n_sites; i++) {
        g->ranked[i] = (struct growth_site){.site = &g->sites.sites[i], .figures = judge(g, &g->sites.sites[i])};
        g->n_of_class[g->ranked[i].figures.class]++;
    }
    qsort(g->ranked, g->sites.n_sites, sizeof *g->ranked, by_growth);
}

void growth_free(struct growth *g) {
    sites_free(&g->sites);
    free(g->ranked);
    *g = (struct growth){0};
}
