/* folded.c - see folded.h. */
#include "folded.h"

#include <stdlib.h>

#include "diag.h"
#include "trace_format.h"

enum { THREADS_MAX = 1 << 24, PROCESSES_MAX = 1 << 24 }; /* more are damage */

void folded_free(struct folded *f) {
    free(f->infos);
    free(f->processes);
    free(f->threads);
    *f = (struct folded){0};
}

/* ---- reading ---- */

bool folded_read(struct folded *f, struct byte_reader *in) {
    uint64_t n_events = varint_get(in), from_ns = varint_get(in), to_ns = varint_get(in);
    uint64_t n_undone = varint_get(in), n_unmatched = varint_get(in);
    if (in->is_failed || f->is_seen || n_events > INT64_MAX / 4 || to_ns > INT64_MAX || from_ns > to_ns ||
        n_undone > n_events / 2 || n_unmatched > n_events) {
        return false;
    }
    f->is_seen = true;
    f->n_events = n_events;
    f->from_ns = from_ns;
    f->to_ns = to_ns;
    f->n_undone = n_undone;
    f->n_unmatched = n_unmatched;
    return true;
}

/* Where a list of n entries numbered from `first` on cannot be right: each takes some bytes. */
static bool is_list(const struct byte_reader *in, uint64_t first, uint64_t n, uint64_t first_max, size_t entry_bytes) {
    return !in->is_failed && n <= byte_reader_left(in) / entry_bytes && first <= first_max && n <= first_max - first;
}

bool folded_read_infos(struct folded *f, struct byte_reader *in) {
    enum { ENTRY_BYTES = 5 };
    uint64_t first = varint_get(in), n = varint_get(in);
    if (!is_list(in, first, n, TOKEN_INFOS_MAX, ENTRY_BYTES) || first == 0 || !f->is_seen) {
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        struct folded_info info = {.id = (uint32_t)(first + i)};
        info.calls = varint_get(in);
        info.live = varint_get(in);
        info.temporary = varint_get(in);
        info.at_peak = varint_get(in);
        info.at_own_peak = info.at_peak + (uint64_t)zigzag_decode(varint_get(in));
        if (in->is_failed || info.calls > f->n_events || info.live > info.calls ||
            info.temporary > info.calls - info.live || info.at_peak > info.calls || info.at_own_peak > info.calls) {
            return false;
        }
        f->infos = xgrow(f->infos, f->n_infos, &f->cap_infos, sizeof *f->infos);
        f->infos[f->n_infos++] = info;
    }
    return true;
}

bool folded_read_processes(struct folded *f, struct byte_reader *in) {
    enum { ENTRY_BYTES = 3 };
    uint64_t first = varint_get(in), n = varint_get(in);
    if (!is_list(in, first, n, PROCESSES_MAX, ENTRY_BYTES) || !f->is_seen || n > PROCESSES_MAX - f->n_processes) {
        return false;
    }
    for (uint64_t i = 0; i < n; i++) {
        struct folded_process process = {.index = (uint32_t)(first + i)};
        process.peak_bytes = varint_get(in);
        process.inherited_frees = varint_get(in);
        process.inherited_freed_bytes = varint_get(in);
        if (in->is_failed || process.inherited_frees > f->n_events) {
            return false;
        }
        f->processes = xgrow(f->processes, f->n_processes, &f->cap_processes, sizeof *f->processes);
        f->processes[f->n_processes++] = process;
    }
    return true;
}

bool folded_read_threads(struct folded *f, struct byte_reader *in) {
    uint64_t n = varint_get(in), index = 0;
    for (uint64_t i = 0; i < n; i++) {
        index += varint_get(in);
        uint64_t last_alloc = varint_get(in), last_free = varint_get(in);
        if (in->is_failed || index >= THREADS_MAX || f->n_threads >= THREADS_MAX || last_alloc > TOKEN_INFOS_MAX ||
            last_free >> 2 > TOKEN_INFOS_MAX || !f->is_seen) {
            return false;
        }
        f->threads = xgrow(f->threads, f->n_threads, &f->cap_threads, sizeof *f->threads);
        f->threads[f->n_threads++] = (struct folded_thread){.index = (uint32_t)index,
                                                            .last_alloc = (uint32_t)last_alloc,
                                                            .last_free = (uint32_t)(last_free >> 2),
                                                            .was_temporary = (last_free & TRACE_FREE_WAS_TEMPORARY) != 0,
                                                            .was_inherited = (last_free & TRACE_FREE_WAS_INHERITED) != 0};
    }
    return !in->is_failed;
}

/* ---- applying ---- */

/* What of one info was alive at the highest total of those processes that the figures are of. Of processes of one pid, which follow each other by exec, that is
 * the highest of their own totals. */
static uint64_t alive_at_peak(const struct folded_info *info, uint32_t process, const struct profile *p, uint32_t highest) {
    return p->pid == 0 ? info->at_peak : process == highest ? info->at_own_peak : 0;
}

static uint32_t process_of(const struct replay *r, uint32_t info) {
    return r->process_of_info && info < r->n_owned ? r->process_of_info[info] : 0;
}

/* The chosen process whose own blocks reached the highest total; the first of those that reached the same. */
static uint32_t find_highest(const struct folded *f, const struct replay *r, const struct profile *p) {
    uint64_t *bytes = xcalloc(p->n_processes + 1, sizeof *bytes);
    uint32_t highest = TRACE_NO_PROCESS;
    for (size_t i = 0; i < f->n_infos; i++) {
        const struct folded_info *info = &f->infos[i];
        if (info->id < r->n_infos && process_of(r, info->id) < p->n_processes) {
            bytes[process_of(r, info->id)] += info->at_own_peak * r->infos[info->id].size_bytes;
        }
    }
    for (uint32_t i = 0; i < p->n_processes; i++) {
        if (profile_is_chosen(p, &p->processes[i]) && (highest == TRACE_NO_PROCESS || bytes[i] > bytes[highest])) {
            highest = i;
        }
    }
    free(bytes);
    return highest;
}

/* Nothing of this info has been replayed. */
static void apply_info(struct replay *r, const struct folded_info *info, bool is_over, uint64_t at_peak, uint64_t event) {
    struct replay_info *to = &r->infos[info->id];
    r->live_bytes -= to->live * to->size_bytes; /* of a forged file, which has it twice */
    r->peak_bytes -= to->live_at_peak * to->size_bytes;
    to->calls = info->calls;
    to->temporary = info->temporary;
    to->live = is_over ? 0 : info->live;
    to->left = is_over ? info->live : 0;
    to->live_at_peak = at_peak;
    to->last_event = event + 1; /* behind the last event, which may be the peak */
    if (r->by_thread.is_chosen) {
        by_thread_fold(&r->by_thread.infos[info->id], info->calls, info->live, at_peak);
    }
    r->live_bytes += to->live * to->size_bytes;
    r->peak_bytes += at_peak * to->size_bytes;
}

/* Returns the events that these infos account for. */
static uint64_t apply_infos(const struct folded *f, struct replay *r, const struct profile *p) {
    uint64_t n_events = 0;
    uint32_t highest = p->pid ? find_highest(f, r, p) : TRACE_NO_PROCESS;
    for (size_t i = 0; i < f->n_infos; i++) {
        const struct folded_info *info = &f->infos[i];
        uint32_t process = process_of(r, info->id);
        n_events += 2 * info->calls - info->live;
        if (info->id >= r->n_infos) {
            r->n_unknown += 2 * info->calls - info->live;
            continue;
        }
        if (process < p->n_processes && !profile_is_chosen(p, &p->processes[process])) {
            continue;
        }
        bool is_over = process < p->n_processes && p->processes[process].end_ns != 0;
        apply_info(r, info, is_over, alive_at_peak(info, process, p, highest), f->n_events);
        if (process < r->n_processes && !is_over) {
            r->processes[process].live_bytes += r->infos[info->id].live * r->infos[info->id].size_bytes;
        }
    }
    return n_events;
}

static uint64_t apply_processes(const struct folded *f, struct replay *r, const struct profile *p) {
    uint64_t n_events = 0;
    for (size_t i = 0; i < f->n_processes; i++) {
        const struct folded_process *from = &f->processes[i];
        n_events += from->inherited_frees;
        if (from->index < r->n_processes) {
            struct replay_process *to = &r->processes[from->index];
            to->is_over = p->processes[from->index].end_ns != 0;
            if (!to->is_skipped) {
                to->peak_bytes = from->peak_bytes;
                to->inherited_frees = from->inherited_frees;
                to->inherited_freed_bytes = from->inherited_freed_bytes;
                to->live_bytes -= from->inherited_freed_bytes;
            }
        }
    }
    return n_events;
}

static void apply_threads(const struct folded *f, struct replay *r) {
    for (size_t i = 0; i < f->n_threads; i++) {
        const struct folded_thread *from = &f->threads[i];
        if (from->last_alloc < r->n_infos && from->last_free < r->n_infos) {
            *replay_thread_at(r, from->index) = (struct replay_thread){.last_alloc = from->last_alloc,
                                                                       .last_free = from->last_free,
                                                                       .was_temporary = from->was_temporary,
                                                                       .was_inherited = from->was_inherited};
        }
    }
}

uint64_t folded_apply(struct folded *f, struct replay *r, struct profile *p) {
    if (!f->is_seen || f->is_taken || r->event != 0) { /* behind events: a forgery */
        f->is_taken = true;
        return 0;
    }
    f->is_taken = true;
    uint64_t n_events = apply_infos(f, r, p) + apply_processes(f, r, p) + 2 * f->n_undone + f->n_unmatched;
    uint64_t n_missing = f->n_events > n_events ? f->n_events - n_events : 0;
    apply_threads(f, r);
    r->n_unmatched += f->n_unmatched;
    r->event = r->peak_event = f->n_events;
    p->n_folded = f->n_events;
    p->folded_from_ns = f->from_ns;
    p->folded_to_ns = f->to_ns;
    p->n_events += f->n_events - n_missing;
    p->runtime_ns = f->to_ns > p->runtime_ns ? f->to_ns : p->runtime_ns;
    return n_missing;
}
