/* gate.c - see gate.h. */
#include "gate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coverage_judge.h"
#include "diag.h"
#include "file_lock.h"
#include "gate_check.h"
#include "losses.h"
#include "recording.h"

enum { RECORDER_WAIT_MS = 60000 };

static double figure_of(enum gate_figure of, const struct cost *c) {
    switch (of) {
    case GATE_UNRELEASED_BYTES:
        return (double)c->unreleased_bytes;
    case GATE_UNRELEASED_BLOCKS:
        return (double)c->unreleased_blocks;
    case GATE_PEAK_BYTES:
        return (double)c->peak_bytes;
    case GATE_CALLS:
        return (double)c->calls;
    case GATE_TEMPORARY_PERCENT:
        return c->calls ? 100. * (double)c->temporary / (double)c->calls : 0;
    default:
        return 0;
    }
}

/* What a site has of a total. */
static double weight_of(enum gate_figure of, const struct cost *c) {
    return of == GATE_TEMPORARY_PERCENT ? (double)c->temporary : figure_of(of, c);
}

/* A check without culprits. Texts are the check's from here on. */
static void add_fact(struct gate_verdict *v, const char *rule, enum gate_result result, char *name, char *figure,
                     char *limit, char *message) {
    struct gate_check *check = gate_add_check(v, rule, result);
    check->name = name;
    check->figure = figure;
    check->limit = limit;
    check->message = message;
}

/* ---- limits ---- */

/* List the sites that a failed check names: those above a limit of each site, or those that a total is made of. */
static void find_culprits(const struct gate_verdict *v, struct gate_check *check, const struct gate_limit *limit) {
    check->culprits = xcalloc(v->sites.n_sites, sizeof *check->culprits);
    for (size_t i = 0; i < v->sites.n_sites; i++) {
        const struct site *site = &v->sites.sites[i];
        double figure = figure_of(limit->figure, &site->cost), weight = weight_of(limit->figure, &site->cost);
        if (limit->is_per_site ? figure > limit->most : weight > 0) {
            check->culprits[check->n_culprits++] =
                (struct gate_culprit){.site = site, .figure = figure, .weight = limit->is_per_site ? figure : weight};
        }
    }
    if (check->n_culprits) {
        qsort(check->culprits, check->n_culprits, sizeof *check->culprits, gate_by_weight);
    }
}

static double highest_of_sites(const struct gate_verdict *v, enum gate_figure of) {
    double highest = 0;
    for (size_t i = 0; i < v->sites.n_sites; i++) {
        double figure = figure_of(of, &v->sites.sites[i].cost);
        highest = figure > highest ? figure : highest;
    }
    return highest;
}

static bool is_of_growth(const struct gate_limit *limit) {
    return limit->figure == GATE_GROWTH_BYTES || limit->figure == GATE_GROWTH_BLOCKS;
}

static void check_limit(struct gate_verdict *v, const struct gate_limit *limit) {
    if (is_of_growth(limit)) {
        gate_check_growth(v, limit);
        return;
    }
    const struct gate_figure_row *of = &gate_figures[limit->figure];
    double figure =
        limit->is_per_site ? highest_of_sites(v, limit->figure) : figure_of(limit->figure, &v->analysis.profile.total);
    struct gate_check *check = gate_add_check(v, of->rule, figure > limit->most ? GATE_FAILED : GATE_PASSED);
    char *most = gate_figure_text(limit->figure, limit->most);
    check->name = gate_text_of("%s, %s", of->name, limit->is_per_site ? "each site" : "total");
    check->figure = gate_figure_text(limit->figure, figure);
    check->limit = gate_text_of("at most %s", most);
    check->of = limit->figure;
    check->is_per_site = limit->is_per_site;
    check->order = of->order;
    if (check->result == GATE_FAILED) {
        find_culprits(v, check, limit);
        check->message = gate_text_of("%s: %s, at most %s", check->name, check->figure, most);
    }
    free(most);
}

/* ---- what the trace lacks ---- */

static void check_complete(struct gate_verdict *v, const struct gate_options *o) {
    const struct profile *p = &v->analysis.profile;
    const char *gap = gate_gap(p);
    struct coverage sum;
    const struct process *lowest;
    bool is_uncovered = coverage_sum(p, &sum, &lowest) && coverage_is_low(&lowest->coverage);
    enum gate_result result = o->is_incomplete_allowed ? GATE_NOTED : GATE_FAILED;
    if (gap) {
        add_fact(v, "incomplete", result, gate_text_of("trace complete"), gate_text_of("no"), gate_text_of("yes"),
                 gate_text_of("the trace is incomplete: %s", gap));
    } else {
        add_fact(v, "incomplete", GATE_PASSED, gate_text_of("trace complete"), gate_text_of("yes"), gate_text_of("yes"),
                 NULL);
    }
    if (is_uncovered) {
        add_fact(v, "uncovered", result, gate_text_of("heap covered"),
                 gate_text_of("%.1f %%", 100 * coverage_share(&lowest->coverage)), gate_text_of("at least 95 %%"),
                 gate_text_of("%" PRIu64 " B of process %" PRIu32
                              " passed seep by: an allocator of its own, see seep doctor",
                              lowest->coverage.uncovered_bytes, lowest->pid));
    }
}

static void check_lost(struct gate_verdict *v, const struct gate_options *o) {
    const struct profile *p = &v->analysis.profile;
    uint64_t n = losses_n_events(p);
    bool is_failed = n > o->lost_max;
    add_fact(v, "lost-events", is_failed ? GATE_FAILED : GATE_PASSED, gate_text_of("events lost"),
             gate_text_of("%" PRIu64, n), gate_text_of("at most %" PRIu64, o->lost_max),
             is_failed ? gate_text_of("%" PRIu64 " events were lost, at most %" PRIu64, n, o->lost_max) : NULL);
}

/* That the limits were held against a part of the trace only, and which. */
static void note_selection(struct gate_verdict *v, const struct selection_options *o) {
    char *text = NULL;
    size_t n;
    FILE *f = selection_is_part(o) ? open_memstream(&text, &n) : NULL;
    if (!f) {
        return;
    }
    selection_text(f, o, &v->analysis.profile);
    if (fclose(f) == 0 && text) {
        text[strcspn(text, "\n")] = '\0';
        add_fact(v, "selected", GATE_NOTED, gate_text_of("selected"),
                 gate_text_of("%" PRIu64 " allocations", v->analysis.profile.total.calls), gate_text_of("%s", ""),
                 gate_text_of("only a part was judged, %s", text));
    }
    free(text);
}

/* Selections of nothing, processes that were not traced, and sampling: nothing of the trace is missing for it. */
static void note_others(struct gate_verdict *v, const struct gate_options *o) {
    const struct profile *p = &v->analysis.profile;
    if (selection_is_part(&o->analysis.selection) && p->total.calls == 0) {
        add_fact(
            v, "nothing-selected", GATE_NOTED, gate_text_of("selected"), gate_text_of("nothing"), gate_text_of("%s", ""),
            gate_text_of("nothing was judged: no allocation of the trace is selected, is there a slip in the options?"));
    }
    for (size_t i = 0; i < p->n_lost; i++) {
        bool is_fork = strcmp(p->lost[i].key, "untraced-forks") == 0;
        if (p->lost[i].count && (is_fork || strcmp(p->lost[i].key, "untraced-execs") == 0)) {
            const char *what = is_fork ? "fork children not traced" : "programs not traced";
            add_fact(v, is_fork ? "untraced-forks" : "untraced-execs", GATE_NOTED, gate_text_of("%s", what),
                     gate_text_of("%" PRIu64, p->lost[i].count), gate_text_of("%s", ""),
                     gate_text_of("%s: %" PRIu64 ", and not judged", what, p->lost[i].count));
        }
    }
    if (p->total.suppressed_blocks) {
        add_fact(v, "suppressed", GATE_NOTED, gate_text_of("suppressed"),
                 gate_text_of("%" PRIu64 " B", p->total.suppressed_bytes), gate_text_of("%s", ""),
                 gate_text_of("suppressions hide %" PRIu64 " B in %" PRIu64 " block%s", p->total.suppressed_bytes,
                              p->total.suppressed_blocks, p->total.suppressed_blocks == 1 ? "" : "s"));
    }
    if (p->sample_bytes) {
        add_fact(
            v, "sampled", GATE_NOTED, gate_text_of("sampled"), gate_text_of("%" PRIu64 " B", p->sample_bytes),
            gate_text_of("%s", ""),
            gate_text_of("the trace is sampled: figures are estimates from %" PRIu64 " samples", p->estimate.n_samples));
    }
}

/* ---- a trace ---- */

/* Sites by blame, all of them: each may be above a limit. */
static void build_sites(struct gate_verdict *v, const struct gate_options *o) {
    unsigned orders = o->baseline ? 1U << SITE_BY_UNRELEASED : 0;
    for (size_t i = 0; i < o->n_limits; i++) {
        orders |= 1U << gate_figures[o->limits[i].figure].order;
    }
    struct sites_wanted wanted = {.group = SITE_BY_BLAME, .orders = orders, .top = SIZE_MAX};
    sites_build(&v->sites, &v->analysis.profile, v->analysis.symbolizer, v->analysis.blame, &wanted);
    v->site_of_stack = xcalloc(v->analysis.profile.n_stacks, sizeof *v->site_of_stack);
    for (size_t i = 0; i < v->sites.n_sites; i++) {
        for (size_t k = 0; k < v->sites.sites[i].n_stacks; k++) {
            v->site_of_stack[v->sites.stacks[v->sites.sites[i].first + k].stack] = (uint32_t)i + 1;
        }
    }
    openssl_objects_find(&v->openssl, &v->analysis.profile, v->analysis.symbolizer, v->analysis.blame);
    v->report = (struct report){.profile = &v->analysis.profile,
                                .symbolizer = v->analysis.symbolizer,
                                .openssl = &v->openssl,
                                .top = o->top,
                                .stacks = o->stacks};
    for (unsigned order = 0; order < SITE_N_ORDERS; order++) {
        v->report.sites[order] = &v->sites;
    }
}

static bool has_growth_limit(const struct gate_options *o) {
    size_t i = 0;
    while (i < o->n_limits && !is_of_growth(&o->limits[i])) {
        i++;
    }
    return i < o->n_limits;
}

/* A recorder whose processes have all ended is just finishing: without `seep run` nobody has waited for it. */
static void wait_for_recorder(const char *path) {
    if (!file_lock_wait(path, 0) && recording_count_alive(path) == 0) {
        (void)file_lock_wait(path, RECORDER_WAIT_MS);
    }
}

static void judge(struct gate_verdict *v, const struct gate_options *o) {
    if (o->baseline && baseline_read(&v->baseline, o->baseline, &v->pool) != 0) {
        v->status = SEEP_EXIT_UNREADABLE;
    } else if (v->baseline.is_new && !o->is_updating) {
        diag_error("%s: no such baseline; --update-baseline makes one", o->baseline);
        v->status = SEEP_EXIT_USAGE;
    } else {
        wait_for_recorder(v->path);
        v->status = analysis_open(&v->analysis, &o->analysis, v->path);
    }
    if (v->status != SEEP_EXIT_DONE) {
        analysis_close(&v->analysis);
        add_fact(v, "unreadable", GATE_FAILED, gate_text_of("trace readable"), gate_text_of("no"), gate_text_of("yes"),
                 gate_text_of("the trace cannot be judged: %s", v->status == SEEP_EXIT_USAGE
                                                                    ? "it, or the baseline, has not what is to be looked at"
                                                                    : "it, or the baseline, cannot be read"));
        return;
    }
    v->is_read = true;
    build_sites(v, o);
    if (o->baseline || o->has_identities) {
        site_set_build(&v->known, &v->analysis, &o->analysis.rules, &v->pool, NULL);
    }
    if (o->baseline || has_growth_limit(o)) {
        growth_build(&v->growth, &v->analysis.profile, v->analysis.symbolizer, v->analysis.blame, SITE_BY_BLAME);
    }
    for (size_t i = 0; i < o->n_limits; i++) {
        check_limit(v, &o->limits[i]);
    }
    if (o->baseline) {
        gate_check_baseline(v, o);
    }
    check_complete(v, o);
    check_lost(v, o);
    note_selection(v, &o->analysis.selection);
    note_others(v, o);
    v->status = gate_n_failed(v) ? SEEP_EXIT_GATE_FAILED : SEEP_EXIT_DONE;
}

size_t gate_n_failed(const struct gate_verdict *verdict) {
    size_t n = 0;
    for (size_t i = 0; i < verdict->n_checks; i++) {
        n += verdict->checks[i].result == GATE_FAILED;
    }
    return n;
}

void gate_judge(struct gate *gate, const struct gate_options *options, char *const *paths, size_t n) {
    *gate = (struct gate){.options = options, .verdicts = xcalloc(n, sizeof *gate->verdicts), .n_verdicts = n};
    for (size_t i = 0; i < n; i++) {
        gate->verdicts[i].path = paths[i];
        judge(&gate->verdicts[i], options);
        gate->status = gate->verdicts[i].status > gate->status ? gate->verdicts[i].status : gate->status;
    }
}

static void free_verdict(struct gate_verdict *v) {
    for (size_t i = 0; i < v->n_checks; i++) {
        free(v->checks[i].name);
        free(v->checks[i].figure);
        free(v->checks[i].limit);
        free(v->checks[i].message);
        free(v->checks[i].culprits);
    }
    free(v->checks);
    free(v->of_known);
    site_set_free(&v->known);
    baseline_free(&v->baseline);
    if (v->is_read) {
        growth_free(&v->growth);
        openssl_objects_free(&v->openssl);
        free(v->site_of_stack);
        sites_free(&v->sites);
        analysis_close(&v->analysis);
    }
    string_pool_free(&v->pool);
}

void gate_free(struct gate *gate) {
    for (size_t i = 0; i < gate->n_verdicts; i++) {
        free_verdict(&gate->verdicts[i]);
    }
    free(gate->verdicts);
}
