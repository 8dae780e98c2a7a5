/* diff_json.c - see diff.h, which documents every key. */
#include "diag.h"
#include "diff.h"
#include "json_out.h"

#include <stdlib.h>

static void put_trace(struct json_out *j, const char *key, const struct profile *p) {
    json_key(j, key);
    json_object_begin(j);
    json_put_string(j, "path", p->path);
    json_put_string(j, "command", p->n_processes ? p->processes[0].command : NULL);
    json_put_double(j, "runtime_seconds", (double)p->runtime_ns / 1e9);
    json_put_uint(j, "marks", p->n_marks);
    json_put_known(j, "sample_bytes", p->sample_bytes, p->sample_bytes != 0);
    json_put_bool(j, "complete", p->is_complete);
    json_put_bool(j, "recording", p->is_recording);
    json_put_uint(j, "lost_events", p->lost_events);
    json_put_uint(j, "events_missing", p->n_events_missing + p->n_events_unknown);
    json_put_uint(j, "suppressed_bytes", p->total.suppressed_bytes);
    json_put_uint(j, "suppressed_blocks", p->total.suppressed_blocks);
    json_object_end(j);
}

static void put_change(struct json_out *j, const struct diff_change *c) {
    json_put_uint(j, "base", c->base);
    json_put_uint(j, "file", c->now);
    json_key(j, "difference");
    json_int(j, (int64_t)(c->now - c->base));
    json_put_double(j, "standard_error", c->error);
    json_put_string(j, "verdict", diff_verdict_name(c->verdict));
}

static void put_rate(struct json_out *j, const char *key, uint64_t n, double of) {
    json_key(j, key);
    if (of > 0) {
        json_double(j, (double)n / of);
    } else {
        json_null(j);
    }
}

static void put_totals(struct json_out *j, const struct diff *d) {
    const struct profile *base = &d->base->profile, *now = &d->now->profile;
    bool has_marks = base->n_marks && now->n_marks;
    json_key(j, "totals");
    json_object_begin(j);
    for (enum diff_figure i = 0; i < DIFF_N_FIGURES; i++) {
        const struct diff_change *c = &d->totals[i];
        bool has_rate = i != DIFF_PEAK_BYTES;
        json_key(j, diff_figure_name(i));
        json_object_begin(j);
        put_change(j, c);
        put_rate(j, "base_per_second", c->base, has_rate ? (double)base->runtime_ns / 1e9 : 0);
        put_rate(j, "file_per_second", c->now, has_rate ? (double)now->runtime_ns / 1e9 : 0);
        put_rate(j, "base_per_mark", c->base, has_rate && has_marks ? (double)base->n_marks : 0);
        put_rate(j, "file_per_mark", c->now, has_rate && has_marks ? (double)now->n_marks : 0);
        json_object_end(j);
    }
    json_object_end(j);
}

static void put_site(struct json_out *j, const struct diff_site *site, enum diff_figure sort) {
    static const struct location nowhere;
    static const struct frame nothing;
    const struct place *blamed = &diff_known(site)->blamed;
    const struct location *location = blamed->location ? blamed->location : &nowhere;
    const struct frame *frame = blamed->location ? &location->frames[blamed->frame] : &nothing;
    json_object_begin(j);
    json_put_string(j, "key", site->now ? site->now->id.key : NULL);
    json_put_string(j, "base_key", site->base ? site->base->id.key : NULL);
    json_put_string(j, "verdict", diff_verdict_name(site->changes[sort].verdict));
    json_put_string(j, "function", frame->function);
    json_put_string(j, "file", frame->file);
    json_put_known(j, "line", frame->line, frame->line != 0);
    json_put_string(j, "module", location->module);
    for (enum diff_figure i = 0; i < DIFF_N_FIGURES; i++) {
        json_key(j, diff_figure_name(i));
        json_object_begin(j);
        put_change(j, &site->changes[i]);
        json_object_end(j);
    }
    json_object_end(j);
}

int diff_json(FILE *f, const struct diff *d, enum diff_figure sort, size_t top) {
    size_t counts[DIFF_N_VERDICTS];
    const struct diff_site **ranked = xcalloc(d->n, sizeof *ranked);
    struct json_out *j = json_open(f);
    diff_rank(d, sort, ranked);
    diff_count(d, sort, counts);
    json_object_begin(j);
    put_trace(j, "base", &d->base->profile);
    put_trace(j, "file", &d->now->profile);
    put_totals(j, d);
    json_put_string(j, "sort", diff_figure_name(sort));
    json_key(j, "counts");
    json_object_begin(j);
    for (enum diff_verdict v = 0; v < DIFF_N_VERDICTS; v++) {
        json_put_uint(j, diff_verdict_name(v), counts[v]);
    }
    json_object_end(j);
    json_key(j, "sites");
    json_array_begin(j);
    for (size_t i = 0; i < d->n && i < top; i++) {
        put_site(j, ranked[i], sort);
    }
    json_array_end(j);
    json_object_end(j);
    free(ranked);
    return json_close(j);
}
