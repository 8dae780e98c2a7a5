/* report_tracer.c - see report_tracer.h. */
#include "report_tracer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coverage_judge.h"
#include "diag.h"
#include "format_size.h"
#include "losses.h"
#include "safe_text.h"
#include "trace_format.h"

static void put_end(FILE *f, const struct process *p, bool is_recording) {
    switch (p->end_kind) {
    case TRACE_END_EXIT:
        fprintf(f, "exited with status %" PRIu32, p->end_value);
        break;
    case TRACE_END_SIGNAL: {
        const char *name = p->end_value < 65 ? sigabbrev_np((int)p->end_value) : NULL;
        fprintf(f, "killed by signal %" PRIu32 "%s%s%s", p->end_value, name ? " (SIG" : "", name ? name : "",
                name ? ")" : "");
        break;
    }
    case TRACE_END_EXEC:
        fputs("went on as another program (exec)", f);
        break;
    default:
        fputs(p->end_ns ? "ended, how is not known" : is_recording ? "not ended so far" : "end not seen", f);
    }
    if (p->end_ns > p->start_ns) {
        char age[FORMAT_BYTES_MAX];
        fprintf(f, " after %s", format_age(p->end_ns - p->start_ns, age));
    }
}

static void put_process(FILE *f, const struct process *p, bool is_recording) {
    char peak[FORMAT_BYTES_MAX], kept[FORMAT_BYTES_MAX], rss[FORMAT_BYTES_MAX], left[FORMAT_BYTES_MAX],
        came[FORMAT_BYTES_MAX];
    fprintf(f, "%" PRIu32 " (parent %" PRIu32 "), ", p->pid, p->ppid);
    put_end(f, p, is_recording);
    fprintf(f, ", %" PRIu64 " calls, %s peak%s, %s not released", p->total.calls, format_size(p->total.peak_bytes, peak),
            p->origin == TRACE_ORIGIN_FORK ? " (with what came with the fork)" : "",
            format_size(p->total.unreleased_bytes, kept));
    if (p->total.suppressed_blocks) {
        fprintf(f, " (and %s suppressed)", format_size(p->total.suppressed_bytes, left));
    }
    if (p->origin == TRACE_ORIGIN_FORK) {
        fprintf(f, " (and %s of the %s that came with it)", format_size(p->inherited_unreleased_bytes, left),
                format_size(p->inherited_bytes, came));
    }
    if (p->peak_rss_bytes) {
        fprintf(f, ", %s peak RSS", format_size(p->peak_rss_bytes, rss));
    }
    fputs(": ", f);
    safe_text_put(f, p->command ? p->command : "?");
    fputc('\n', f);
}

static void put_lost(FILE *f, const struct profile *p) {
    bool is_known = p->is_complete || p->is_recording;
    fprintf(f, "events lost: %" PRIu64 "%s\n", p->lost_events, is_known ? "" : " told of; how many more is not known");
    for (size_t i = 0; i < p->n_lost; i++) {
        if (p->lost[i].count) {
            fprintf(f, "  %" PRIu64 " ", p->lost[i].count);
            safe_text_put(f, p->lost[i].text ? p->lost[i].text : "?");
            fputc('\n', f);
        }
    }
    if (p->n_events_missing) {
        fprintf(f, "  %" PRIu64 " events recorded in damaged parts of the file\n", p->n_events_missing);
    }
    if (p->n_events_unknown) {
        fprintf(f, "  %" PRIu64 " events of blocks that were described in damaged parts of the file\n",
                p->n_events_unknown);
    }
    if (p->n_frees_unmatched) {
        fprintf(f, "  %" PRIu64 " frees of blocks that were allocated in damaged parts of the file\n",
                p->n_frees_unmatched);
    }
}

static void put_damage(FILE *f, const struct profile *p) {
    if (p->n_damage == 0) {
        fputs("damage: none\n", f);
        return;
    }
    fprintf(f, "damage: %zu %s\n", p->n_damage, p->n_damage == 1 ? "place" : "places");
    for (size_t i = 0; i < p->n_damage; i++) {
        fprintf(f, "  at offset %" PRIu64 ", ", p->damage[i].off);
        if (p->damage[i].n_bytes) {
            fprintf(f, "%" PRIu64 " bytes: ", p->damage[i].n_bytes);
        } else {
            fputs("up to the end: ", f);
        }
        safe_text_put(f, p->damage[i].what ? p->damage[i].what : "?");
        fputc('\n', f);
    }
}

#define WORTH_TELLING 0.995 /* of the process with the smallest share */

static void put_share(FILE *f, const struct coverage *c) {
    fprintf(f, "%.1f%%", 100 * coverage_share(c));
}

/* Which processes were measured goes without saying where all of them were. */
static void put_measured(FILE *f, size_t n, size_t n_chosen) {
    if (n != n_chosen) {
        fprintf(f, ", in %zu of %zu processes", n, n_chosen);
    } else if (n > 1) {
        fprintf(f, ", in %zu processes", n);
    }
}

static void put_coverage(FILE *f, const struct profile *p) {
    struct coverage sum;
    const struct process *lowest, *first = NULL;
    size_t n = coverage_sum(p, &sum, &lowest), n_chosen = 0;
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *process = &p->processes[i];
        bool is_replaced = process->end_kind == TRACE_END_EXEC && !coverage_is_measured(p, process);
        if (profile_is_chosen(p, process) && !is_replaced) {
            first = n_chosen++ ? first : process;
        }
    }
    if (n == 0) {
        fprintf(f, "coverage: not measured: %s\n",
                first ? coverage_missing(p, first) : "each process went on as another program (exec)");
        return;
    }
    char size[FORMAT_BYTES_MAX];
    const char *name = coverage_allocator_name(&sum);
    fputs("coverage: ", f);
    put_share(f, &sum);
    fprintf(f, " of the %s that %s had in use at exit", format_size(sum.in_use_bytes, size), name ? name : "malloc");
    put_measured(f, n, n_chosen);
    if (n > 1 && coverage_share(&lowest->coverage) < WORTH_TELLING) {
        fputs("; least ", f);
        put_share(f, &lowest->coverage);
        fprintf(f, " of %" PRIu32, lowest->pid);
    }
    fputc('\n', f);
    if (coverage_is_low(&lowest->coverage)) {
        fprintf(f, "  warning: %s of process %" PRIu32 " passed seep by: no site shows who holds them (see seep doctor)\n",
                format_size(lowest->coverage.uncovered_bytes, size), lowest->pid);
    }
}

static const char *trace_state(const struct profile *p) {
    if (p->is_recording) {
        return "still being recorded: all figures are as of its last block";
    }
    if (!p->is_complete) {
        return "incomplete: the recorder did not come to its end, the last events may be missing";
    }
    return p->n_damage ? "recorded to its end, damaged since" : "complete";
}

static void put_collector(FILE *f, const struct profile *p) {
    char size[FORMAT_BYTES_MAX];
    if (p->collector_rss_bytes) {
        fprintf(f, "collector: %.2fs of CPU time, %s of memory\n", (double)p->collector_cpu_ns / 1e9,
                format_size(p->collector_rss_bytes, size));
    } else if (p->collector_cpu_ns) {
        fprintf(f, "collector: %.2fs of CPU time\n", (double)p->collector_cpu_ns / 1e9);
    } else {
        fputs("collector: what it took is not known\n", f);
    }
}

static int by_unreleased(const void *a, const void *b) {
    const struct process *x = *(const struct process *const *)a, *y = *(const struct process *const *)b;
    if (x->total.unreleased_bytes != y->total.unreleased_bytes) {
        return x->total.unreleased_bytes > y->total.unreleased_bytes ? -1 : 1;
    }
    return (x > y) - (x < y); /* in the order of their starts */
}

static void put_processes(FILE *f, const struct report *report) {
    const struct profile *p = report->profile;
    size_t n = profile_n_chosen(p), n_ranked = 0;
    const struct process **ranked = xcalloc(n, sizeof *ranked);
    for (size_t i = 0; i < p->n_processes; i++) {
        if (profile_is_chosen(p, &p->processes[i])) {
            ranked[n_ranked++] = &p->processes[i];
        }
    }
    if (n > 1) {
        qsort(ranked, n, sizeof *ranked, by_unreleased);
        fprintf(f, "\nPROCESSES (%zu, by what they have not released)\n", n);
    } else {
        fputs("\nPROCESSES\n", f);
    }
    for (size_t i = 0; i < n && i < report->top; i++) {
        put_process(f, ranked[i], p->is_recording);
    }
    if (n > report->top) {
        fprintf(f, "… and %zu more (--top %zu shows all)\n", n - report->top, n);
    }
    free(ranked);
}

void report_tracer(FILE *f, const struct report *report) {
    const struct profile *p = report->profile;
    char size[FORMAT_BYTES_MAX];
    put_processes(f, report);
    fputs("\nTRACER\nrecorded by: seep ", f);
    safe_text_put(f, p->recorder_version ? p->recorder_version : "?");
    fprintf(f, ", trace format %" PRIu32 ".%" PRIu32 ", file of %s\n", p->version_major, p->version_minor,
            format_size(p->file_bytes, size));
    if (report->selection) {
        selection_text(f, report->selection, p);
    }
    fprintf(f, "events recorded: %" PRIu64 "\n", p->n_events);
    if (p->n_folded) {
        fprintf(f,
                "folded: %" PRIu64
                " events, from %.3fs to %.3fs, are totals only: in all figures, but not to be looked at by time\n",
                p->n_folded, (double)p->folded_from_ns / 1e9, (double)p->folded_to_ns / 1e9);
    }
    put_lost(f, p);
    put_damage(f, p);
    put_coverage(f, p);
    fprintf(f, "trace: %s\n", trace_state(p));
    put_collector(f, p);
    for (size_t i = 0; i < p->n_notes; i++) {
        fprintf(f, "note of %" PRIu32 ": ", profile_pid(p, p->notes[i].process));
        safe_text_put(f, p->notes[i].text ? p->notes[i].text : "");
        fputc('\n', f);
    }
}

void report_warn_incomplete(const struct profile *p) {
    uint64_t n_lost = losses_n_events(p);
    char lost[64] = "", damaged[64] = "";
    if (n_lost) {
        snprintf(lost, sizeof lost, "; events lost: %" PRIu64, n_lost);
    }
    if (p->n_damage) {
        snprintf(damaged, sizeof damaged, "; damaged places in the file: %zu", p->n_damage);
    }
    const char *state = p->is_recording   ? "; it is still being recorded"
                        : !p->is_complete ? "; the recorder did not come to its end"
                                          : "";
    char forks[64] = "", programs[64] = "";
    for (size_t i = 0; i < p->n_lost; i++) {
        if (strcmp(p->lost[i].key, "untraced-forks") == 0 && p->lost[i].count) {
            snprintf(forks, sizeof forks, "; fork children not traced: %" PRIu64, p->lost[i].count);
        } else if (strcmp(p->lost[i].key, "untraced-execs") == 0 && p->lost[i].count) {
            snprintf(programs, sizeof programs, "; programs not traced: %" PRIu64, p->lost[i].count);
        }
    }
    char low[96] = "";
    struct coverage sum;
    const struct process *lowest;
    if (coverage_sum(p, &sum, &lowest) && coverage_is_low(&lowest->coverage)) {
        snprintf(low, sizeof low, "; of what the allocator of %" PRIu32 " had in use at exit: %.1f%%", lowest->pid,
                 100 * coverage_share(&lowest->coverage));
    }
    if (*lost || *damaged || *forks || *programs || *low || *state) {
        diag_warning("%s: the figures do not cover everything%s%s%s%s%s%s", p->path, lost, damaged, forks, programs, low,
                     state);
    }
}
