/* gate_check.c - see gate_check.h, and gate.h for what is said of culprits. */
#include "gate_check.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

const struct gate_figure_row gate_figures[GATE_N_FIGURES] = {
    [GATE_UNRELEASED_BYTES] = {"max-unreleased", "unreleased bytes", "B", SITE_BY_UNRELEASED},
    [GATE_UNRELEASED_BLOCKS] = {"max-unreleased", "unreleased blocks", "blocks", SITE_BY_UNRELEASED},
    [GATE_PEAK_BYTES] = {"max-peak", "peak", "B", SITE_BY_PEAK},
    [GATE_CALLS] = {"max-calls", "calls", "calls", SITE_BY_CALLS},
    [GATE_BASELINE] = {"baseline", "sites beyond the baseline", "sites", SITE_BY_UNRELEASED},
    [GATE_GROWTH_BYTES] = {"max-growth", "growth of bytes", "B", SITE_BY_UNRELEASED},
    [GATE_GROWTH_BLOCKS] = {"max-growth", "growth of blocks", "blocks", SITE_BY_UNRELEASED},
    [GATE_TEMPORARY_PERCENT] = {"max-temporary-ratio", "temporary allocations", "%", SITE_BY_TEMPORARY},
};

char *gate_text_of(const char *fmt, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0) {
        text = NULL;
    }
    va_end(args);
    return text ? text : xstrndup("", 0);
}

/* What is gained at a step: two decimals, rounded up, so that a figure above a limit never looks like one that equals it; below 1, three digits. */
static char *step_text(double value) {
    if (value < 1) {
        return gate_text_of("%.3g", value);
    }
    char *text = gate_text_of("%.2f", ceil(value * 100 - 1e-6) / 100);
    size_t n = strlen(text);
    n -= n > 3 && strcmp(text + n - 3, ".00") == 0 ? 3 : n > 0 && text[n - 1] == '0' ? 1 : 0;
    text[n] = '\0';
    return text;
}

/* Nine digits for percents, all of them for what is counted. */
char *gate_figure_text(enum gate_figure of, double value) {
    const char *unit = gate_figures[of].unit;
    if (of == GATE_GROWTH_BYTES || of == GATE_GROWTH_BLOCKS) {
        char *number = step_text(value), *text = gate_text_of("%s %s", number, unit);
        free(number);
        return text;
    }
    if (of == GATE_TEMPORARY_PERCENT) {
        return gate_text_of("%.9g %s", value, unit);
    }
    if (value == 1 && of != GATE_UNRELEASED_BYTES && of != GATE_PEAK_BYTES) {
        return gate_text_of("1 %.*s", (int)strlen(unit) - 1, unit);
    }
    return gate_text_of("%.0f %s", value, unit);
}

/* What it holds, and what it may. */
static char *beyond_text(const struct gate_culprit *culprit) {
    const struct cost *c = &culprit->known->cost;
    const struct baseline_figures *allowed = culprit->allowed;
    char *now = gate_text_of("%" PRIu64 " B unreleased in %" PRIu64 " block%s", c->unreleased_bytes, c->unreleased_blocks,
                             c->unreleased_blocks == 1 ? "" : "s");
    char *text;
    if (!allowed) {
        text = gate_text_of("%s, new: %s", now, culprit->known->id.key);
    } else if (allowed->has_growth && culprit->now.growth_hundredths > allowed->growth_hundredths) {
        text = gate_text_of("%s, growing by %.2f B/mark, the baseline has %.2f: %s", now,
                            (double)culprit->now.growth_hundredths / 100, (double)allowed->growth_hundredths / 100,
                            culprit->known->id.key);
    } else {
        text = gate_text_of("%s, the baseline has %" PRIu64 " B in %" PRIu64 ": %s", now, allowed->bytes, allowed->blocks,
                            culprit->known->id.key);
    }
    free(now);
    return text;
}

/* "grows by 104 B in 1 block per mark (95 %: 103 to 105 B)". */
static char *growth_text(const struct gate_check *check, const struct gate_culprit *culprit) {
    const struct growth_figures *g = culprit->growth;
    if (g->class != GROWTH_GROWING && g->class != GROWTH_UNKNOWN) {
        return gate_text_of("has gained some of it, %.9g B in %.9g block%s at the last point", g->last_bytes,
                            g->last_blocks, g->last_blocks > 1 || g->last_blocks < 1 ? "s" : "");
    }
    char *low = step_text(g->low), *high = step_text(g->high), *bytes = step_text(g->bytes), *blocks = step_text(g->blocks);
    char *range = isnan(g->low) || check->of != GATE_GROWTH_BYTES
                      ? gate_text_of("%s", g->class == GROWTH_UNKNOWN ? ", too few points to be sure" : "")
                      : gate_text_of(" (95 %%: %s to %s B)", low, high);
    char *text = gate_text_of("grows by %s B in %s block%s per %s%s", bytes, blocks,
                              g->blocks > 1 || g->blocks < 1 ? "s" : "", check->is_per_hour ? "hour" : "mark", range);
    free(low);
    free(high);
    free(bytes);
    free(blocks);
    free(range);
    return text;
}

char *gate_culprit_text(const struct gate_check *check, const struct gate_culprit *culprit) {
    if (culprit->known) {
        return beyond_text(culprit);
    }
    const struct cost *c = &culprit->site->cost;
    if (culprit->growth) {
        return growth_text(check, culprit);
    }
    char *figure = gate_figure_text(check->of, culprit->figure), *text = NULL;
    switch (check->of) {
    case GATE_UNRELEASED_BYTES:
        text = gate_text_of("%s unreleased in %" PRIu64 " block%s", figure, c->unreleased_blocks,
                            c->unreleased_blocks == 1 ? "" : "s");
        break;
    case GATE_UNRELEASED_BLOCKS:
        text = gate_text_of("%s unreleased, %" PRIu64 " B", figure, c->unreleased_bytes);
        break;
    case GATE_PEAK_BYTES:
        text = gate_text_of("%s alive at the peak", figure);
        break;
    case GATE_TEMPORARY_PERCENT:
        text = gate_text_of("%s of %" PRIu64 " allocations temporary", figure, c->calls);
        break;
    default:
        text = gate_text_of("%s", figure);
    }
    free(figure);
    return text;
}

char *gate_culprit_mark(const struct gate_verdict *v, const struct gate_check *check, const struct gate_culprit *culprit) {
    return check->order == SITE_BY_UNRELEASED && !culprit->growth ? gate_marks_text(v, culprit->site) : NULL;
}

struct place gate_culprit_place(const struct gate_verdict *verdict, const struct gate_check *check,
                                const struct gate_culprit *culprit) {
    return culprit->known ? culprit->known->blamed : site_main_blamed(&verdict->sites, culprit->site, check->order);
}

struct gate_check *gate_add_check(struct gate_verdict *v, const char *rule, enum gate_result result) {
    v->checks = xgrow(v->checks, v->n_checks, &v->cap_checks, sizeof *v->checks);
    struct gate_check *check = &v->checks[v->n_checks++];
    *check = (struct gate_check){.rule = rule, .result = result};
    return check;
}

int gate_by_weight(const void *a, const void *b) {
    const struct gate_culprit *x = a, *y = b;
    if (x->weight < y->weight || x->weight > y->weight) {
        return x->weight > y->weight ? -1 : 1;
    }
    return (x->site > y->site) - (x->site < y->site);
}

/* Why a trace is not whole; NULL = it is. */
const char *gate_gap(const struct profile *p) {
    return p->is_recording   ? "it is still being recorded"
           : !p->is_complete ? "the recorder did not come to its end"
           : p->n_damage     ? "the file is damaged"
                             : NULL;
}

const char *gate_culprit_key(const struct gate_verdict *v, const struct gate_check *check,
                             const struct gate_culprit *culprit) {
    struct site_stack first;
    if (culprit->known || !v->known.keys || culprit->site->n_stacks == 0) {
        return culprit->known ? culprit->known->id.key : NULL;
    }
    site_rank_stacks(&v->sites, culprit->site, check->order, 1, &first);
    return v->known.keys[first.stack];
}

const struct site *gate_site_with(const struct gate_verdict *v, uint32_t stack) {
    return v->site_of_stack[stack] ? &v->sites.sites[v->site_of_stack[stack] - 1] : NULL;
}
