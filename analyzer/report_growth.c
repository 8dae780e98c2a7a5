/* report_growth.c - see report_growth.h. */
#include "report_growth.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "diag.h"
#include "format_size.h"
#include "marks.h"
#include "report_json.h"
#include "report_text.h"

#define NS_PER_HOUR 3600e9

enum { FEW_BYTES = 100 }; /* below, fractions of a byte are told */

static const char *unit_of(const struct growth *g) {
    return g->axis == SERIES_MARKS ? "mark" : "hour";
}

static const char *point_of(const struct growth *g) {
    return g->axis == SERIES_MARKS ? "mark" : "slice";
}

/* Bytes with their sign. */
static const char *signed_size(double bytes, char buf[FORMAT_BYTES_MAX + 1]) {
    buf[0] = bytes < 0 ? '-' : '+';
    if (fabs(bytes) < FEW_BYTES) {
        snprintf(buf + 1, FORMAT_BYTES_MAX, "%.3gB", fabs(bytes));
    } else {
        format_size(estimate_round(fabs(bytes)), buf + 1);
    }
    return buf;
}

/* Some digits, and never a power of ten. */
static const char *number(double x, int n_digits, char buf[FORMAT_BYTES_MAX]) {
    if (fabs(x) < 999) {
        snprintf(buf, FORMAT_BYTES_MAX, "%.*g", n_digits, x);
    } else {
        snprintf(buf, FORMAT_BYTES_MAX, "%.0f", x);
    }
    return buf;
}

static void put_blocks(FILE *f, double blocks, const char *unit) {
    char buf[FORMAT_BYTES_MAX];
    if (blocks > 0 && blocks < 0.95) {
        fprintf(f, ", 1 block per %s %ss", number(1 / blocks, 3, buf), unit);
    } else {
        fprintf(f, ", %s %s per %s", number(blocks, 4, buf), fabs(blocks - 1) < 0.0005 ? "block" : "blocks", unit);
    }
}

void report_growth_put_figures(FILE *f, const struct growth *g, const struct growth_figures *x) {
    char size[FORMAT_BYTES_MAX + 1], low[FORMAT_BYTES_MAX + 1], high[FORMAT_BYTES_MAX + 1];
    size_t n = x->n_warmup + x->n_judged;
    fprintf(f, "%s per %s", signed_size(x->bytes, size), unit_of(g));
    if (!isnan(x->low)) {
        fprintf(f, " (95 %%: %s to %s)", signed_size(x->low, low) + (x->low >= 0),
                signed_size(x->high, high) + (x->high >= 0));
    }
    if (g->axis == SERIES_TIME) {
        fprintf(f, ", %s per slice", signed_size(x->bytes * (double)g->step / NS_PER_HOUR, size));
    }
    put_blocks(f, x->blocks, unit_of(g));
    fprintf(f, ", over %zu of %zu %ss", x->n_judged, n, point_of(g));
    if (x->n_warmup) {
        fprintf(f, " (%zu of warm-up)", x->n_warmup);
    }
}

static void put_title(FILE *f, const struct growth *g) {
    if (g->axis == SERIES_MARKS) {
        fputs("\nGROWTH PER MARK\n", f);
    } else {
        fprintf(f, "\nGROWTH PER SLICE OF %.4gs\n", (double)g->step / 1e9);
    }
    if (g->n_folded) {
        fprintf(f, "the first %zu marks are among the folded events: what was alive then is not known\n", g->n_folded);
    }
    if (g->axis == SERIES_MARKS && g->step > 1) {
        fprintf(f, "of %" PRIu64 " marks each %" PRIu64 "th is looked at\n", g->profile->n_marks_reached, g->step);
    }
    if (g->profile->n_events_missing || g->profile->lost_events) {
        fputs("events are missing: what grows here may have been released there\n", f);
    }
}

/* How many sites are what, of those that change. */
static void put_rest(FILE *f, const struct growth *g, size_t n_growing) {
    size_t n_bounded = g->n_of_class[GROWTH_BOUNDED], n_one_off = g->n_of_class[GROWTH_ONE_OFF];
    const char *point = point_of(g);
    if (n_growing == 0 && g->n_of_class[GROWTH_UNKNOWN]) {
        fprintf(f, "%zu %ss are too few to tell growth from chance: %d are the least\n", g->n_points, point,
                GROWTH_JUDGED_MIN + 1);
    } else if (n_growing == 0) {
        fprintf(f, "no site grows, over %zu %ss\n", g->n_points, point);
    }
    if (n_bounded) {
        fprintf(f, "bounded, they fill up or go up and down: %zu %s\n", n_bounded, n_bounded == 1 ? "site" : "sites");
    }
    if (n_one_off) {
        fprintf(f, "one-off, they rose once: %zu %s\n", n_one_off, n_one_off == 1 ? "site" : "sites");
    }
}

void report_growth_text(FILE *f, const struct report *report) {
    const struct growth *g = report->growth;
    if (!g) {
        return;
    }
    if (g->why_not) {
        fprintf(f, "\nGROWTH PER MARK\nnot judged: %s\n", g->why_not);
        return;
    }
    struct report of_sites = *report;
    for (unsigned order = 0; order < SITE_N_ORDERS; order++) {
        of_sites.sites[order] = &g->sites;
    }
    put_title(f, g);
    size_t n_growing = g->n_of_class[GROWTH_GROWING], n_unknown = g->n_of_class[GROWTH_UNKNOWN], n_shown = 0;
    for (size_t i = 0; i < g->sites.n_sites && i < n_growing + n_unknown && n_shown < report->top; i++) {
        const struct growth_figures *x = &g->ranked[i].figures;
        if (x->class == GROWTH_GROWING || x->bytes > 0 || x->blocks > 0) {
            report_growth_put_figures(f, g, x);
            fputc('\n', f);
            report_text_where(f, &of_sites, g->ranked[i].site);
            fputc('\n', f);
            n_shown++;
        }
    }
    if (n_growing > n_shown) {
        fprintf(f, "and %zu more sites that grow\n", n_growing - n_shown);
    }
    if (g->total.class == GROWTH_GROWING || (g->total.class == GROWTH_UNKNOWN && g->total.bytes > 0)) {
        fputs("in total: ", f);
        report_growth_put_figures(f, g, &g->total);
        fputc('\n', f);
    }
    put_rest(f, g, n_growing);
}

/* ---- JSON ---- */

static void put_figures(struct json_out *j, const struct growth_figures *x) {
    json_put_string(j, "class", growth_class_name(x->class));
    json_put_uint(j, "n_judged", x->n_judged);
    json_put_uint(j, "n_warmup", x->n_warmup);
    json_put_double(j, "bytes_per_unit", x->bytes);
    json_put_double(j, "bytes_per_unit_low", x->low);
    json_put_double(j, "bytes_per_unit_high", x->high);
    json_put_double(j, "blocks_per_unit", x->blocks);
    json_put_double(j, "p", x->p);
    json_put_double(j, "last_bytes", x->last_bytes);
    json_put_double(j, "last_blocks", x->last_blocks);
}

static void put_series(struct json_out *j, const struct growth *g, const struct site *site) {
    double *blocks = xcalloc(2 * g->n_points + 1, sizeof *blocks), *bytes = &blocks[g->n_points];
    growth_series(g, site, blocks, bytes);
    const struct {
        const char *key;
        const double *v;
    } lists[] = {{"bytes", bytes}, {"blocks", blocks}};
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
        json_key(j, lists[k].key);
        json_array_begin(j);
        for (size_t i = 0; i < g->n_points; i++) {
            json_uint(j, estimate_round(lists[k].v[i]));
        }
        json_array_end(j);
    }
    free(blocks);
}

static void put_points(struct json_out *j, const struct growth *g) {
    json_key(j, "points");
    json_array_begin(j);
    for (size_t i = 0; i < g->n_points; i++) {
        uint64_t at = growth_position(g, i);
        json_object_begin(j);
        if (g->axis == SERIES_MARKS) {
            const struct mark *mark = mark_numbered(g->profile, at);
            char *label = mark ? mark_label(g->profile, mark) : NULL;
            json_put_uint(j, "mark", at);
            json_put_string(j, "name", label);
            json_key(j, "seconds");
            json_double(j, mark ? (double)mark->time_ns / 1e9 : NAN);
            free(label);
        } else {
            json_put_double(j, "seconds", (double)at / 1e9);
        }
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_sites(struct json_out *j, const struct report *report) {
    const struct growth *g = report->growth;
    json_key(j, "sites");
    json_array_begin(j);
    for (size_t i = 0; i < g->sites.n_sites && i < report->top; i++) {
        const struct growth_figures *x = &g->ranked[i].figures;
        json_object_begin(j);
        char address[24];
        snprintf(address, sizeof address, "0x%" PRIx64, g->ranked[i].site->at.ip - 1);
        report_json_put_places(j, &g->sites, g->ranked[i].site, SITE_BY_UNRELEASED);
        json_put_string(j, "address", g->ranked[i].site->at.location ? address : NULL);
        put_figures(j, x);
        if (x->class == GROWTH_GROWING || x->class == GROWTH_UNKNOWN) {
            put_series(j, g, g->ranked[i].site);
        }
        json_object_end(j);
    }
    json_array_end(j);
}

void report_growth_json(struct json_out *j, const struct report *report) {
    const struct growth *g = report->growth;
    json_key(j, "growth");
    json_object_begin(j);
    json_put_string(j, "not_judged", g->why_not);
    json_put_string(j, "unit", unit_of(g));
    json_put_uint(j, "folded_marks", g->n_folded);
    if (!g->why_not) {
        json_key(j, "sites_of_class");
        json_object_begin(j);
        for (unsigned class = 0; class < GROWTH_N_CLASSES; class ++) {
            json_put_uint(j, growth_class_name((enum growth_class) class), g->n_of_class[class]);
        }
        json_object_end(j);
        put_points(j, g);
        json_key(j, "total");
        json_object_begin(j);
        put_figures(j, &g->total);
        put_series(j, g, NULL);
        json_object_end(j);
        json_put_string(j, "group_by", report_json_group_name(g->sites.group));
        put_sites(j, report);
    }
    json_object_end(j);
}
