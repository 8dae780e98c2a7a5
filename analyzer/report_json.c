/* report_json.c - see report_json.h, which documents every key. */
#include "report_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "diag.h"
#include "json_out.h"
#include "report_tracer.h"
#include "trace_format.h"

static void put_string(struct json_out *j, const char *key, const char *s) {
    json_key(j, key);
    json_string(j, s);
}

static void put_uint(struct json_out *j, const char *key, uint64_t v) {
    json_key(j, key);
    json_uint(j, v);
}

static void put_known(struct json_out *j, const char *key, uint64_t v, bool is_known) {
    json_key(j, key);
    if (is_known) {
        json_uint(j, v);
    } else {
        json_null(j);
    }
}

static void put_double(struct json_out *j, const char *key, double v) {
    json_key(j, key);
    json_double(j, v);
}

static void put_bool(struct json_out *j, const char *key, bool v) {
    json_key(j, key);
    json_bool(j, v);
}

static const struct process *main_process(const struct report *r) {
    for (size_t i = 0; i < r->profile->n_processes; i++) {
        if (r->pid == 0 || r->profile->processes[i].pid == r->pid) {
            return &r->profile->processes[i];
        }
    }
    return NULL;
}

static void put_lost(struct json_out *j, const struct profile *p) {
    json_key(j, "lost");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_lost; i++) {
        if (p->lost[i].count) {
            json_object_begin(j);
            put_string(j, "kind", p->lost[i].key);
            put_uint(j, "count", p->lost[i].count);
            put_string(j, "text", p->lost[i].text);
            put_bool(j, "events", p->lost[i].is_events);
            json_object_end(j);
        }
    }
    json_array_end(j);
}

static void put_damage(struct json_out *j, const struct profile *p) {
    json_key(j, "damage");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_damage; i++) {
        json_object_begin(j);
        put_uint(j, "offset", p->damage[i].off);
        put_known(j, "bytes", p->damage[i].n_bytes, p->damage[i].n_bytes != 0);
        put_string(j, "what", p->damage[i].what);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_notes(struct json_out *j, const struct profile *p) {
    json_key(j, "notes");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_notes; i++) {
        json_object_begin(j);
        put_uint(j, "pid", p->notes[i].pid);
        put_string(j, "text", p->notes[i].text);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_trace(struct json_out *j, const struct report *r) {
    const struct profile *p = r->profile;
    const struct process *process = main_process(r);
    char format[32];
    snprintf(format, sizeof format, "%" PRIu32 ".%" PRIu32, p->version_major, p->version_minor);
    json_key(j, "trace");
    json_object_begin(j);
    put_string(j, "version", p->recorder_version);
    put_string(j, "format", format);
    put_string(j, "file", p->path);
    put_uint(j, "file_bytes", p->file_bytes);
    put_string(j, "command", process ? process->command : NULL);
    put_known(j, "pid", process ? process->pid : 0, process != NULL);
    put_known(j, "start", p->start_real_ns / 1000000000, p->start_real_ns != 0);
    put_known(j, "sample_bytes", p->sample_bytes, p->sample_bytes != 0);
    put_double(j, "runtime_seconds", (double)p->runtime_ns / 1e9);
    put_bool(j, "complete", p->is_complete);
    put_bool(j, "recording", p->is_recording);
    put_uint(j, "events", p->n_events);
    put_uint(j, "events_missing", p->n_events_missing + p->n_events_unknown + p->n_frees_unmatched);
    put_uint(j, "lost_events", p->lost_events);
    put_lost(j, p);
    put_damage(j, p);
    json_key(j, "collector");
    json_object_begin(j);
    json_key(j, "cpu_seconds");
    if (p->collector_cpu_ns) {
        json_double(j, (double)p->collector_cpu_ns / 1e9);
    } else {
        json_null(j);
    }
    put_known(j, "memory_bytes", p->collector_rss_bytes, p->collector_rss_bytes != 0);
    json_object_end(j);
    put_notes(j, p);
    json_object_end(j);
}

/* Of a sampled trace: how far the figures may be off. */
static void put_standard_errors(struct json_out *j, const struct estimate *e) {
    put_uint(j, "samples", e->n_samples);
    json_key(j, "standard_errors");
    json_object_begin(j);
    put_double(j, "calls", sqrt(e->var_calls));
    put_double(j, "allocated_bytes", sqrt(e->var_allocated_bytes));
    put_double(j, "peak_bytes", sqrt(e->var_peak_bytes));
    put_double(j, "unreleased_bytes", sqrt(e->var_unreleased_bytes));
    put_double(j, "unreleased_blocks", sqrt(e->var_unreleased_blocks));
    put_double(j, "temporary", sqrt(e->var_temporary));
    json_object_end(j);
}

static void put_totals(struct json_out *j, const struct profile *p, const struct cost *total, uint64_t n_frees,
                       bool has_frees) {
    json_key(j, "totals");
    json_object_begin(j);
    put_uint(j, "allocations", total->calls);
    put_known(j, "frees", n_frees, has_frees);
    put_uint(j, "allocated_bytes", total->allocated_bytes);
    put_uint(j, "peak_bytes", total->peak_bytes);
    put_uint(j, "unreleased_bytes", total->unreleased_bytes);
    put_uint(j, "unreleased_blocks", total->unreleased_blocks);
    put_uint(j, "temporary", total->temporary);
    if (p->sample_bytes) {
        put_standard_errors(j, &p->estimate);
    }
    json_object_end(j);
}

static void put_exit(struct json_out *j, const struct process *process) {
    json_key(j, "exit");
    if (process->end_kind == TRACE_END_EXIT) {
        json_int(j, (int64_t)process->end_value);
    } else if (process->end_kind == TRACE_END_SIGNAL) {
        json_int(j, -(int64_t)process->end_value);
    } else {
        json_null(j);
    }
}

static void put_processes(struct json_out *j, const struct report *r) {
    const struct profile *p = r->profile;
    json_key(j, "processes");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *process = &p->processes[i];
        if (r->pid && process->pid != r->pid) {
            continue;
        }
        json_object_begin(j);
        put_uint(j, "pid", process->pid);
        put_uint(j, "ppid", process->ppid);
        put_string(j, "command", process->command);
        put_exit(j, process);
        put_known(j, "peak_rss_bytes", process->peak_rss_bytes, process->peak_rss_bytes != 0);
        if (process_has_totals(p)) {
            put_totals(j, p, &p->total, p->n_frees, true);
        } else {
            json_key(j, "totals");
            json_null(j);
        }
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_figures(struct json_out *j, const struct report *r, const struct cost *cost,
                        const struct estimate *estimate) {
    put_uint(j, "calls", cost->calls);
    put_uint(j, "allocated_bytes", cost->allocated_bytes);
    put_uint(j, "peak_bytes", cost->peak_bytes);
    put_uint(j, "unreleased_bytes", cost->unreleased_bytes);
    put_uint(j, "unreleased_blocks", cost->unreleased_blocks);
    put_uint(j, "temporary", cost->temporary);
    json_key(j, "oldest_seconds");
    if (cost->oldest_birth_ns <= r->profile->runtime_ns) {
        json_double(j, (double)(r->profile->runtime_ns - cost->oldest_birth_ns) / 1e9);
    } else {
        json_null(j);
    }
    if (estimate) {
        put_standard_errors(j, estimate);
    }
}

static void put_place(struct json_out *j, const struct location *location, const struct frame *frame) {
    put_string(j, "function", frame->function);
    put_string(j, "file", frame->file);
    put_known(j, "line", frame->line, frame->line != 0);
    put_string(j, "module", location->module);
}

static void put_frames(struct json_out *j, const struct report *r, uint32_t leaf) {
    const struct stack *stacks = r->profile->stacks;
    json_key(j, "frames");
    json_array_begin(j);
    for (uint32_t i = leaf; i < r->profile->n_stacks && stack_is_frame(&stacks[i]); i = stacks[i].parent) {
        const struct location *location = symbolize(r->symbolizer, stacks[i].module, stacks[i].ip);
        char address[24];
        snprintf(address, sizeof address, "0x%" PRIx64, stacks[i].ip - 1);
        for (uint32_t k = 0; k < location->n_frames; k++) {
            json_object_begin(j);
            put_place(j, location, &location->frames[k]);
            put_known(j, "offset", location->offset, location->object != 0);
            put_string(j, "address", address);
            put_bool(j, "inlined", k + 1 < location->n_frames);
            json_object_end(j);
        }
        if (stacks[i].parent >= i) {
            break;
        }
    }
    json_array_end(j);
}

static void put_site(struct json_out *j, const struct report *r, const struct site *site) {
    static const struct location nowhere;
    static const struct frame nothing;
    size_t n = site->n_stacks < r->stacks ? site->n_stacks : r->stacks;
    struct site_stack *ranked = xcalloc(n, sizeof *ranked);
    site_rank_stacks(r->sites, site, r->order, n, ranked);
    json_object_begin(j);
    put_place(j, site->leaf ? site->leaf : &nowhere, site->leaf ? &site->leaf->frames[0] : &nothing);
    struct estimate estimate = site_estimate(r->sites, site);
    put_figures(j, r, &site->cost, r->profile->sample_bytes ? &estimate : NULL);
    put_uint(j, "n_stacks", site->n_stacks);
    json_key(j, "stacks");
    json_array_begin(j);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(j);
        const struct estimate *estimates = r->profile->estimates;
        uint32_t cost = r->profile->stacks[ranked[i].stack].cost;
        put_figures(j, r, &r->profile->costs[cost], estimates ? &estimates[cost] : NULL);
        put_frames(j, r, ranked[i].leaf);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    free(ranked);
}

int report_json(FILE *f, const struct report *report) {
    struct json_out *j = json_open(f);
    const struct site **ranked = xcalloc(report->sites->n_sites, sizeof *ranked);
    sites_rank(report->sites, report->order, ranked);
    json_object_begin(j);
    put_trace(j, report);
    put_totals(j, report->profile, report->pid ? &report->sites->total : &report->profile->total, report->profile->n_frees,
               report->pid == 0);
    put_processes(j, report);
    json_key(j, "sites");
    json_array_begin(j);
    for (size_t i = 0; i < report->sites->n_sites && i < report->top; i++) {
        put_site(j, report, ranked[i]);
    }
    json_array_end(j);
    json_object_end(j);
    free(ranked);
    return json_close(j);
}
