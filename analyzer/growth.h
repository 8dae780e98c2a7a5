/* growth.h - which sites grow from mark to mark, or over time, and by how much.
 *
 * profile (series) -> sites -> [growth] -> report_growth, gate. A site's series is the sum of its stacks'; growth_judge.h has how it is judged. Only stacks
 * of which something changes between the first point and the last make up these sites: what stays the same grows nowhere.
 *
 * Without marks the points are equal slices of the run. The last slice is left out, since a program that ends may release everything in it, and a run
 * shorter than GROWTH_TIME_MIN_NS is not judged: what a short program builds up is its work.
 */
#ifndef SEEP_GROWTH_H
#define SEEP_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "growth_judge.h"
#include "profile.h"
#include "sites.h"

#define GROWTH_TIME_MIN_NS UINT64_C(10000000000)

/* Of a site, or of all together. Slopes are bytes and blocks per unit of the growth: per mark, or per hour. */
struct growth_figures {
    enum growth_class class;
    size_t n_warmup, n_judged; /* points */
    double bytes, low, high;   /* the slope of bytes and its 95 % interval; low and high NAN where there is none */
    double blocks;
    double p;                       /* NAN where there is none */
    double last_bytes, last_blocks; /* alive at the last point */
};

struct growth_site {
    const struct site *site; /* of growth.sites */
    struct growth_figures figures;
};

struct growth {
    const struct profile *profile;
    enum series_axis axis; /* SERIES_MARKS: the unit is a mark; SERIES_TIME: an hour */
    uint64_t step;         /* between points: marks, or ns */
    size_t n_points;
    size_t n_folded;     /* marks without figures, since they are among folded events */
    const char *why_not; /* not judged at all: why; else NULL, and there is the rest */
    struct growth_figures total;
    struct sites sites; /* costs are of their stacks that change */
    struct growth_site *
        ranked; /* sites.n_sites: the growing ones first, by bytes per unit; then the unknown ones, likewise, then the others */
    size_t n_of_class[GROWTH_N_CLASSES];
};

/* Judge all sites.
 *
 * group    as for sites_build(), and the same of profile, symbolizer and blame
 * Memory   growth_free() */
void growth_build(struct growth *g, const struct profile *profile, struct symbolizer *symbolizer, struct blame *blame,
                  enum site_group group);

void growth_free(struct growth *g);

/* The series of a site, or of all with NULL.
 *
 * blocks, bytes   g->n_points places each */
void growth_series(const struct growth *g, const struct site *site, double *blocks, double *bytes);

/* The position of a point, from 0: a mark's number, or ns since the start. */
uint64_t growth_position(const struct growth *g, size_t point);

#endif
