/* replay.c - the accounting of events; see replay.h. The inner loop is the hottest of the analyzer. */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "sample_weight.h"
#include "trace_format.h"

void replay_init(struct replay *r, const uint8_t *is_chosen, size_t n_threads) {
    *r = (struct replay){.by_thread = {.is_chosen = is_chosen, .n_threads = n_threads}};
    r->infos = xgrow(NULL, 0, &r->cap_infos, sizeof *r->infos);
    r->stack_of_info = xgrow(NULL, 0, &r->cap_stack_of_info, sizeof *r->stack_of_info);
    r->infos[0] = (struct replay_info){0};
    r->stack_of_info[0] = REPLAY_STACK_LOST;
    r->n_infos = 1;
    if (is_chosen) {
        by_thread_reserve(&r->by_thread, r->n_infos);
    }
}

void replay_free(struct replay *r) {
    free(r->infos);
    free(r->stack_of_info);
    free(r->own_sizes);
    free(r->process_of_info);
    free(r->next_of_process);
    free(r->process_of_stack);
    free(r->processes);
    free(r->threads);
    by_thread_free(&r->by_thread);
    *r = (struct replay){0};
}

static void reserve_infos(struct replay *r, size_t n) {
    if (n > r->cap_infos) {
        size_t cap = n > r->cap_infos + r->cap_infos / 2 ? n : r->cap_infos + r->cap_infos / 2;
        r->infos = xrealloc(r->infos, cap, sizeof *r->infos);
        r->stack_of_info = xrealloc(r->stack_of_info, cap, sizeof *r->stack_of_info);
        r->cap_infos = cap;
    }
    memset(r->infos + r->n_infos, 0, (n - r->n_infos) * sizeof *r->infos);
    memset(r->stack_of_info + r->n_infos, 0xff, (n - r->n_infos) * sizeof *r->stack_of_info); /* REPLAY_STACK_LOST */
}

/* Sampled: totals, and with them the peak, are made of what the recorded blocks stand for. */
static COLD void define_sampled_sizes(struct replay *r, const struct event_block *block) {
    if (r->cap_own_sizes < r->cap_infos) {
        r->own_sizes = xrealloc(r->own_sizes, r->cap_infos, sizeof *r->own_sizes);
        r->cap_own_sizes = r->cap_infos;
    }
    for (uint32_t i = 0; i < block->n_infos; i++) {
        uint64_t size_bytes = block->infos[i].size_bytes;
        size_t id = (size_t)block->first_info + i;
        r->own_sizes[id] = size_bytes;
        r->infos[id].size_bytes = sample_bytes_of(size_bytes, r->sample_bytes);
        r->stack_of_info[id] = block->infos[i].stack;
    }
}

static void define_infos(struct replay *r, const struct event_block *block) {
    size_t end = (size_t)block->first_info + block->n_infos;
    reserve_infos(r, end);
    r->n_infos = end;
    if (r->by_thread.is_chosen) {
        by_thread_reserve(&r->by_thread, end);
    }
    if (r->sample_bytes) {
        define_sampled_sizes(r, block);
        return;
    }
    for (uint32_t i = 0; i < block->n_infos; i++) {
        r->infos[block->first_info + i].size_bytes = block->infos[i].size_bytes;
        r->stack_of_info[block->first_info + i] = block->infos[i].stack;
    }
}

/* ---- more than one process ---- */

/* What a process starts with. */
static void add_processes(struct replay *r, const struct profile *p) {
    while (r->n_processes < p->n_processes) {
        const struct process *of = &p->processes[r->n_processes];
        r->processes = xgrow(r->processes, r->n_processes, &r->cap_processes, sizeof *r->processes);
        r->processes[r->n_processes] = (struct replay_process){
            .live_bytes = of->inherited_bytes, .peak_bytes = of->inherited_bytes, .is_skipped = !profile_is_chosen(p, of)};
        if (r->n_processes++ == 0) { /* it has been alone so far */
            r->processes[0].live_bytes = r->live_bytes;
            r->processes[0].peak_bytes = r->peak_bytes;
        }
    }
}

static uint32_t process_of_root(uint64_t ip, const struct profile *p) {
    uint32_t process = trace_root_process(ip);
    return process < p->n_processes ? process : 0;
}

/* Whose the new stacks and infos are; with the second process those from before are looked at, too. */
static void find_owners(struct replay *r, const struct event_block *block, const struct profile *p,
                        const struct stack *stacks) {
    size_t end_stack = (size_t)block->first_stack + block->n_stacks;
    if (end_stack > r->cap_stacks) {
        r->cap_stacks = end_stack + end_stack / 2;
        r->process_of_stack = xrealloc(r->process_of_stack, r->cap_stacks, sizeof *r->process_of_stack);
    }
    if (r->cap_process_of_info < r->cap_infos) {
        r->process_of_info = xrealloc(r->process_of_info, r->cap_infos, sizeof *r->process_of_info);
        r->cap_process_of_info = r->cap_infos;
    }
    if (r->cap_next_of_process < r->cap_infos) {
        r->next_of_process = xrealloc(r->next_of_process, r->cap_infos, sizeof *r->next_of_process);
        r->cap_next_of_process = r->cap_infos;
    }
    for (; r->n_stacks < end_stack; r->n_stacks++) {
        const struct stack *s = &stacks[r->n_stacks];
        bool is_below = !trace_is_root(s->ip) && s->parent < r->n_stacks;
        r->process_of_stack[r->n_stacks] = is_below               ? r->process_of_stack[s->parent]
                                           : trace_is_root(s->ip) ? process_of_root(s->ip, p)
                                                                  : 0;
    }
    for (; r->n_owned < r->n_infos; r->n_owned++) { /* each once: with damage some were never defined */
        size_t id = r->n_owned;
        uint32_t stack = r->stack_of_info[id];
        r->process_of_info[id] = stack < r->n_stacks ? r->process_of_stack[stack] : 0;
        struct replay_process *of = &r->processes[r->process_of_info[id]];
        r->next_of_process[id] = of->first_info;
        of->first_info = (uint32_t)id;
    }
}

struct replay_thread *replay_thread_at(struct replay *r, uint32_t thread) {
    while (thread >= r->n_threads) {
        r->threads = xgrow(r->threads, r->n_threads, &r->cap_threads, sizeof *r->threads);
        r->threads[r->n_threads++] = (struct replay_thread){0};
    }
    return &r->threads[thread];
}

static void reserve_threads(struct replay *r, const struct event_block *block) {
    for (size_t i = 0; i < block->n_runs; i++) {
        replay_thread_at(r, block->runs[i].thread);
    }
}

/* The state of the inner loop. Nobody else is given its address while the loop runs, so that it lives in registers. */
struct totals {
    uint64_t event;
    uint64_t live_bytes, peak_bytes, peak_event;
};

/* Before an event changes an info. part: what of it is told apart by threads, or NULL. */
ALWAYS_INLINE void touch(struct replay_info *info, struct by_thread_info *part, const struct totals *t) {
    if (part && info->last_event <= t->peak_event) {
        by_thread_note_peak(part);
    }
    info->live_at_peak = info->last_event <= t->peak_event ? info->live : info->live_at_peak;
    info->last_event = t->event;
}

ALWAYS_INLINE void raise_live(struct replay_info *info, struct totals *t) {
    info->live++;
    t->live_bytes += info->size_bytes;
    bool is_peak = t->live_bytes > t->peak_bytes;
    t->peak_bytes = is_peak ? t->live_bytes : t->peak_bytes;
    t->peak_event = is_peak ? t->event : t->peak_event;
}

/* A free or undo that has nothing to work on. */
static COLD void count_orphan(struct replay *r, uint32_t info) {
    if (r->stack_of_info[info] == REPLAY_STACK_LOST) {
        r->n_unknown++;
    } else {
        r->n_unmatched++;
    }
}

static void raise_process(struct replay_process *of, uint64_t size_bytes) {
    of->live_bytes += size_bytes;
    of->peak_bytes = of->live_bytes > of->peak_bytes ? of->live_bytes : of->peak_bytes;
}

/* A block of the process that it was forked from. */
static COLD void free_inherited(struct replay *r, struct replay_process *of, uint32_t id) {
    of->inherited_frees++;
    of->inherited_freed_bytes += r->infos[id].size_bytes;
    of->live_bytes -= r->infos[id].size_bytes;
}

static struct by_thread_info *part_of(const struct replay *r, size_t info) {
    return r->by_thread.is_chosen ? &r->by_thread.infos[info] : NULL;
}

static COLD struct totals undo_free(struct replay *r, struct totals t, struct replay_thread thread,
                                    struct replay_process *of) {
    if (thread.last_free == 0) {
        count_orphan(r, 0);
        return t;
    }
    struct replay_info *info = &r->infos[thread.last_free];
    if (of) {
        raise_process(of, info->size_bytes);
    }
    if (of && thread.was_inherited) {
        of->inherited_frees--;
        of->inherited_freed_bytes -= info->size_bytes;
        return t;
    }
    struct by_thread_info *part = part_of(r, thread.last_free);
    touch(info, part, &t);
    info->temporary -= thread.was_temporary;
    if (part) {
        by_thread_note_undo(part, thread.was_temporary, (enum by_thread_whose)thread.whose);
    }
    raise_live(info, &t);
    return t;
}

/* of: the process of the thread, NULL where there is only one. parts: of all infos, NULL where threads are not told apart. */
ALWAYS_INLINE void apply_run(struct replay *r, struct replay_thread *by, uint32_t process, struct replay_process *of,
                             struct by_thread_info *parts, bool is_chosen, const uint32_t *tokens, uint32_t n) {
    struct totals t = {
        .event = r->event, .live_bytes = r->live_bytes, .peak_bytes = r->peak_bytes, .peak_event = r->peak_event};
    struct replay_thread thread = *by;
    struct replay_info *infos = r->infos;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t token = tokens[i];
        t.event++;
        if (UNLIKELY(token == TOKEN_UNDO)) {
            t = undo_free(r, t, thread, of);
            thread.last_free = 0;
            continue;
        }
        bool is_temporary = token == TOKEN_FREE_LAST;
        uint32_t id = is_temporary ? thread.last_alloc : (token >> 1) - 1;
        struct replay_info *info = &infos[id];
        if (of && (token & 1) && UNLIKELY(r->process_of_info[id] != process)) {
            free_inherited(r, of, id);
            thread.last_free = id;
            thread.was_temporary = false;
            thread.was_inherited = true;
        } else if (token & 1) {
            bool is_alive = info->live != 0;
            thread.last_free = is_alive ? id : 0;
            thread.was_temporary = is_temporary;
            thread.was_inherited = false;
            if (UNLIKELY(!is_alive)) {
                count_orphan(r, id);
                continue;
            }
            touch(info, parts ? &parts[id] : NULL, &t);
            info->live--;
            info->temporary += is_temporary;
            if (parts) {
                thread.whose = (uint8_t)by_thread_note_free(&parts[id], is_temporary, is_chosen, replay_unreleased(info));
            }
            t.live_bytes -= info->size_bytes;
            if (of) {
                of->live_bytes -= info->size_bytes;
            }
        } else {
            touch(info, parts ? &parts[id] : NULL, &t);
            info->calls++;
            if (parts) {
                by_thread_note_alloc(&parts[id], is_chosen);
            }
            thread.last_alloc = id;
            raise_live(info, &t);
            if (of) {
                raise_process(of, info->size_bytes);
            }
        }
    }
    r->event = t.event;
    r->live_bytes = t.live_bytes;
    r->peak_bytes = t.peak_bytes;
    r->peak_event = t.peak_event;
    *by = thread;
}

static void apply_run_of_one(struct replay *r, struct replay_thread *by, const uint32_t *tokens, uint32_t n) {
    apply_run(r, by, 0, NULL, NULL, false, tokens, n);
}

static void apply_run_of_many(struct replay *r, struct replay_thread *by, uint32_t process, const uint32_t *tokens,
                              uint32_t n) {
    if (r->processes[process].is_skipped) {
        r->event += n;
    } else {
        apply_run(r, by, process, &r->processes[process], NULL, false, tokens, n);
    }
}

/* It takes half as long again, which is why it is not the only one. */
static void apply_run_by_thread(struct replay *r, struct replay_thread *by, uint32_t process, bool is_chosen,
                                const uint32_t *tokens, uint32_t n) {
    struct replay_process *of = r->are_many ? &r->processes[process] : NULL;
    if (of && of->is_skipped) {
        r->event += n;
    } else {
        apply_run(r, by, process, of, r->by_thread.infos, is_chosen, tokens, n);
    }
}

static uint32_t process_of_thread(const struct profile *p, uint32_t thread) {
    return thread < p->n_threads && p->threads[thread].process < p->n_processes ? p->threads[thread].process : 0;
}

void replay_begin(struct replay *r, const struct event_block *block, const struct profile *profile,
                  const struct stack *stacks) {
    if (block->n_missing && r->n_threads) {
        /* What a thread did last is in the hole. */
        memset(r->threads, 0, r->n_threads * sizeof *r->threads);
    }
    r->event = block->first_event;
    r->at_run = 0;
    r->at_event_of_run = r->at_event = 0;
    define_infos(r, block);
    reserve_threads(r, block);
    /* Damage may have taken the records of all processes: then these events are not known to be of the one that is wanted. */
    r->is_block_skipped = profile->pid && profile->n_processes == 0;
    r->are_many = profile->n_processes > 1 || profile->pid;
    if (r->are_many && !r->is_block_skipped) {
        add_processes(r, profile);
        find_owners(r, block, profile, stacks);
    }
}

void replay_until(struct replay *r, const struct event_block *block, const struct profile *profile, uint32_t event) {
    while (!r->is_block_skipped && r->at_run < block->n_runs && r->at_event < event) {
        const struct event_run *run = &block->runs[r->at_run];
        struct replay_thread *by = &r->threads[run->thread];
        const uint32_t *tokens = block->tokens + r->at_event;
        uint32_t left = run->n_events - r->at_event_of_run, n = event - r->at_event < left ? event - r->at_event : left;
        if (r->by_thread.is_chosen) {
            bool is_chosen = by_thread_is_chosen(&r->by_thread, run->thread);
            apply_run_by_thread(r, by, process_of_thread(profile, run->thread), is_chosen, tokens, n);
        } else if (r->are_many) {
            apply_run_of_many(r, by, process_of_thread(profile, run->thread), tokens, n);
        } else {
            apply_run_of_one(r, by, tokens, n);
        }
        r->at_event += n;
        r->at_event_of_run = n < left ? r->at_event_of_run + n : 0;
        r->at_run += n == left;
    }
}

/* What it has not freed is not alive any more. */
static void leave(struct replay *r, size_t id, const struct totals *t) {
    struct replay_info *info = &r->infos[id];
    touch(info, part_of(r, id), t);
    r->live_bytes -= info->live * info->size_bytes;
    info->left += info->live;
    info->live = 0;
}

void replay_end_process(struct replay *r, uint32_t process) {
    struct totals t = {.event = r->event + 1,
                       .peak_event = r->peak_event}; /* behind the last event, which may be the peak */
    if (r->n_processes == 0 && process == 0) {       /* it has been alone so far */
        for (size_t id = 0; id < r->n_infos; id++) {
            leave(r, id, &t);
        }
    }
    if (process >= r->n_processes || r->processes[process].is_over) {
        return;
    }
    r->processes[process].is_over = true;
    for (uint32_t id = r->processes[process].first_info; id != 0; id = r->next_of_process[id]) {
        leave(r, id, &t);
    }
}

void replay_finish(struct replay *r) {
    struct totals t = {.event = r->event, .peak_event = r->peak_event};
    for (size_t id = 0; id < r->n_infos; id++) {
        touch(&r->infos[id], part_of(r, id), &t);
    }
}
