/* diff_text.c - the text of `seep diff`: what is worse comes first, section by section. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "diag.h"
#include "diff.h"
#include "estimate.h"
#include "format_size.h"
#include "safe_text.h"

/* A section is about the first figure; the second, if any, stands beside it. */
struct section {
    const char *title;
    enum diff_figure figure, other;
    const char *unit, *other_unit;
    bool is_bytes, other_is_bytes;
};

static const struct section sections[] = {
    {"UNRELEASED", DIFF_UNRELEASED_BYTES, DIFF_UNRELEASED_BLOCKS, "", " blocks", true, false},
    {"PEAK", DIFF_PEAK_BYTES, DIFF_CALLS, "", " calls", true, false},
    {"CALLS", DIFF_CALLS, DIFF_ALLOCATED_BYTES, " calls", " allocated", false, true},
    {"TEMPORARY", DIFF_TEMPORARY, DIFF_CALLS, " temporary", " calls", false, false},
};

enum { N_SECTIONS = sizeof sections / sizeof sections[0], NUMBER_MAX = FORMAT_BYTES_MAX + 1, SIGNED_MAX = NUMBER_MAX + 1 };

static const char *number(uint64_t n, bool is_bytes, char buf[NUMBER_MAX]) {
    if (is_bytes) {
        return format_size(n, buf);
    }
    snprintf(buf, NUMBER_MAX, "%" PRIu64, n);
    return buf;
}

/* "+104.00K" */
static const char *signed_number(const struct diff_change *c, bool is_bytes, char buf[SIGNED_MAX]) {
    uint64_t distance = c->now > c->base ? c->now - c->base : c->base - c->now;
    buf[0] = c->now > c->base ? '+' : c->now < c->base ? '-' : ' ';
    number(distance, is_bytes, buf + 1);
    return buf;
}

/* "+104.00K, from 0B to 104.00K" */
static void put_change(FILE *f, const struct diff_change *c, const char *unit, bool is_bytes) {
    char base[NUMBER_MAX], now[NUMBER_MAX], difference[SIGNED_MAX];
    if (c->base == c->now) {
        fprintf(f, "%s%s", number(c->now, is_bytes, now), unit);
    } else {
        fprintf(f, "%s%s, from %s to %s", signed_number(c, is_bytes, difference), unit, number(c->base, is_bytes, base),
                number(c->now, is_bytes, now));
    }
    if (c->error > 0) {
        fprintf(f, ", standard error %s", number(estimate_round(c->error), is_bytes, now));
    }
}

static void put_site(FILE *f, const struct section *s, const struct diff_site *site) {
    const struct known_site *known = diff_known(site);
    fprintf(f, "%s: ", diff_verdict_name(site->changes[s->figure].verdict));
    put_change(f, &site->changes[s->figure], s->unit, s->is_bytes);
    char difference[SIGNED_MAX];
    const struct diff_change *other = &site->changes[s->other];
    if (other->base != other->now) {
        fprintf(f, "; %s%s", signed_number(other, s->other_is_bytes, difference), s->other_unit);
    } else if (other->now) {
        fprintf(f, "; still %s%s", number(other->now, s->other_is_bytes, difference), s->other_unit);
    }
    fputs("\n  ", f);
    safe_text_put(f, known->id.key);
    if (known->blamed.location && known->blamed.location->frames[known->blamed.frame].file) {
        const struct frame *frame = &known->blamed.location->frames[known->blamed.frame];
        fputs("\n  at ", f);
        safe_text_put(f, frame->file);
        fprintf(f, ":%" PRIu32 "%s", frame->line, site->now ? "" : " of BASE");
    }
    if (diff_is_renamed(site)) {
        fputs("\n  in BASE: ", f);
        safe_text_put(f, site->base->id.key);
    }
    fputc('\n', f);
}

static void put_counts(FILE *f, const size_t counts[DIFF_N_VERDICTS]) {
    for (enum diff_verdict v = 0; v < DIFF_N_VERDICTS; v++) {
        fprintf(f, "%s%zu %s", v ? ", " : "", counts[v], diff_verdict_name(v));
    }
}

static void put_section(FILE *f, const struct diff *d, const struct section *s, size_t top) {
    size_t counts[DIFF_N_VERDICTS], n_shown = 0, n_changed = 0;
    const struct diff_site **ranked = xcalloc(d->n, sizeof *ranked);
    diff_rank(d, s->figure, ranked);
    diff_count(d, s->figure, counts);
    fprintf(f, "%s (sites: ", s->title);
    put_counts(f, counts);
    fputs(")\n", f);
    for (enum diff_verdict v = 0; v < DIFF_SAME; v++) {
        n_changed += counts[v];
    }
    for (; n_shown < n_changed && n_shown < top; n_shown++) {
        put_site(f, s, ranked[n_shown]);
    }
    if (n_changed > n_shown) {
        fprintf(f, "… and %zu more that changed (--top %zu shows all)\n", n_changed - n_shown, n_changed);
    }
    fputc('\n', f);
    free(ranked);
}

/* One trace: what it is of, how long, and what is missing from it. */
static void put_trace(FILE *f, const char *name, const struct profile *p) {
    fprintf(f, "%s: ", name);
    safe_text_put(f, p->path);
    fprintf(f, ", %.2fs", (double)p->runtime_ns / 1e9);
    if (p->n_marks) {
        fprintf(f, ", %zu marks", p->n_marks);
    }
    if (p->sample_bytes) {
        fprintf(f, ", sampled every %" PRIu64 " bytes", p->sample_bytes);
    }
    uint64_t n_lost = p->lost_events + p->n_events_missing + p->n_events_unknown;
    fprintf(f, ", %s", p->is_recording ? "still being recorded" : p->is_complete ? "complete" : "incomplete");
    if (n_lost) {
        fprintf(f, ", events lost: %" PRIu64, n_lost);
    }
    if (p->total.suppressed_blocks) {
        char size[NUMBER_MAX];
        fprintf(f, ", %s in %" PRIu64 " blocks suppressed", format_size(p->total.suppressed_bytes, size),
                p->total.suppressed_blocks);
    }
    fputs("\n  ", f);
    safe_text_put(f, p->n_processes && p->processes[0].command ? p->processes[0].command : "");
    fputc('\n', f);
}

static void put_rate(FILE *f, uint64_t n, double of, bool is_bytes) {
    char size[NUMBER_MAX];
    double rate = of > 0 ? (double)n / of : 0;
    if (is_bytes) {
        fputs(format_size(estimate_round(rate), size), f);
    } else {
        fprintf(f, rate < 100 ? "%.2f" : "%.0f", rate);
    }
}

/* "; per second 3.21M and 2.54M": before and now. */
static void put_rates(FILE *f, const char *what, const struct diff_change *c, double base, double now, bool is_bytes) {
    fprintf(f, "; per %s ", what);
    put_rate(f, c->base, base, is_bytes);
    fputs(" and ", f);
    put_rate(f, c->now, now, is_bytes);
}

static void put_totals(FILE *f, const struct diff *d) {
    static const struct {
        enum diff_figure figure;
        const char *name;
        bool is_bytes;
    } rows[] = {{DIFF_UNRELEASED_BYTES, "unreleased", true},
                {DIFF_UNRELEASED_BLOCKS, "unreleased blocks", false},
                {DIFF_PEAK_BYTES, "peak", true},
                {DIFF_CALLS, "calls to allocation functions", false},
                {DIFF_ALLOCATED_BYTES, "allocated in all", true},
                {DIFF_TEMPORARY, "temporary allocations", false}};
    const struct profile *base = &d->base->profile, *now = &d->now->profile;
    fputs("TOTALS\n", f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct diff_change *c = &d->totals[rows[i].figure];
        fprintf(f, "%s: %s: ", rows[i].name, diff_verdict_name(c->verdict));
        put_change(f, c, "", rows[i].is_bytes);
        if (rows[i].figure != DIFF_PEAK_BYTES) {
            put_rates(f, "second", c, (double)base->runtime_ns / 1e9, (double)now->runtime_ns / 1e9, rows[i].is_bytes);
        }
        if (rows[i].figure != DIFF_PEAK_BYTES && base->n_marks && now->n_marks) {
            put_rates(f, "mark", c, (double)base->n_marks, (double)now->n_marks, rows[i].is_bytes);
        }
        fputc('\n', f);
    }
}

void diff_text(FILE *f, const struct diff *d, enum diff_figure first, size_t top) {
    put_trace(f, "BASE", &d->base->profile);
    put_trace(f, "FILE", &d->now->profile);
    fputc('\n', f);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < N_SECTIONS; i++) {
            if ((sections[i].figure == first) == (pass == 0)) {
                put_section(f, d, &sections[i], top);
            }
        }
    }
    put_totals(f, d);
    if (d->base->profile.sample_bytes || d->now->profile.sample_bytes) {
        fprintf(f, "sampled: differences within %d standard errors are called the same\n", DIFF_STANDARD_ERRORS);
    }
}
