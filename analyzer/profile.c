/* profile.c - one pass over a trace: blocks to the decoder and the replay, records to the profile, then the sums. */
#include "profile.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "coverage_judge.h"
#include "diag.h"
#include "event_decoder.h"
#include "kept_infos.h"
#include "moments.h"
#include "recording.h"
#include "records.h"
#include "replay.h"
#include "resume.h"
#include "stack_merge.h"
#include "stack_modules.h"
#include "tags.h"
#include "trace_format.h"
#include "trace_reader.h"

enum { ONE_MS_NS = 1000000 };

struct load {
    struct trace_reader reader;
    struct event_decoder decoder;
    struct replay replay;
    struct moments moments;
    struct records records;
    struct profile *profile;
    profile_progress *progress;
    void *context;
    struct profile_wanted wanted;
    bool has_index;
};

/* ---- reading ---- */

/* Totals of events that are not in the trace any more stand before those that are. */
static void begin_with_totals(struct load *load) {
    struct folded *folded = &load->records.folded;
    if (folded->is_seen && !folded->is_taken) {
        load->profile->n_events_missing += folded_apply(folded, &load->replay, load->profile);
        load->decoder.end_event = load->replay.event;
    }
}

static void read_events(struct load *load, const struct trace_block *block) {
    struct profile *p = load->profile;
    struct event_block events;
    if (load->wanted.no_events) {
        return;
    }
    begin_with_totals(load);
    const char *why = event_decoder_read(&load->decoder, block, p->n_threads, &events);
    if (why) {
        trace_reader_reject(&load->reader, block, why);
        return;
    }
    load->replay.sample_bytes = p->sample_bytes;
    moments_replay(&load->moments, &load->replay, &events, p, load->decoder.stacks);
    p->n_event_blocks++;
    p->n_events += events.n_events;
    p->n_events_missing += events.n_missing;
    p->n_infos += events.n_infos;
    p->runtime_ns = events.end_ns > p->runtime_ns ? events.end_ns : p->runtime_ns;
}

/* Processes whose end has been read now. */
static void end_processes(struct load *load) {
    if (load->records.n_ended) {
        begin_with_totals(load);
    }
    for (size_t i = 0; i < load->records.n_ended; i++) {
        moments_end_process(&load->moments, &load->replay, load->profile, load->records.ended[i]);
        replay_end_process(&load->replay, load->records.ended[i]);
    }
    load->records.n_ended = 0;
}

static void read_blocks(struct load *load) {
    struct trace_block block;
    while (trace_reader_next(&load->reader, &block)) {
        switch (block.type) {
        case TRACE_BLOCK_RECORDS:
            records_read(&load->records, &load->reader, &block);
            load->profile->n_record_blocks++;
            end_processes(load);
            break;
        case TRACE_BLOCK_EVENTS:
            read_events(load, &block);
            break;
        case TRACE_BLOCK_INDEX:
            load->has_index = true;
            break;
        default: /* of a later version */
            break;
        }
        if (load->progress) {
            load->progress(load->context, load->reader.off, load->reader.file_bytes);
        }
    }
}

/* ---- sums ---- */

/* The frees, as the events have them. */
static void count_frees(struct load *load) {
    const struct replay *r = &load->replay;
    struct profile *p = load->profile;
    double n_frees = (double)r->n_unmatched;
    p->n_frees_read = r->n_unmatched;
    p->n_frees_unmatched = r->n_unmatched;
    p->n_events_unknown = r->n_unknown;
    for (size_t id = 0; id < r->n_infos; id++) {
        uint64_t n = r->infos[id].calls - replay_unreleased(&r->infos[id]);
        if (r->stack_of_info[id] == REPLAY_STACK_LOST) {
            p->n_events_unknown += r->infos[id].calls + n;
        } else {
            p->n_allocations_read += r->infos[id].calls;
            p->n_frees_read += n;
            n_frees += p->sample_bytes ? (double)n * estimate_weight(r->own_sizes[id], p->sample_bytes) : 0;
        }
    }
    for (size_t i = 0; i < r->n_processes; i++) {
        p->n_frees_read += r->processes[i].inherited_frees;
        n_frees += (double)r->processes[i].inherited_frees;
    }
    p->n_frees = p->sample_bytes ? estimate_round(n_frees) : p->n_frees_read;
}

/* Is the list of survivors all there? It may be in several records, of which one may be lost. */
static bool has_all_survivors(const struct records *records) {
    const struct recorded_end *end = &records->end;
    uint64_t n_blocks = 0;
    for (size_t i = 0; i < records->n_survivors; i++) {
        n_blocks += records->survivors[i].blocks;
    }
    return end->is_seen && n_blocks == end->n_allocations - end->n_frees + end->n_undone;
}

/* The recorder's list of what was alive at the end: right also where the events that led there are lost. */
static void trust_survivors(struct load *load) {
    struct replay *r = &load->replay;
    for (size_t id = 0; id < r->n_infos; id++) {
        r->infos[id].live = r->infos[id].left = 0;
    }
    for (size_t i = 0; i < load->records.n_survivors; i++) {
        const struct survivor *s = &load->records.survivors[i];
        if (s->info < r->n_infos) {
            r->infos[s->info].live = s->blocks;
        }
    }
}

/* A place for the cost of each stack that an info names. */
static void make_costs(struct load *load) {
    const struct replay *r = &load->replay;
    struct profile *p = load->profile;
    p->n_costs = 1;
    for (size_t id = 0; id < r->n_infos; id++) {
        if (r->stack_of_info[id] != REPLAY_STACK_LOST && p->stacks[r->stack_of_info[id]].cost == 0) {
            p->stacks[r->stack_of_info[id]].cost = (uint32_t)p->n_costs++;
        }
    }
    p->costs = xcalloc(p->n_costs, sizeof *p->costs);
    for (size_t i = 0; i < p->n_costs; i++) {
        p->costs[i].oldest_birth_ns = UINT64_MAX;
    }
}

static void sum_infos(struct load *load) {
    const struct replay *r = &load->replay;
    struct profile *p = load->profile;
    make_costs(load);
    for (size_t id = 0; id < r->n_infos; id++) {
        const struct replay_info *info = &r->infos[id];
        if (r->stack_of_info[id] != REPLAY_STACK_LOST) {
            struct cost cost = {
                .calls = info->calls,
                .allocated_bytes = info->calls * info->size_bytes,
                .peak_bytes = info->live_at_peak * info->size_bytes,
                .unreleased_bytes = replay_unreleased(info) * info->size_bytes,
                .unreleased_blocks = replay_unreleased(info),
                .temporary = info->temporary,
                .oldest_birth_ns = UINT64_MAX,
            };
            cost_add(&p->costs[p->stacks[r->stack_of_info[id]].cost], &cost);
        }
    }
}

/* Sampled: sums over infos are no whole numbers until they are complete. Bytes have been made what they stand for by the replay. */
static void sum_estimates(struct load *load) {
    const struct replay *r = &load->replay;
    struct profile *p = load->profile;
    p->estimates = xcalloc(p->n_costs, sizeof *p->estimates);
    for (size_t id = 0; id < r->n_infos; id++) {
        const struct replay_info *info = &r->infos[id];
        if (r->stack_of_info[id] != REPLAY_STACK_LOST) {
            struct estimate_counts n = {.calls = info->calls,
                                        .live_at_peak = info->live_at_peak,
                                        .live = replay_unreleased(info),
                                        .temporary = info->temporary};
            estimate_add_info(&p->estimates[p->stacks[r->stack_of_info[id]].cost], r->own_sizes[id], p->sample_bytes, n);
        }
    }
    for (size_t i = 1; i < p->n_costs; i++) {
        const struct estimate *e = &p->estimates[i];
        struct cost *cost = &p->costs[i];
        cost->calls = estimate_round(e->calls);
        cost->unreleased_blocks = estimate_round(e->unreleased_blocks);
        cost->temporary = estimate_round(e->temporary);
        estimate_add(&p->estimate, e);
    }
}

/* The figures of each process. Sampled ones are sums of estimates; a single process has the totals, see sum_up(). */
static void sum_processes(struct load *load) {
    const struct replay *r = &load->replay;
    struct profile *p = load->profile;
    for (size_t id = 0; id < r->n_infos && r->process_of_info; id++) {
        const struct replay_info *info = &r->infos[id];
        if (r->stack_of_info[id] == REPLAY_STACK_LOST) {
            continue;
        }
        struct process *of = &p->processes[r->process_of_info[id]];
        double weight = p->sample_bytes ? estimate_weight(r->own_sizes[id], p->sample_bytes) : 1;
        of->total.calls += estimate_round(weight * (double)info->calls);
        of->total.allocated_bytes += info->calls * info->size_bytes;
        of->total.unreleased_bytes += replay_unreleased(info) * info->size_bytes;
        of->total.unreleased_blocks += estimate_round(weight * (double)replay_unreleased(info));
        of->total.temporary += estimate_round(weight * (double)info->temporary);
        of->n_frees += estimate_round(weight * (double)(info->calls - replay_unreleased(info)));
    }
    for (size_t i = 0; i < r->n_processes; i++) {
        struct process *of = &p->processes[i];
        of->total.peak_bytes = r->processes[i].peak_bytes;
        of->inherited_frees = r->processes[i].inherited_frees;
        uint64_t freed_bytes = r->processes[i].inherited_freed_bytes;
        of->inherited_unreleased_bytes = of->inherited_bytes > freed_bytes ? of->inherited_bytes - freed_bytes : 0;
    }
}

static void note_births(struct load *load) {
    const struct replay *r = &load->replay;
    for (size_t i = 0; i < load->records.n_survivors; i++) {
        const struct survivor *s = &load->records.survivors[i];
        bool is_known = s->info < r->n_infos && r->stack_of_info[s->info] != REPLAY_STACK_LOST;
        if (is_known && replay_unreleased(&r->infos[s->info]) && s->birth_ms <= INT64_MAX / ONE_MS_NS) {
            struct profile *p = load->profile;
            struct cost *cost = &p->costs[p->stacks[r->stack_of_info[s->info]].cost];
            uint64_t birth_ns = s->birth_ms * ONE_MS_NS;
            cost->oldest_birth_ns = birth_ns < cost->oldest_birth_ns ? birth_ns : cost->oldest_birth_ns;
        }
    }
}

static void sum_up(struct load *load) {
    struct profile *p = load->profile;
    p->total = (struct cost){.oldest_birth_ns = UINT64_MAX};
    for (size_t i = 1; i < p->n_costs; i++) {
        cost_add(&p->total, &p->costs[i]);
    }
    p->total.peak_bytes = load->replay.peak_bytes;
    if (p->n_processes == 1) {
        p->processes[0].total = p->total;
        p->processes[0].n_frees = p->n_frees;
    }
    for (size_t i = 0; i < p->n_lost; i++) {
        p->lost_events += p->lost[i].is_events ? p->lost[i].count : 0;
    }
}

/* Events that the recorder could not write are counted by it; the holes that they left are not to be counted once more. */
static void forget_unwritten(struct profile *p) {
    for (size_t i = 0; i < p->n_lost; i++) {
        if (strcmp(p->lost[i].key, "not-written") == 0) {
            p->n_events_missing -= p->lost[i].count < p->n_events_missing ? p->lost[i].count : p->n_events_missing;
        }
    }
}

/* Hold what was read against the recorder's own count. */
static void compare_with_end(struct load *load) {
    struct profile *p = load->profile;
    const struct recorded_end *end = &load->records.end;
    uint64_t n_known = p->n_events + p->n_events_missing;
    if (!end->is_seen) {
        return;
    }
    if (end->n_events > n_known) {
        p->n_events_missing += end->n_events - n_known;
    }
    if (p->pid == 0 && p->n_events_missing == 0 && load->reader.n_damage == 0 &&
        (end->n_events != p->n_events || end->n_allocations != p->n_allocations_read)) {
        trace_reader_note(&load->reader, load->records.end_off, TRACE_BLOCK_HEADER_BYTES,
                          "the recorder counted other numbers of events or allocations than the trace holds");
    }
}

/* So that nobody who prints these needs to ask whether their records were lost. */
static void fill_blanks(struct profile *p) {
    p->recorder_version = p->recorder_version ? p->recorder_version : xstrndup("", 0);
    p->options = p->options ? p->options : xstrndup("", 0);
    for (size_t i = 0; i < p->n_processes; i++) {
        struct process *process = &p->processes[i];
        process->executable = process->executable ? process->executable : xstrndup("?", 1);
        process->command = process->command ? process->command : xstrndup("?", 1);
    }
    for (size_t i = 0; i < p->n_threads; i++) {
        if (p->threads[i].name && !*p->threads[i].name) { /* it was gone before it could be asked */
            free(p->threads[i].name);
            p->threads[i].name = NULL;
        }
    }
}

/* From here on infos stand with the first of all stacks that are the same. Returns which these are, see stack_merge(). */
static uint32_t *merge_stacks(struct load *load) {
    struct replay *r = &load->replay;
    uint32_t *same = stack_merge(load->profile);
    for (size_t id = 0; same && id < r->n_infos; id++) {
        if (r->stack_of_info[id] != REPLAY_STACK_LOST) {
            r->stack_of_info[id] = same[r->stack_of_info[id]];
        }
    }
    return same;
}

static void finish(struct load *load) {
    struct profile *p = load->profile;
    begin_with_totals(load);
    moments_end(&load->moments, &load->replay, p);
    replay_finish(&load->replay);
    p->stacks = load->decoder.stacks;
    p->n_stacks = load->decoder.n_stacks;
    load->decoder.stacks = NULL;
    stack_modules_assign(p);
    count_frees(load);
    bool is_holed = p->n_events_missing || load->reader.n_damage;
    if (is_holed && p->pid == 0 && has_all_survivors(&load->records)) {
        trust_survivors(load);
    }
    sum_processes(load);
    coverage_judge(p, &load->replay);
    uint32_t *same = merge_stacks(load);
    sum_infos(load);
    if (load->wanted.infos) {
        kept_infos_build(p, &load->replay, &load->moments, &load->records);
    }
    moments_finish(&load->moments, p, same);
    free(same);
    if (p->sample_bytes) {
        sum_estimates(load);
    }
    if (p->n_processes > 1 && load->replay.process_of_info) {
        shares_build(&p->owners, p, &load->replay, load->replay.process_of_info, load->replay.n_owned);
    }
    moments_births(&load->moments, p, &load->replay);
    moments_free(&load->moments);
    tags_finish(p, &load->records.tags, &load->replay);
    note_births(load);
    sum_up(load);
    compare_with_end(load);
    forget_unwritten(p);
    fill_blanks(p);
    p->is_complete = load->records.end.is_seen && load->has_index && !p->is_recording;
    p->raw_bytes = load->reader.raw_bytes;
    p->damage = load->reader.damage;
    p->n_damage = load->reader.n_damage;
    load->reader.damage = NULL;
    load->reader.n_damage = 0;
}

/* Read all of an opened trace. */
static void load_opened(struct load *load) {
    struct profile *p = load->profile;
    p->file_bytes = load->reader.file_bytes;
    p->version_major = load->reader.version_major;
    p->version_minor = load->reader.version_minor;
    load->reader.is_growing = p->is_recording;
    event_decoder_init(&load->decoder, load->reader.file_bytes);
    replay_init(&load->replay, load->wanted.threads, load->wanted.n_threads);
    moments_init(&load->moments, load->wanted.alive_at);
    records_init(&load->records, p);
    read_blocks(load);
    finish(load);
    records_free(&load->records);
    replay_free(&load->replay);
    event_decoder_free(&load->decoder);
}

/* ---- traces that are still being written ---- */

/* The program is running, and may have been silent for a while. Being recorded, it is on this machine. */
static void run_until_now(struct profile *p) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t real_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (p->start_real_ns && real_ns > p->start_real_ns && real_ns - p->start_real_ns > p->runtime_ns) {
        p->runtime_ns = real_ns - p->start_real_ns;
    }
}

int profile_load(struct profile *profile, const char *path, const struct profile_wanted *wanted, profile_progress *progress,
                 void *context) {
    const struct profile_wanted all = {0};
    struct load load = {.profile = profile, .wanted = wanted ? *wanted : all, .progress = progress, .context = context};
    *profile = (struct profile){.path = xstrndup(path, strlen(path)), .pid = wanted ? wanted->pid : 0};
    resume_abandoned(path);
    profile->is_recording = recording_goes_on(path);
    int result = trace_reader_open(&load.reader, path);
    if (result == 0) {
        load_opened(&load);
        if (profile->is_recording) {
            run_until_now(profile);
        }
    } else {
        diag_error("%s", load.reader.error);
    }
    trace_reader_close(&load.reader);
    return result;
}

int profile_load_memory(struct profile *profile, const void *bytes, size_t n, const char *name) {
    struct load load = {.profile = profile};
    *profile = (struct profile){.path = xstrndup(name, strlen(name))};
    int result = trace_reader_open_memory(&load.reader, bytes, n, name);
    if (result == 0) {
        load_opened(&load);
    }
    trace_reader_close(&load.reader);
    return result;
}

void profile_free(struct profile *p) {
    for (size_t i = 0; i < p->n_processes; i++) {
        free(p->processes[i].executable);
        free(p->processes[i].command);
        free(p->processes[i].gone);
    }
    for (size_t i = 0; i < p->n_threads; i++) {
        free(p->threads[i].name);
    }
    for (size_t i = 0; i < p->n_modules; i++) {
        free(p->modules[i].path);
    }
    for (size_t i = 0; i < p->n_lost; i++) {
        free(p->lost[i].key);
        free(p->lost[i].text);
    }
    for (size_t i = 0; i < p->n_damage; i++) {
        free(p->damage[i].what);
    }
    for (size_t i = 0; i < p->n_marks; i++) {
        free(p->marks[i].name);
    }
    for (size_t i = 0; i < p->n_notes; i++) {
        free(p->notes[i].text);
    }
    for (size_t i = 0; i < p->n_files; i++) {
        free(p->files[i]);
    }
    void *arrays[] = {p->path,          p->recorder_version,
                      p->options,       p->processes,
                      p->threads,       p->modules,
                      p->stacks,        p->costs,
                      p->estimates,     p->owners.shares,
                      p->births.shares, p->suppressed_by,
                      p->lost,          p->damage,
                      p->marks,         p->notes,
                      p->files,         p->freed,
                      p->kept_infos};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        free(arrays[i]);
    }
    series_free(&p->series);
    *p = (struct profile){0};
}
