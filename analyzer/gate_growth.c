/* gate_growth.c - the limit of growth: what sites gain from mark to mark, or by the hour (growth.h).
 *
 * Only what is judged to grow counts, at its slope; a site of which too few points are left behind its warm-up counts at its slope, too. The total is the sum
 * of these sites, since of all together the growth of one may drown in what others do; or what all together gain, if these are judged to grow, by more than
 * that with all of the confidence interval: a leak that is a bit of each of many sites grows at none of them. Where the trace as a whole has too few points, or none of the unit that the limit is in, nothing
 * can be said, and the check fails.
 */
#include <math.h>
#include <stdlib.h>

#include "diag.h"
#include "gate_check.h"

static double slope_of(const struct gate_limit *limit, const struct growth_figures *f) {
    double slope = limit->figure == GATE_GROWTH_BLOCKS ? f->blocks : f->bytes;
    return (f->class == GROWTH_GROWING || f->class == GROWTH_UNKNOWN) && slope > 0 ? slope : 0;
}

static const char *why_not_judged(const struct growth *g, const struct gate_limit *limit) {
    if (g->why_not) {
        return g->why_not;
    }
    if (limit->is_per_hour != (g->axis == SERIES_TIME)) {
        return limit->is_per_hour ? "the trace has marks, so the limit must be per mark" : "the trace has too few marks";
    }
    return g->total.class == GROWTH_UNKNOWN ? "too few points, ten or more are needed" : NULL;
}

/* What growing sites gain, all together or the highest of one. */
static double gained_by_sites(const struct growth *g, const struct gate_limit *limit) {
    double now = 0;
    for (size_t i = 0; i < g->sites.n_sites; i++) {
        double slope = slope_of(limit, &g->ranked[i].figures);
        now = !limit->is_per_site ? now + slope : slope > now ? slope : now;
    }
    return now;
}

/* What all sites together gain where that is certainly more than growing ones do, else 0. */
static double gained_by_all(const struct growth *g, const struct gate_limit *limit) {
    const struct gate_limit of_bytes = {.figure = GATE_GROWTH_BYTES};
    bool is_more = g->total.class == GROWTH_GROWING && g->total.low > gained_by_sites(g, &of_bytes);
    return !limit->is_per_site && is_more ? slope_of(limit, &g->total) : 0;
}

/* is_spread: growing sites do not make up the total, so those that hold something at the last point are named, too, by that. */
static void find_culprits(struct gate_verdict *v, struct gate_check *check, const struct gate_limit *limit,
                          bool is_spread) {
    const struct growth *g = &v->growth;
    check->culprits = xcalloc(g->sites.n_sites, sizeof *check->culprits);
    for (size_t i = 0; i < g->sites.n_sites; i++) {
        const struct growth_site *grown = &g->ranked[i];
        double slope = slope_of(limit, &grown->figures);
        double last = limit->figure == GATE_GROWTH_BLOCKS ? grown->figures.last_blocks : grown->figures.last_bytes;
        double weight = is_spread ? last : slope;
        const struct site *site = weight > (limit->is_per_site ? limit->most : 0)
                                      ? gate_site_with(v, g->sites.stacks[grown->site->first].stack)
                                      : NULL;
        if (site) {
            check->culprits[check->n_culprits++] =
                (struct gate_culprit){.site = site, .figure = slope, .weight = weight, .growth = &grown->figures};
        }
    }
    if (check->n_culprits) {
        qsort(check->culprits, check->n_culprits, sizeof *check->culprits, gate_by_weight);
    }
}

void gate_check_growth(struct gate_verdict *v, const struct gate_limit *limit) {
    const struct growth *g = &v->growth;
    const char *why = why_not_judged(g, limit), *per = limit->is_per_hour ? "hour" : "mark";
    const struct gate_figure_row *row = &gate_figures[limit->figure];
    double of_sites = why ? 0 : gained_by_sites(g, limit), of_all = why ? 0 : gained_by_all(g, limit);
    double now = of_all > of_sites ? of_all : of_sites;
    bool is_spread = of_all > limit->most && of_sites <= limit->most;
    struct gate_check *check = gate_add_check(v, row->rule, why || now > limit->most ? GATE_FAILED : GATE_PASSED);
    char *figure = gate_figure_text(limit->figure, now), *most = gate_figure_text(limit->figure, limit->most);
    check->of = limit->figure;
    check->order = row->order;
    check->is_per_site = limit->is_per_site;
    check->is_per_hour = limit->is_per_hour;
    check->name = gate_text_of("%s, %s", row->name, limit->is_per_site ? "each site" : "total");
    check->figure = why ? gate_text_of("not judged") : gate_text_of("%s/%s", figure, per);
    check->limit = gate_text_of("at most %s/%s", most, per);
    if (why) {
        check->message = gate_text_of("%s cannot be judged: %s", row->name, why);
    } else if (check->result == GATE_FAILED) {
        check->message = gate_text_of("%s: %s, %s%s", check->name, check->figure, check->limit,
                                      is_spread ? ", spread over many sites" : "");
        find_culprits(v, check, limit, is_spread);
    }
    free(figure);
    free(most);
}
