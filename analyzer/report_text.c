/* report_text.c - see report_text.h. The sections differ only in their sentences, so each is one row of a table. */
#include "report_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "format_size.h"
#include "marks.h"
#include "report_growth.h"
#include "report_openssl.h"
#include "report_suppressions.h"
#include "report_tracer.h"
#include "safe_text.h"
#include "text.h"
#include "trace_format.h"

struct section {
    const char *title;
    enum site_order order;
    void (*sentence)(FILE *f, const struct cost *cost, bool is_site);
    bool is_bytes; /* how the remainder is written */
    bool has_ages;
};

static void say_calls(FILE *f, const struct cost *c, bool is_site) {
    char size[FORMAT_BYTES_MAX];
    fprintf(f, "%" PRIu64 " calls%s with %s peak consumption from", c->calls, is_site ? " to allocation functions" : "",
            format_size(c->peak_bytes, size));
}

static void say_peak(FILE *f, const struct cost *c, bool is_site) {
    char size[FORMAT_BYTES_MAX];
    fprintf(f, "%s %s over %" PRIu64 " calls from", format_size(c->peak_bytes, size),
            is_site ? "peak memory consumed" : "consumed", c->calls);
}

static void say_leaked(FILE *f, const struct cost *c, bool is_site) {
    (void)is_site;
    char size[FORMAT_BYTES_MAX];
    fprintf(f, "%s leaked over %" PRIu64 " calls from", format_size(c->unreleased_bytes, size), c->calls);
}

static void say_temporary(FILE *f, const struct cost *c, bool is_site) {
    (void)is_site;
    fprintf(f, "%" PRIu64 " temporary allocations of %" PRIu64 " allocations in total (%.2f%%) from", c->temporary,
            c->calls, c->calls ? 100. * (double)c->temporary / (double)c->calls : 0.);
}

static const struct section sections[] = {
    {"MOST CALLS TO ALLOCATION FUNCTIONS", SITE_BY_CALLS, say_calls, .is_bytes = false},
    {"PEAK MEMORY CONSUMERS", SITE_BY_PEAK, say_peak, .is_bytes = true},
    {"MEMORY LEAKS", SITE_BY_UNRELEASED, say_leaked, .is_bytes = true, .has_ages = true},
    {"MOST TEMPORARY ALLOCATIONS", SITE_BY_TEMPORARY, say_temporary, .is_bytes = false},
};

enum { N_SECTIONS = sizeof sections / sizeof sections[0], OWNERS_SHOWN = 3, BIRTHS_SHOWN = 3 };

/* A function, or where the call is, as in heaptrack's reports. */
static void put_function(FILE *f, const struct frame *frame, uint64_t ip) {
    if (frame->function) {
        safe_text_put_function(f, frame->function);
    } else {
        fprintf(f, "0x%" PRIx64, ip - 1);
    }
}

/* One address: the function, where it is, what it is in; then the functions it is inlined into. */
static void put_location(FILE *f, const struct location *location, uint64_t ip, const char *indent) {
    for (size_t i = 0; i < location->n_frames; i++) {
        const struct frame *frame = &location->frames[i];
        fputs(indent, f);
        put_function(f, frame, ip);
        if (frame->file) {
            fprintf(f, "\n%s  at ", indent);
            safe_text_put(f, frame->file);
            fprintf(f, ":%" PRIu32, frame->line);
        }
        if (i == 0) {
            fprintf(f, "\n%s  in ", indent);
            safe_text_put(f, location->module ? location->module : "??");
        }
        fputc('\n', f);
    }
}

/* What called main is the same everywhere; heaptrack_print stops there too. "main.cold" is a part of main that the compiler moved, "main.main" is
 * Go's; its other functions of that kind are of the package main. */
static bool is_last_shown(const struct location *location) {
    const char *name = location->frames[0].function;
    static const char *const mains[] = {"main", "main.cold", "main.main", "__libc_start_main"};
    for (size_t i = 0; name && i < sizeof mains / sizeof mains[0]; i++) {
        if (strcmp(name, mains[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Of OpenSSL's own allocators, which say who called them: the position is of the first frame that is none of them. */
static bool is_crypto_allocator(const struct location *location) {
    return location->frames[0].function && strncmp(location->frames[0].function, "CRYPTO_", 7) == 0;
}

/* The source position that OpenSSL gave, of the frame that was printed last. */
static void put_tag(FILE *f, const struct profile *p, uint64_t tag) {
    const char *file = tag_file(p, tag);
    if (file) {
        fputs("      at ", f);
        safe_text_put(f, file);
        fprintf(f, ":%" PRIu32 "\n", trace_tag_line(tag));
    }
}

/* The callers of a stack's leaf, and the leaf as well where it is not the one that the site has shown. */
static void put_callers(FILE *f, const struct report *r, const struct site_stack *stack, bool is_other_leaf) {
    const struct stack *stacks = r->profile->stacks;
    uint64_t tag = stack_tag(&stacks[stack->stack]);
    if (is_other_leaf) {
        fputs("  with another leaf:\n", f);
    }
    for (uint32_t i = stack->leaf; i < r->profile->n_stacks && stack_is_frame(&stacks[i]); i = stacks[i].parent) {
        const struct location *location = symbolize(r->symbolizer, stacks[i].module, stacks[i].ip);
        if (i != stack->leaf || is_other_leaf) {
            put_location(f, location, stacks[i].ip, "    ");
        }
        if (tag && !is_crypto_allocator(location)) {
            if (!location->frames[0].file) {
                put_tag(f, r->profile, tag);
            }
            tag = 0;
        }
        if (is_last_shown(location) || stacks[i].parent >= i) {
            break;
        }
    }
}

/* Whether a leaf is the one that stands above: the functions that it is inlined into stand there, too. */
static bool is_shown(const struct place *leaf, const struct place *above) {
    bool has_inlined = leaf->location && above->location && leaf->location->n_frames + above->location->n_frames > 2;
    return leaf->location == above->location || (!has_inlined && place_is_same(SITE_BY_LEAF, leaf, above));
}

static void put_stacks(FILE *f, const struct report *r, const struct section *section, const struct site *site,
                       const struct place *leaf) {
    const struct sites *sites = r->sites[section->order];
    size_t n_ranked = site->n_stacks < r->stacks ? site->n_stacks : r->stacks;
    struct site_stack *ranked = xcalloc(n_ranked, sizeof *ranked);
    size_t n = site_rank_stacks(sites, site, section->order, n_ranked, ranked);
    size_t n_shown = n < n_ranked ? n : n_ranked;
    uint64_t rest = cost_value(&site->cost, section->order);
    for (size_t i = 0; i < n_shown; i++) {
        const struct cost *cost = profile_cost(r->profile, ranked[i].stack);
        section->sentence(f, cost, false);
        fputs(":\n", f);
        struct place own = site_stack_leaf(sites, &ranked[i]);
        put_callers(f, r, &ranked[i], sites->group != SITE_BY_LEAF && !is_shown(&own, leaf));
        rest -= cost_value(cost, section->order);
    }
    if (n > n_shown && section->is_bytes) {
        char size[FORMAT_BYTES_MAX];
        fprintf(f, "  and %s from %zu other places\n", format_size(rest, size), n - n_shown);
    } else if (n > n_shown) {
        fprintf(f, "  and %" PRIu64 " from %zu other places\n", rest, n - n_shown);
    }
    free(ranked);
}

static void put_age(FILE *f, const struct report *r, const struct cost *cost) {
    fprintf(f, "  %" PRIu64 " blocks still allocated", cost->unreleased_blocks);
    if (cost->oldest_birth_ns <= r->profile->runtime_ns) {
        char age[FORMAT_BYTES_MAX];
        fprintf(f, ", oldest %s", format_age(r->profile->runtime_ns - cost->oldest_birth_ns, age));
    }
    fputc('\n', f);
}

/* Whose blocks they are, where there are several processes that might have them. */
static void put_owners(FILE *f, const struct report *r, const struct site *site) {
    struct share *owners;
    size_t n = profile_n_chosen(r->profile) > 1 ? site_owners(r->sites[SITE_BY_UNRELEASED], site, &owners) : 0;
    char size[FORMAT_BYTES_MAX];
    if (n == 0) {
        return;
    }
    fprintf(f, "  in %zu %s: ", n, n == 1 ? "process" : "processes");
    for (size_t i = 0; i < n && i < OWNERS_SHOWN; i++) {
        const struct process *process = &r->profile->processes[owners[i].of];
        fputs(i ? ", " : "", f);
        safe_text_put(f, text_base_name(process->executable));
        fprintf(f, " %" PRIu32 " %s", process->pid, format_size(owners[i].bytes, size));
    }
    if (n > OWNERS_SHOWN) {
        fprintf(f, " and %zu more", n - OWNERS_SHOWN);
    }
    fputc('\n', f);
    free(owners);
}

/* Behind which marks they were allocated, in a trace with marks. */
static void put_births(FILE *f, const struct report *r, const struct site *site) {
    struct share *births;
    size_t n = site_births(r->sites[SITE_BY_UNRELEASED], site, &births);
    char size[FORMAT_BYTES_MAX];
    for (size_t i = 0; i < n && i < BIRTHS_SHOWN; i++) {
        const struct mark *mark = mark_numbered(r->profile, births[i].of);
        char *label = mark ? mark_label(r->profile, mark) : NULL;
        fputs(i ? ", " : "  allocated ", f);
        if (births[i].of == 0) {
            fputs("before the first mark", f);
        } else if (label) {
            fputs("behind mark ", f);
            safe_text_put(f, label);
        } else {
            fprintf(f, "behind mark %" PRIu32, births[i].of);
        }
        fprintf(f, " %s", format_size(births[i].bytes, size));
        free(label);
    }
    if (n > BIRTHS_SHOWN) {
        fprintf(f, " and behind %zu more marks", n - BIRTHS_SHOWN);
    }
    fputs(n ? "\n" : "", f);
    free(births);
}

/* Of a sampled trace: how sure the figure is by which the section sorts. */
static void put_standard_error(FILE *f, const struct section *section, const struct estimate *e) {
    const double variances[SITE_N_ORDERS] = {[SITE_BY_CALLS] = e->var_calls,
                                             [SITE_BY_PEAK] = e->var_peak_bytes,
                                             [SITE_BY_UNRELEASED] = e->var_unreleased_bytes,
                                             [SITE_BY_TEMPORARY] = e->var_temporary};
    uint64_t error = estimate_round(sqrt(variances[section->order]));
    char size[FORMAT_BYTES_MAX];
    fprintf(f, "  estimated from %" PRIu64 " samples, standard error ", e->n_samples);
    if (section->is_bytes) {
        fprintf(f, "%s\n", format_size(error, size));
    } else {
        fprintf(f, "%" PRIu64 "\n", error);
    }
}

/* What the stacks of a site have in common, where that is not the leaf. */
static void put_common(FILE *f, enum site_group group, const struct site *site, const struct place *leaf) {
    const struct place *at = &site->at;
    if (group == SITE_BY_LEAF || !at->location || (group == SITE_BY_BLAME && place_is_same(SITE_BY_LEAF, at, leaf))) {
        return;
    }
    const struct frame *frame = &at->location->frames[at->frame];
    fputs(group == SITE_BY_OWNER ? "  owned by " : "  blamed on ", f);
    if (group != SITE_BY_MODULE) {
        put_function(f, frame, at->ip);
        fputs(group == SITE_BY_BLAME && frame->file ? " at " : " in ", f);
    }
    if (group == SITE_BY_BLAME && frame->file) {
        safe_text_put(f, frame->file);
        fprintf(f, ":%" PRIu32, frame->line);
    } else {
        safe_text_put(f, at->location->module ? at->location->module : "??");
    }
    fputc('\n', f);
}

static void put_where(FILE *f, const struct report *r, const struct section *section, const struct site *site,
                      const struct place *leaf) {
    put_common(f, r->sites[section->order]->group, site, leaf);
    if (section->has_ages) {
        report_openssl_text_site(f, r, site);
    }
    if (leaf->location) {
        put_location(f, leaf->location, leaf->ip, "");
        put_stacks(f, r, section, site, leaf);
    } else {
        fputs("??\n  in ??\n", f);
    }
}

static const struct section *section_of(enum site_order order) {
    size_t i = 0;
    while (i + 1 < N_SECTIONS && sections[i].order != order) {
        i++;
    }
    return &sections[i];
}

void report_text_site(FILE *f, const struct report *r, enum site_order order, const struct site *site) {
    const struct section *section = section_of(order);
    const struct sites *sites = r->sites[section->order];
    struct place leaf = site_main_leaf(sites, site, section->order);
    section->sentence(f, &site->cost, true);
    fputc('\n', f);
    if (r->profile->sample_bytes) {
        struct estimate estimate = site_estimate(sites, site);
        put_standard_error(f, section, &estimate);
    }
    if (section->has_ages) {
        put_age(f, r, &site->cost);
        put_owners(f, r, site);
        put_births(f, r, site);
    }
    put_where(f, r, section, site, &leaf);
    fputc('\n', f);
}

void report_text_where(FILE *f, const struct report *r, const struct site *site) {
    const struct section *section = section_of(site->cost.unreleased_bytes ? SITE_BY_UNRELEASED : SITE_BY_CALLS);
    struct place leaf = site_main_leaf(r->sites[section->order], site, section->order);
    put_where(f, r, section, site, &leaf);
}

static void put_section(FILE *f, const struct report *r, const struct section *section) {
    const struct sites *sites = r->sites[section->order];
    const struct site **ranked = xcalloc(sites->n_sites, sizeof *ranked);
    size_t n = sites_rank(sites, section->order, ranked);
    fprintf(f, "%s\n", section->title);
    for (size_t i = 0; i < n && i < r->top; i++) {
        report_text_site(f, r, section->order, ranked[i]);
    }
    fputc('\n', f);
    free(ranked);
}

/* heaptrack's line is of one process; with several it is the largest that any of them was. */
static void put_peak_rss(FILE *f, const struct profile *p) {
    const struct process *largest = NULL;
    char size[FORMAT_BYTES_MAX];
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *process = &p->processes[i];
        if (profile_is_chosen(p, process) && process->peak_rss_bytes &&
            (!largest || process->peak_rss_bytes > largest->peak_rss_bytes)) {
            largest = process;
        }
    }
    fprintf(f, "peak RSS (including seep overhead): %s", largest ? format_size(largest->peak_rss_bytes, size) : "unknown");
    if (largest && profile_n_chosen(p) > 1) {
        fputs(" (of the largest process, ", f);
        safe_text_put(f, text_base_name(largest->executable));
        fprintf(f, " %" PRIu32 ")", largest->pid);
    }
    fputc('\n', f);
}

static void put_footer(FILE *f, const struct report *r, const struct cost *total) {
    char size[FORMAT_BYTES_MAX];
    uint64_t runtime_ns = r->profile->runtime_ns;
    fprintf(f, "total runtime: %.2fs.\n", (double)runtime_ns / 1e9);
    fprintf(f, "calls to allocation functions: %" PRIu64 " (%" PRIu64 "/s)\n", total->calls,
            per_second(total->calls, runtime_ns));
    fprintf(f, "temporary memory allocations: %" PRIu64 " (%" PRIu64 "/s)\n", total->temporary,
            per_second(total->temporary, runtime_ns));
    fprintf(f, "peak heap memory consumption: %s\n", format_size(total->peak_bytes, size));
    put_peak_rss(f, r->profile);
    fprintf(f, "total memory leaked: %s\n", format_size(total->unreleased_bytes, size));
    report_suppressions_text(f, r->suppressions);
}

static void put_sampling(FILE *f, const struct profile *p) {
    char peak[FORMAT_BYTES_MAX], leaked[FORMAT_BYTES_MAX];
    fprintf(f, "sampled every %" PRIu64 " bytes: calls and bytes are estimates from %" PRIu64 " samples\n", p->sample_bytes,
            p->estimate.n_samples);
    fprintf(f, "standard errors: calls %" PRIu64 ", peak %s, leaked %s, temporary %" PRIu64 "\n",
            estimate_round(sqrt(p->estimate.var_calls)),
            format_size(estimate_round(sqrt(p->estimate.var_peak_bytes)), peak),
            format_size(estimate_round(sqrt(p->estimate.var_unreleased_bytes)), leaked),
            estimate_round(sqrt(p->estimate.var_temporary)));
}

/* The program, and what its process became by exec: their figures are added up, too. */
static void put_command(FILE *f, const struct profile *p) {
    const struct process *first = NULL;
    fputs("Debuggee command was: ", f);
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *process = &p->processes[i];
        if (!profile_is_chosen(p, process) || (first && process->pid != first->pid)) {
            continue;
        }
        if (first) {
            fputs(process->origin == TRACE_ORIGIN_EXEC ? "\nwhich became, by exec: "
                                                       : "\nand another process of the same id: ",
                  f);
        }
        first = first ? first : process;
        safe_text_put(f, process->command ? process->command : "");
    }
    fputc('\n', f);
}

void report_text(FILE *f, const struct report *report) {
    /* heaptrack_print says the first line before it reads; here nothing is on stdout unless there is a report. */
    fputs("reading file \"", f);
    safe_text_put(f, report->profile->path);
    fputs("\" - please wait, this might take some time...\n", f);
    put_command(f, report->profile);
    fputs("finished reading file, now analyzing data:\n\n", f);
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (sections[i].order == report->order) {
            put_section(f, report, &sections[i]);
        }
    }
    for (size_t i = 0; i < N_SECTIONS; i++) {
        if (sections[i].order != report->order) {
            put_section(f, report, &sections[i]);
        }
    }
    put_footer(f, report, &report->profile->total);
    if (report->profile->sample_bytes) {
        put_sampling(f, report->profile);
    }
    report_openssl_text(f, report);
    report_growth_text(f, report);
    report_tracer(f, report);
}
