/* totals.c - see totals.h. */
#include "totals.h"

#include "memory.h"
#include "sample_weight.h"
#include "token_model.h"

enum {
    FIRST_INFOS = 1024,
    FIRST_THREADS = 64,
    FIRST_PROCESSES = 16,
    PREFETCH_TOKENS = 12,
    ENTRIES_OF_RECORD = 65536,
};

void totals_init(struct totals *t, uint64_t sample_bytes) {
    *t = (struct totals){.sample_bytes = sample_bytes};
}

void totals_free(struct totals *t) {
    memory_unmap(t->infos, t->cap_infos * sizeof *t->infos);
    memory_unmap(t->next_of_process, t->cap_next * sizeof *t->next_of_process);
    memory_unmap(t->threads, t->cap_threads * sizeof *t->threads);
    memory_unmap(t->processes, t->cap_processes * sizeof *t->processes);
    *t = (struct totals){0};
}

/* A zeroed place for `index`. Returns the new capacity. */
static uint32_t grown(void **array, uint32_t cap, uint32_t index, uint32_t first, size_t element_bytes) {
    uint32_t wanted = cap ? cap : first;
    while (wanted <= index) {
        wanted *= 2;
    }
    if (wanted > cap) {
        *array = memory_grow(*array, cap * element_bytes, wanted * element_bytes);
    }
    return wanted;
}

static struct totals_process *process_at(struct totals *t, uint32_t process) {
    void *array = t->processes;
    t->cap_processes = grown(&array, t->cap_processes, process, FIRST_PROCESSES, sizeof *t->processes);
    t->processes = array;
    t->n_processes = process >= t->n_processes ? process + 1 : t->n_processes;
    return &t->processes[process];
}

static void reserve_thread(struct totals *t, uint32_t thread) {
    void *array = t->threads;
    t->cap_threads = grown(&array, t->cap_threads, thread, FIRST_THREADS, sizeof *t->threads);
    t->threads = array;
}

void totals_start_process(struct totals *t, uint32_t process, uint64_t inherited_bytes) {
    *process_at(t, process) = (struct totals_process){.live_bytes = inherited_bytes, .peak_bytes = inherited_bytes};
}

void totals_define_info(struct totals *t, uint32_t id, uint64_t size_bytes, uint32_t stack, uint32_t process) {
    void *array = t->infos;
    t->cap_infos = grown(&array, t->cap_infos, id, FIRST_INFOS, sizeof *t->infos);
    t->infos = array;
    array = t->next_of_process;
    t->cap_next = grown(&array, t->cap_next, id, FIRST_INFOS, sizeof *t->next_of_process);
    t->next_of_process = array;
    struct totals_process *of = process_at(t, process);
    t->next_of_process[id] = of->last_info;
    of->last_info = id;
    t->infos[id] = (struct totals_info){
        .size_bytes = sample_bytes_of(size_bytes, t->sample_bytes), .stack = stack, .process = process};
    t->n_infos = id;
}

/* Before an event changes an info. */
ALWAYS_INLINE void touch(struct totals_info *info, uint64_t event, uint64_t peak_event, uint64_t own_peak_event) {
    info->live_at_peak = info->last_event <= peak_event ? info->live : info->live_at_peak;
    info->live_at_own_peak = info->last_event <= own_peak_event ? info->live : info->live_at_own_peak;
    info->last_event = event;
}

static void raise_process(struct totals_process *of, uint64_t size_bytes) {
    of->live_bytes += size_bytes;
    of->peak_bytes = of->live_bytes > of->peak_bytes ? of->live_bytes : of->peak_bytes;
}

static void raise_own(struct totals *t, struct totals_process *of, struct totals_info *info, uint64_t event) {
    info->live++;
    t->live_bytes += info->size_bytes;
    if (t->live_bytes > t->peak_bytes) {
        t->peak_bytes = t->live_bytes;
        t->peak_event = event;
    }
    of->own_live_bytes += info->size_bytes;
    if (of->own_live_bytes > of->own_peak_bytes) {
        of->own_peak_bytes = of->own_live_bytes;
        of->own_peak_event = event;
    }
    raise_process(of, info->size_bytes);
}

static COLD void undo(struct totals *t, struct totals_process *of, struct totals_thread *thread, uint64_t event) {
    if (thread->last_free == 0) {
        t->n_unmatched++;
        return;
    }
    struct totals_info *info = &t->infos[thread->last_free];
    thread->last_free = 0;
    t->n_undone++;
    if (thread->was_inherited) {
        raise_process(of, info->size_bytes);
        of->inherited_frees--;
        of->inherited_freed_bytes -= info->size_bytes;
        return;
    }
    touch(info, event, t->peak_event, of->own_peak_event);
    info->temporary -= thread->was_temporary;
    raise_own(t, of, info, event);
}

static COLD void free_inherited(struct totals_process *of, uint64_t size_bytes) {
    of->inherited_frees++;
    of->inherited_freed_bytes += size_bytes;
    of->live_bytes -= size_bytes;
}

ALWAYS_INLINE void apply(struct totals *t, struct totals_process *of, uint32_t process, struct totals_thread *thread,
                         uint32_t token, uint64_t event) {
    if (UNLIKELY(token == TOKEN_UNDO)) {
        undo(t, of, thread, event);
        return;
    }
    bool is_temporary = token == TOKEN_FREE_LAST;
    uint32_t id = is_temporary ? thread->last_alloc : token_info(token);
    struct totals_info *info = &t->infos[id];
    if (!(token & 1)) {
        touch(info, event, t->peak_event, of->own_peak_event);
        info->calls++;
        thread->last_alloc = id;
        raise_own(t, of, info, event);
        return;
    }
    bool is_inherited = info->process != process;
    bool is_alive = is_inherited || info->live != 0;
    thread->last_free = is_alive ? id : 0;
    thread->was_temporary = is_temporary && !is_inherited;
    thread->was_inherited = is_inherited;
    if (UNLIKELY(is_inherited)) {
        free_inherited(of, info->size_bytes);
    } else if (UNLIKELY(!is_alive)) {
        t->n_unmatched++;
    } else {
        touch(info, event, t->peak_event, of->own_peak_event);
        info->live--;
        info->temporary += is_temporary;
        t->live_bytes -= info->size_bytes;
        of->own_live_bytes -= info->size_bytes;
        of->live_bytes -= info->size_bytes;
    }
}

void totals_add(struct totals *t, uint32_t process, const uint32_t *tokens, const uint32_t *threads, uint32_t n) {
    struct totals_process *of = process_at(t, process);
    for (uint32_t i = 0; i < n; i++) {
        if (LIKELY(i + PREFETCH_TOKENS < n)) {
            uint32_t ahead = tokens[i + PREFETCH_TOKENS];
            __builtin_prefetch(&t->infos[ahead > TOKEN_FREE_LAST ? token_info(ahead) : 0], 1);
        }
        if (UNLIKELY(threads[i] >= t->cap_threads)) {
            reserve_thread(t, threads[i]);
        }
        apply(t, of, process, &t->threads[threads[i]], tokens[i], t->n_events + i + 1);
    }
    t->n_events += n;
}

void totals_end_process(struct totals *t, uint32_t process) {
    struct totals_process *of = process_at(t, process);
    for (uint32_t id = of->is_over ? 0 : of->last_info; id != 0; id = t->next_of_process[id]) {
        struct totals_info *info = &t->infos[id];
        touch(info, t->n_events + 1, t->peak_event, of->own_peak_event);
        t->live_bytes -= info->live * info->size_bytes;
    }
    of->is_over = true;
}

/* ---- as records ---- */

static uint32_t end_of_part(uint32_t first, uint32_t end) {
    return end - first < ENTRIES_OF_RECORD ? end : first + ENTRIES_OF_RECORD;
}

static void write_processes(const struct totals *t, uint32_t first, uint32_t end, struct trace_records *records) {
    trace_records_begin(records, TRACE_RECORD_FOLDED_PROCESSES);
    trace_records_number(records, first);
    trace_records_number(records, end - first);
    for (uint32_t i = first; i < end; i++) {
        const struct totals_process *of = &t->processes[i];
        trace_records_number(records, of->peak_bytes);
        trace_records_number(records, of->inherited_frees);
        trace_records_number(records, of->inherited_freed_bytes);
    }
    trace_records_end(records);
}

/* Whether a later token may refer to what the thread did last: not if its process is over. */
static bool may_go_on(const struct totals *t, uint32_t thread) {
    const struct totals_thread *of = &t->threads[thread];
    bool is_over = of->last_alloc != 0 && t->processes[t->infos[of->last_alloc].process].is_over;
    return (of->last_alloc != 0 || of->last_free != 0) && !is_over;
}

static void write_threads(const struct totals *t, uint32_t first, uint32_t end, struct trace_records *records) {
    uint64_t n = 0;
    uint32_t last = 0;
    for (uint32_t i = first; i < end; i++) {
        n += may_go_on(t, i);
    }
    if (n == 0) {
        return;
    }
    trace_records_begin(records, TRACE_RECORD_FOLDED_THREADS);
    trace_records_number(records, n);
    for (uint32_t i = first; i < end; i++) {
        const struct totals_thread *thread = &t->threads[i];
        if (may_go_on(t, i)) {
            trace_records_number(records, i - last);
            trace_records_number(records, thread->last_alloc);
            trace_records_number(records, (uint64_t)thread->last_free << 2 |
                                              (thread->was_temporary ? TRACE_FREE_WAS_TEMPORARY : 0) |
                                              (thread->was_inherited ? TRACE_FREE_WAS_INHERITED : 0));
            last = i;
        }
    }
    trace_records_end(records);
}

static void write_infos(const struct totals *t, uint32_t first, uint32_t end, struct trace_records *records) {
    trace_records_begin(records, TRACE_RECORD_FOLDED_INFOS);
    trace_records_number(records, first);
    trace_records_number(records, end - first);
    for (uint32_t id = first; id < end; id++) {
        const struct totals_info *info = &t->infos[id];
        const struct totals_process *of = &t->processes[info->process];
        uint64_t alive = of->is_over ? 0 : info->live;
        uint64_t at_peak = info->last_event <= t->peak_event ? alive : info->live_at_peak;
        uint64_t at_own_peak = info->last_event <= of->own_peak_event ? alive : info->live_at_own_peak;
        trace_records_number(records, info->calls);
        trace_records_number(records, info->live);
        trace_records_number(records, info->temporary);
        trace_records_number(records, at_peak);
        trace_records_number(records, zigzag_encode((int64_t)(at_own_peak - at_peak)));
    }
    trace_records_end(records);
}

void totals_write(const struct totals *t, struct totals_span span, struct trace_records *records) {
    trace_records_begin(records, TRACE_RECORD_FOLDED);
    trace_records_number(records, t->n_events);
    trace_records_number(records, span.from_ns);
    trace_records_number(records, span.to_ns);
    trace_records_number(records, t->n_undone);
    trace_records_number(records, t->n_unmatched);
    trace_records_end(records);
    uint32_t end = t->n_processes;
    for (uint32_t first = 0; first < end; first = end_of_part(first, end)) {
        write_processes(t, first, end_of_part(first, end), records);
    }
    end = t->cap_threads;
    for (uint32_t first = 0; first < end; first = end_of_part(first, end)) {
        write_threads(t, first, end_of_part(first, end), records);
    }
    end = t->n_infos + 1;
    for (uint32_t first = 1; first < end; first = end_of_part(first, end)) {
        write_infos(t, first, end_of_part(first, end), records);
    }
}
