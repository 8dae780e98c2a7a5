/* gate_baseline.c - the baseline's part of the gate: which sites are beyond it, and how it is written anew. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "diag.h"
#include "gate_check.h"

/* What each known site gains at a mark, in hundredths of bytes, rounded up. NULL where the trace cannot tell; the caller frees it. */
static uint64_t *growth_of_known(const struct gate_verdict *v) {
    const struct profile *p = &v->analysis.profile;
    const struct growth *g = &v->growth;
    if (g->why_not || g->axis != SERIES_MARKS || g->total.class == GROWTH_UNKNOWN) {
        return NULL;
    }
    size_t n = series_n_points(&p->series);
    uint64_t *growth = xcalloc(v->known.n, sizeof *growth);
    double *bytes = xcalloc(v->known.n * n, sizeof *bytes), *blocks = xcalloc(n, sizeof *blocks);
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        const struct known_site *known = site_set_of(&v->known, i);
        if (known) {
            series_add(&p->series, p->stacks[i].cost, blocks, bytes + (size_t)(known - v->known.sites) * n);
        }
    }
    for (size_t i = 0; i < v->known.n; i++) {
        struct growth_verdict judged = growth_judge(bytes + i * n, n);
        double slope = judged.slope / (double)g->step;
        growth[i] = judged.class == GROWTH_GROWING && slope > 0 ? (uint64_t)ceil(slope * 100) : 0;
    }
    free(bytes);
    free(blocks);
    return growth;
}

/* What each known site has now. The caller frees it. */
static struct baseline_figures *figures_now(const struct gate_verdict *v) {
    struct baseline_figures *now = xcalloc(v->known.n, sizeof *now);
    uint64_t *growth = growth_of_known(v);
    for (size_t i = 0; i < v->known.n; i++) {
        const struct cost *c = &v->known.sites[i].cost;
        now[i] = (struct baseline_figures){.bytes = c->unreleased_bytes,
                                           .blocks = c->unreleased_blocks,
                                           .growth_hundredths = growth ? growth[i] : 0,
                                           .has_growth = growth != NULL};
    }
    free(growth);
    return now;
}

/* The entry of each known site. The caller frees it. */
static uint32_t *match_baseline(const struct gate_verdict *v) {
    const struct identity **ids = xcalloc(v->known.n, sizeof *ids);
    uint32_t *match = xcalloc(v->known.n, sizeof *match);
    for (size_t i = 0; i < v->known.n; i++) {
        ids[i] = &v->known.sites[i].id;
    }
    baseline_match(&v->baseline, ids, v->known.n, match);
    free(ids);
    return match;
}

/* Make a site of each known one. Those of v->sites are told apart by lines alone: a line that several known sites have in common is one of them, so a
 * culprit would be shown with stacks of others, which may keep what they hold. */
static void build_of_known(struct gate_verdict *v) {
    struct sites *sites = &v->sites;
    size_t n = sites->n_stacks, end = n;
    struct site_stack *stacks = xcalloc(2 * n, sizeof *stacks);
    v->of_known = xcalloc(v->known.n, sizeof *v->of_known);
    for (size_t i = 0; i < n; i++) {
        const struct known_site *known = site_set_of(&v->known, sites->stacks[i].stack);
        stacks[i] = sites->stacks[i];
        if (known) {
            v->of_known[known - v->known.sites].n_stacks++;
        }
    }
    for (size_t i = 0; i < v->known.n; i++) {
        struct site *site = &v->of_known[i];
        size_t n_stacks = site->n_stacks;
        *site = (struct site){.at = v->known.sites[i].blamed, .cost = v->known.sites[i].cost, .first = end};
        end += n_stacks;
    }
    for (size_t i = 0; i < n; i++) {
        const struct known_site *known = site_set_of(&v->known, stacks[i].stack);
        if (known) {
            struct site *site = &v->of_known[known - v->known.sites];
            stacks[site->first + site->n_stacks++] = stacks[i];
        }
    }
    free(sites->stacks);
    sites->stacks = stacks;
    sites->n_stacks = end;
}

void gate_check_baseline(struct gate_verdict *v, const struct gate_options *o) {
    struct gate_check *check = gate_add_check(v, gate_figures[GATE_BASELINE].rule, GATE_PASSED);
    uint32_t *match = match_baseline(v);
    struct baseline_figures *all_now = figures_now(v);
    size_t n_new = 0, n_unjudged = 0;
    build_of_known(v);
    check->culprits = xcalloc(v->known.n, sizeof *check->culprits);
    for (size_t i = 0; i < v->known.n; i++) {
        const struct known_site *known = &v->known.sites[i];
        const struct baseline_figures now = all_now[i], *allowed = match[i] == IDENTITY_NO_MATCH
                                                                       ? NULL
                                                                       : &v->baseline.entries[match[i]].limit;
        n_unjudged += allowed && allowed->has_growth && !now.has_growth && !o->is_new_only;
        /* What has grown and was given back at the end has grown, too. */
        if (allowed ? !o->is_new_only && baseline_exceeds(&now, allowed) : now.blocks != 0) {
            n_new += !allowed;
            check->culprits[check->n_culprits++] = (struct gate_culprit){.site = &v->of_known[i],
                                                                         .figure = (double)now.bytes,
                                                                         .weight = (double)now.bytes,
                                                                         .known = known,
                                                                         .now = now,
                                                                         .allowed = allowed};
        }
    }
    free(match);
    free(all_now);
    check->of = GATE_BASELINE;
    check->order = SITE_BY_UNRELEASED;
    check->is_per_site = true;
    check->name = gate_text_of("%s", gate_figures[GATE_BASELINE].name);
    check->figure = gate_text_of("%zu, %zu new", check->n_culprits, n_new);
    check->limit = gate_text_of("%s", o->is_new_only ? "no new one" : "none");
    if (check->n_culprits) {
        bool is_taken = o->is_updating && (o->may_loosen || v->baseline.is_new);
        check->result = is_taken ? GATE_NOTED : GATE_FAILED;
        check->message = gate_text_of("sites beyond the baseline: %s", check->figure);
        qsort(check->culprits, check->n_culprits, sizeof *check->culprits, gate_by_weight);
    }
    if (n_unjudged) {
        check = gate_add_check(v, gate_figures[GATE_BASELINE].rule, GATE_FAILED);
        check->name = gate_text_of("growth of the baseline's sites");
        check->figure = gate_text_of("not judged");
        check->limit = gate_text_of("%zu sites have one", n_unjudged);
        check->message = gate_text_of("the baseline limits growth, which cannot be judged: %s",
                                      v->growth.why_not ? v->growth.why_not : "too few marks");
    }
}

int gate_update_baseline(struct gate_verdict *v, const struct gate_options *o) {
    const struct profile *p = &v->analysis.profile;
    const char *gap = gate_gap(p)           ? gate_gap(p)
                      : p->lost_events != 0 ? "events were lost"
                      : p->sample_bytes     ? "it is sampled, its figures are estimates"
                      : o->is_of_failure    ? "the command has failed"
                                            : NULL;
    if (gap) {
        diag_error("%s: not updated from %s: %s", o->baseline, v->path, gap);
        return SEEP_EXIT_GATE_FAILED;
    }
    struct baseline_site *sites = xcalloc(v->known.n, sizeof *sites);
    struct baseline_figures *now = figures_now(v);
    struct baseline_changes changes;
    for (size_t i = 0; i < v->known.n; i++) {
        sites[i] = (struct baseline_site){.id = &v->known.sites[i].id, .now = now[i]};
    }
    free(now);
    bool may_loosen = o->may_loosen || v->baseline.is_new;
    baseline_update(&v->baseline, sites, v->known.n, may_loosen, &changes);
    size_t n_loosened = changes.n_loosened;
    free(changes.loosened);
    free(sites);
    if (baseline_write(&v->baseline, o->baseline) != 0) {
        return SEEP_EXIT_UNREADABLE;
    }
    diag_error("%s: %zu sites removed, %zu lowered, %zu %s", o->baseline, changes.n_removed, changes.n_lowered, n_loosened,
               may_loosen ? "added or raised" : "not added or raised (--allow-loosen does that)");
    return n_loosened && !may_loosen ? SEEP_EXIT_GATE_FAILED : SEEP_EXIT_DONE;
}
