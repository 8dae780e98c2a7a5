/* report_json.c - see report_json.h, which documents every key. */
#include "report_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "diag.h"
#include "json_out.h"
#include "marks.h"
#include "report_growth.h"
#include "report_openssl.h"
#include "report_suppressions.h"
#include "report_tracer.h"
#include "trace_json.h"

static const struct process *main_process(const struct report *r) {
    for (size_t i = 0; i < r->profile->n_processes; i++) {
        if (profile_is_chosen(r->profile, &r->profile->processes[i])) {
            return &r->profile->processes[i];
        }
    }
    return NULL;
}

/* Of a sampled trace: how far the figures may be off. */
static void put_standard_errors(struct json_out *j, const struct estimate *e) {
    json_put_uint(j, "samples", e->n_samples);
    json_key(j, "standard_errors");
    json_object_begin(j);
    json_put_double(j, "calls", sqrt(e->var_calls));
    json_put_double(j, "allocated_bytes", sqrt(e->var_allocated_bytes));
    json_put_double(j, "peak_bytes", sqrt(e->var_peak_bytes));
    json_put_double(j, "unreleased_bytes", sqrt(e->var_unreleased_bytes));
    json_put_double(j, "unreleased_blocks", sqrt(e->var_unreleased_blocks));
    json_put_double(j, "temporary", sqrt(e->var_temporary));
    json_object_end(j);
}

static void put_totals(struct json_out *j, const struct profile *p, const struct cost *total, uint64_t n_frees) {
    json_key(j, "totals");
    json_object_begin(j);
    json_put_uint(j, "allocations", total->calls);
    json_put_uint(j, "frees", n_frees);
    json_put_uint(j, "allocated_bytes", total->allocated_bytes);
    json_put_uint(j, "peak_bytes", total->peak_bytes);
    json_put_uint(j, "unreleased_bytes", total->unreleased_bytes);
    json_put_uint(j, "unreleased_blocks", total->unreleased_blocks);
    json_put_uint(j, "temporary", total->temporary);
    json_put_uint(j, "suppressed_bytes", total->suppressed_bytes);
    json_put_uint(j, "suppressed_blocks", total->suppressed_blocks);
    if (p->sample_bytes && total == &p->total) {
        put_standard_errors(j, &p->estimate);
    }
    json_object_end(j);
}

static void put_processes(struct json_out *j, const struct report *r) {
    const struct profile *p = r->profile;
    json_key(j, "processes");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *process = &p->processes[i];
        if (!profile_is_chosen(p, process)) {
            continue;
        }
        json_object_begin(j);
        trace_json_put_process(j, p, process);
        put_totals(j, p, p->n_processes == 1 ? &p->total : &process->total, process->n_frees);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_figures(struct json_out *j, const struct report *r, const struct cost *cost,
                        const struct estimate *estimate) {
    json_put_uint(j, "calls", cost->calls);
    json_put_uint(j, "allocated_bytes", cost->allocated_bytes);
    json_put_uint(j, "peak_bytes", cost->peak_bytes);
    json_put_uint(j, "unreleased_bytes", cost->unreleased_bytes);
    json_put_uint(j, "unreleased_blocks", cost->unreleased_blocks);
    json_put_uint(j, "temporary", cost->temporary);
    json_put_uint(j, "suppressed_bytes", cost->suppressed_bytes);
    json_put_uint(j, "suppressed_blocks", cost->suppressed_blocks);
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

static void put_frame(struct json_out *j, const struct location *location, const struct frame *frame) {
    json_put_string(j, "function", frame->function);
    json_put_string(j, "file", frame->file);
    json_put_known(j, "line", frame->line, frame->line != 0);
    json_put_string(j, "module", location->module);
}

static void put_place(struct json_out *j, const struct place *place) {
    static const struct location nowhere;
    static const struct frame nothing;
    put_frame(j, place->location ? place->location : &nowhere,
              place->location ? &place->location->frames[place->frame] : &nothing);
}

/* The function that a site of --group-by owner is, whichever of its lines. */
static void put_owner(struct json_out *j, const struct place *place) {
    const struct location *location = place->location;
    json_key(j, "owner");
    json_object_begin(j);
    json_put_string(j, "function", location ? location->frames[place->frame].function : NULL);
    json_put_string(j, "file", location ? location->frames[place->frame].file : NULL);
    json_put_string(j, "module", location ? location->module : NULL);
    json_object_end(j);
}

/* The frames of a stack, and which of them is the blamed one and, if that is asked for, the owner. */
static void put_frames(struct json_out *j, const struct report *r, uint32_t leaf) {
    const struct stack *stacks = r->profile->stacks;
    const struct sites *sites = r->sites[r->order];
    bool is_frame = stack_is_frame(&stacks[leaf]), has_owner = is_frame && sites->group == SITE_BY_OWNER;
    struct blame_frame blamed = is_frame ? blame_resolve(sites->blame, leaf, false) : (struct blame_frame){0};
    struct blame_frame owner = has_owner ? blame_resolve(sites->blame, leaf, true) : (struct blame_frame){0};
    uint64_t n = 0, blamed_index = 0, owner_index = 0;
    json_key(j, "frames");
    json_array_begin(j);
    for (uint32_t i = leaf; i < r->profile->n_stacks && stack_is_frame(&stacks[i]); i = stacks[i].parent) {
        const struct location *location = symbolize(r->symbolizer, stacks[i].module, stacks[i].ip);
        char address[24];
        snprintf(address, sizeof address, "0x%" PRIx64, stacks[i].ip - 1);
        blamed_index = i == blamed.stack ? n + blamed.frame : blamed_index;
        owner_index = i == owner.stack ? n + owner.frame : owner_index;
        n += location->n_frames;
        for (uint32_t k = 0; k < location->n_frames; k++) {
            json_object_begin(j);
            put_frame(j, location, &location->frames[k]);
            json_put_known(j, "offset", location->offset, location->object != 0);
            json_put_string(j, "address", address);
            json_put_bool(j, "inlined", k + 1 < location->n_frames);
            json_object_end(j);
        }
        if (stacks[i].parent >= i) {
            break;
        }
    }
    json_array_end(j);
    json_put_known(j, "blamed", blamed_index, is_frame);
    if (sites->group == SITE_BY_OWNER) {
        json_put_known(j, "owner", owner_index, is_frame);
    }
}

static void put_tag(struct json_out *j, const struct profile *p, uint64_t tag) {
    json_put_string(j, "file", tag_file(p, tag));
    json_put_known(j, "line", trace_tag_line(tag), trace_tag_line(tag) != 0);
}

/* What OpenSSL said of a stack's blocks. */
static void put_openssl(struct json_out *j, const struct profile *p, uint32_t stack) {
    uint64_t tag = stack_tag(&p->stacks[stack]);
    const struct freed_place *freed;
    size_t n = freed_of(p, p->stacks[stack].cost, &freed);
    if (!tag && n == 0) {
        return;
    }
    json_key(j, "openssl");
    json_object_begin(j);
    put_tag(j, p, tag);
    json_key(j, "freed");
    json_array_begin(j);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(j);
        put_tag(j, p, freed[i].place);
        json_put_uint(j, "blocks", freed[i].n);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

/* Who holds what is unreleased; numbers of processes as in the document's own list. */
static void put_owners(struct json_out *j, const struct report *r, const uint32_t *numbers, const struct site *site) {
    const struct profile *p = r->profile;
    struct share *owners;
    size_t n = site_owners(r->sites[r->order], site, &owners);
    json_key(j, "processes");
    json_array_begin(j);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(j);
        json_put_uint(j, "process", numbers[owners[i].of]);
        json_put_uint(j, "pid", profile_pid(p, owners[i].of));
        json_put_uint(j, "unreleased_bytes", owners[i].bytes);
        json_put_uint(j, "unreleased_blocks", owners[i].blocks);
        json_object_end(j);
    }
    json_array_end(j);
    free(owners);
}

/* Behind which marks it was allocated. */
static void put_births(struct json_out *j, const struct report *r, const struct site *site) {
    struct share *births;
    size_t n = site_births(r->sites[r->order], site, &births);
    json_key(j, "allocated_behind");
    json_array_begin(j);
    for (size_t i = 0; i < n; i++) {
        const struct mark *mark = mark_numbered(r->profile, births[i].of);
        char *label = mark ? mark_label(r->profile, mark) : NULL;
        json_object_begin(j);
        json_put_uint(j, "mark", births[i].of);
        json_put_string(j, "name", label);
        json_put_uint(j, "unreleased_bytes", births[i].bytes);
        json_put_uint(j, "unreleased_blocks", births[i].blocks);
        json_object_end(j);
        free(label);
    }
    json_array_end(j);
    free(births);
}

void report_json_put_places(struct json_out *j, const struct sites *sites, const struct site *site, enum site_order order) {
    struct place leaf = site_main_leaf(sites, site, order), blamed = site_main_blamed(sites, site, order);
    put_place(j, &leaf);
    json_key(j, "blamed");
    json_object_begin(j);
    put_place(j, &blamed);
    json_object_end(j);
    if (sites->group == SITE_BY_OWNER) {
        put_owner(j, &site->at);
    }
}

/* numbers: of the processes in the document, NULL = there is only one. */
static void put_site(struct json_out *j, const struct report *r, const uint32_t *numbers, const struct site *site) {
    const struct sites *sites = r->sites[r->order];
    size_t n = site->n_stacks < r->stacks ? site->n_stacks : r->stacks;
    struct site_stack *ranked = xcalloc(n, sizeof *ranked);
    site_rank_stacks(sites, site, r->order, n, ranked);
    json_object_begin(j);
    report_json_put_places(j, sites, site, r->order);
    struct estimate estimate = site_estimate(sites, site);
    put_figures(j, r, &site->cost, r->profile->sample_bytes ? &estimate : NULL);
    if (numbers) {
        put_owners(j, r, numbers, site);
    }
    if (r->profile->n_marks) {
        put_births(j, r, site);
    }
    if (r->openssl->n_types) {
        report_openssl_json_site(j, r, site);
    }
    json_put_uint(j, "n_stacks", site->n_stacks);
    json_key(j, "stacks");
    json_array_begin(j);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(j);
        const struct estimate *estimates = r->profile->estimates;
        uint32_t cost = r->profile->stacks[ranked[i].stack].cost;
        put_figures(j, r, &r->profile->costs[cost], estimates ? &estimates[cost] : NULL);
        put_openssl(j, r->profile, ranked[i].stack);
        put_frames(j, r, ranked[i].leaf);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
    free(ranked);
}

/* The place of each process of the trace in the list of those that were chosen; NULL where that has one only. */
static uint32_t *number_processes(const struct profile *p) {
    if (profile_n_chosen(p) < 2) {
        return NULL;
    }
    uint32_t *numbers = xcalloc(p->n_processes, sizeof *numbers), n = 0;
    for (size_t i = 0; i < p->n_processes; i++) {
        numbers[i] = n;
        n += profile_is_chosen(p, &p->processes[i]);
    }
    return numbers;
}

const char *report_json_group_name(enum site_group group) {
    static const char *const names[] = {
        [SITE_BY_LEAF] = "leaf", [SITE_BY_BLAME] = "blame", [SITE_BY_MODULE] = "module", [SITE_BY_OWNER] = "owner"};
    return names[group];
}

int report_json(FILE *f, const struct report *report) {
    const struct sites *sites = report->sites[report->order];
    uint32_t *numbers = number_processes(report->profile);
    struct json_out *j = json_open(f);
    const struct site **ranked = xcalloc(sites->n_sites, sizeof *ranked);
    sites_rank(sites, report->order, ranked);
    json_object_begin(j);
    trace_json_put(j, report->profile, main_process(report));
    put_totals(j, report->profile, &report->profile->total, report->profile->n_frees);
    put_processes(j, report);
    json_put_string(j, "group_by", report_json_group_name(sites->group));
    json_key(j, "sites");
    json_array_begin(j);
    for (size_t i = 0; i < sites->n_sites && i < report->top; i++) {
        put_site(j, report, numbers, ranked[i]);
    }
    json_array_end(j);
    report_openssl_json(j, report);
    report_growth_json(j, report);
    selection_json(j, report->selection, report->profile);
    report_suppressions_json(j, report->suppressions);
    json_object_end(j);
    free(ranked);
    free(numbers);
    return json_close(j);
}
