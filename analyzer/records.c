/* records.c - records into the profile; see records.h and include/FORMAT.md. */
#include "records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "record_fields.h"
#include "trace_format.h"
#include "varint.h"

enum { THREADS_AHEAD_MAX = 65536, PROCESSES_AHEAD_MAX = 1024, PARENTS_MAX = 64 };

void records_init(struct records *records, struct profile *profile) {
    *records = (struct records){.profile = profile};
}

void records_free(struct records *records) {
    for (size_t i = 0; records->processes && i < records->profile->n_processes; i++) {
        free(records->processes[i].module_by_id);
        free(records->processes[i].lost);
    }
    free(records->processes);
    free(records->survivors);
    free(records->ended);
    folded_free(&records->folded);
    tags_free(&records->tags);
    *records = (struct records){0};
}

/* Something was known to have happened at this time. */
static void extend_runtime(struct profile *p, uint64_t ns) {
    if (ns > p->runtime_ns) {
        p->runtime_ns = ns;
    }
}

static bool read_start(struct records *to, struct byte_reader *in) {
    struct profile *p = to->profile;
    char *version = record_string(in);
    uint64_t real_ns = varint_get(in);
    char *options = record_string(in);
    varint_get(in); /* the clock's rate */
    uint64_t sample_bytes = byte_reader_left(in) ? varint_get(in) : 0;
    if (in->is_failed || sample_bytes >> ESTIMATE_INTERVAL_BITS_MAX) {
        free(version);
        free(options);
        return false;
    }
    free(p->recorder_version);
    free(p->options);
    p->recorder_version = version;
    p->options = options;
    p->start_real_ns = real_ns;
    p->sample_bytes = p->n_events ? p->sample_bytes : sample_bytes; /* stands before the first event */
    return true;
}

/* Make room for this process; those before it whose records are missing stay blank. */
static struct process *process_at(struct records *to, uint32_t index) {
    struct profile *p = to->profile;
    /* Indexes are dense: one far ahead of the last is a forgery or follows a huge hole. */
    if (index >= RECORDS_PROCESSES_MAX + p->file_bytes / RECORDS_FILE_BYTES ||
        index > p->n_processes + PROCESSES_AHEAD_MAX) {
        return NULL;
    }
    while (p->n_processes <= index) {
        p->processes = xgrow(p->processes, p->n_processes, &to->cap_processes, sizeof *p->processes);
        to->processes = xgrow(to->processes, p->n_processes, &to->cap_process_records, sizeof *to->processes);
        to->processes[p->n_processes] = (struct process_records){0};
        p->processes[p->n_processes++] = (struct process){.parent = TRACE_NO_PROCESS};
    }
    return &p->processes[index];
}

static bool read_process(struct records *to, struct byte_reader *in) {
    struct process process = {0};
    uint32_t index = record_u32(in);
    process.pid = record_u32(in);
    process.origin = record_u32(in);
    process.parent = record_u32(in);
    process.parent_epoch = record_u32(in);
    process.inherited_blocks = varint_get(in);
    process.inherited_bytes = varint_get(in);
    process.ppid = record_u32(in);
    process.start_ns = record_ns(in);
    process.executable = record_string(in);
    process.command = record_strings(in);
    struct process *place = in->is_failed ? NULL : process_at(to, index);
    if (!place || place->executable) {
        free(process.executable);
        free(process.command);
        return false;
    }
    process.parent = process.parent < index ? process.parent : TRACE_NO_PROCESS;
    *place = process;
    return true;
}

/* The process of that index; NULL if its record was lost. */
static struct process *find_process(const struct profile *p, uint32_t index) {
    return index < p->n_processes ? &p->processes[index] : NULL;
}

static bool is_chosen(const struct profile *p, uint32_t index) {
    return p->pid == 0 || profile_pid(p, index) == p->pid;
}

static bool read_process_end(struct records *to, struct byte_reader *in) {
    uint32_t index = record_u32(in);
    struct process *process = find_process(to->profile, index);
    uint64_t ns = record_ns(in);
    uint32_t kind = record_u32(in), value = record_u32(in);
    if (in->is_failed) {
        return false;
    }
    if (process) {
        process->end_ns = ns ? ns : 1; /* 0 would mean that no end was seen */
        process->end_kind = kind;
        process->end_value = value;
        to->ended = xgrow(to->ended, to->n_ended, &to->cap_ended, sizeof *to->ended);
        to->ended[to->n_ended++] = index;
    }
    extend_runtime(to->profile, ns);
    return true;
}

/* Make room for this thread; those before it that are missing stay blank. */
static struct thread *thread_at(struct records *to, uint64_t index) {
    struct profile *p = to->profile;
    /* Indexes are dense: one far ahead of the last is a forgery or follows a huge hole. */
    if (index >= RECORDS_THREADS_MAX || index > p->n_threads + THREADS_AHEAD_MAX) {
        return NULL;
    }
    while (p->n_threads <= index) {
        p->threads = xgrow(p->threads, p->n_threads, &to->cap_threads, sizeof *p->threads);
        p->threads[p->n_threads++] = (struct thread){0};
    }
    return &p->threads[index];
}

static bool read_thread(struct records *to, struct byte_reader *in) {
    uint64_t index = varint_get(in);
    struct thread thread = {0};
    thread.process = record_u32(in);
    thread.tid = record_u32(in);
    thread.start_ns = record_ns(in);
    thread.name = record_string(in);
    struct thread *place = in->is_failed ? NULL : thread_at(to, index);
    if (!place) {
        free(thread.name);
        return false;
    }
    free(place->name);
    *place = thread;
    return true;
}

static bool read_thread_name(struct records *to, struct byte_reader *in) {
    uint64_t index = varint_get(in);
    char *name = record_string(in);
    struct thread *place = in->is_failed ? NULL : thread_at(to, index);
    if (!place) {
        free(name);
        return false;
    }
    free(place->name);
    place->name = name;
    return true;
}

static void remember_module_id(struct process_records *of, uint32_t id, size_t index) {
    while (of->n_ids <= id) {
        of->module_by_id = xgrow(of->module_by_id, of->n_ids, &of->cap_ids, sizeof *of->module_by_id);
        of->module_by_id[of->n_ids++] = 0;
    }
    of->module_by_id[id] = (uint32_t)index + 1;
}

static bool read_module(struct records *to, struct byte_reader *in) {
    struct profile *p = to->profile;
    struct module module = {.gone_epoch = UINT32_MAX};
    module.id = record_u32(in);
    module.process = record_u32(in);
    module.first_epoch = record_u32(in);
    module.bias = varint_get(in);
    module.start = varint_get(in);
    module.end = varint_get(in);
    uint64_t n_build_id = varint_get(in);
    const uint8_t *build_id = byte_reader_take(in, n_build_id);
    module.path = record_string(in);
    if (in->is_failed || module.id > RECORDS_MODULES_MAX ||
        p->n_modules >= RECORDS_MODULES_MAX + p->file_bytes / RECORDS_FILE_BYTES || !process_at(to, module.process)) {
        free(module.path);
        return false;
    }
    if (n_build_id <= sizeof module.build_id) { /* a longer one could never be compared: better none */
        memcpy(module.build_id, build_id, n_build_id);
        module.build_id_bytes = n_build_id;
    }
    p->modules = xgrow(p->modules, p->n_modules, &to->cap_modules, sizeof *p->modules);
    remember_module_id(&to->processes[module.process], module.id, p->n_modules);
    p->modules[p->n_modules++] = module;
    return true;
}

/* The module of a process with that id: its own, or one that came with the fork. Returns index + 1, 0 = none. */
static uint32_t find_module(const struct records *from, uint32_t process, uint32_t id, bool *is_own) {
    const struct profile *p = from->profile;
    *is_own = true;
    for (int i = 0; i < PARENTS_MAX && process < p->n_processes; i++) {
        const struct process_records *of = &from->processes[process];
        if (id < of->n_ids && of->module_by_id[id]) {
            return of->module_by_id[id];
        }
        if (p->processes[process].origin != TRACE_ORIGIN_FORK) {
            break;
        }
        process = p->processes[process].parent;
        *is_own = false;
    }
    return 0;
}

static void note_gone(struct records *to, uint32_t process, uint32_t id, uint32_t epoch) {
    struct profile *p = to->profile;
    bool is_own;
    uint32_t at = find_module(to, process, id, &is_own);
    if (at && is_own && p->modules[at - 1].gone_epoch == UINT32_MAX) {
        p->modules[at - 1].gone_epoch = epoch;
    } else if (at && !is_own) {
        struct process *of = &p->processes[process];
        of->gone = xgrow(of->gone, of->n_gone, &to->processes[process].cap_gone, sizeof *of->gone);
        of->gone[of->n_gone++] = (struct gone_module){.module = at - 1, .epoch = epoch};
    }
}

static bool read_epoch(struct records *to, struct byte_reader *in) {
    uint32_t process = record_u32(in);
    uint32_t epoch = record_u32(in);
    uint64_t n = varint_get(in);
    for (uint64_t i = 0; i < n && !in->is_failed; i++) {
        uint32_t id = record_u32(in);
        if (!in->is_failed) {
            note_gone(to, process, id, epoch);
        }
    }
    return !in->is_failed;
}

static bool read_mark(struct records *to, struct byte_reader *in) {
    struct profile *p = to->profile;
    struct mark mark = {0};
    mark.number = varint_get(in);
    mark.time_ns = record_ns(in);
    mark.name = record_string(in);
    mark.first_event = byte_reader_left(in) ? varint_get(in) : UINT64_MAX;
    if (in->is_failed || p->n_marks >= RECORDS_MARKS_MAX) {
        free(mark.name);
        return false;
    }
    p->marks = xgrow(p->marks, p->n_marks, &to->cap_marks, sizeof *p->marks);
    p->marks[p->n_marks++] = mark;
    return true;
}

static bool read_memory(struct records *to, struct byte_reader *in) {
    struct process *process = find_process(to->profile, record_u32(in));
    uint64_t ns = record_ns(in), now_bytes = varint_get(in), peak_bytes = varint_get(in);
    process = in->is_failed ? NULL : process;
    if (process) {
        uint64_t most = now_bytes > peak_bytes ? now_bytes : peak_bytes;
        process->peak_rss_bytes = most > process->peak_rss_bytes ? most : process->peak_rss_bytes;
        extend_runtime(to->profile, ns);
    }
    return !in->is_failed;
}

/* Add to the total of a kind what it has grown by since a process's last record of it. */
static void add_lost(struct records *to, uint32_t process, size_t kind, uint64_t count) {
    struct process_records *of = &to->processes[process];
    while (of->n_lost <= kind) {
        of->lost = xgrow(of->lost, of->n_lost, &of->cap_lost, sizeof *of->lost);
        of->lost[of->n_lost++] = 0;
    }
    if (is_chosen(to->profile, process)) {
        to->profile->lost[kind].count += count - of->lost[kind];
    }
    of->lost[kind] = count;
}

static bool read_lost(struct records *to, struct byte_reader *in) {
    struct profile *p = to->profile;
    struct lost lost = {0};
    uint32_t process = record_u32(in);
    lost.key = record_string(in);
    uint64_t count = varint_get(in);
    lost.text = record_string(in);
    lost.is_events = varint_get(in) != 0;
    size_t i = 0;
    while (!in->is_failed && i < p->n_lost && strcmp(p->lost[i].key, lost.key) != 0) {
        i++;
    }
    if (in->is_failed || count > RECORDS_LOST_MAX || i >= RECORDS_LOST_KINDS_MAX || !process_at(to, process)) {
        free(lost.key);
        free(lost.text);
        return false;
    }
    if (i == p->n_lost) {
        p->lost = xgrow(p->lost, p->n_lost++, &to->cap_lost, sizeof *p->lost);
    } else {
        lost.count = p->lost[i].count;
        free(p->lost[i].key);
        free(p->lost[i].text);
    }
    p->lost[i] = lost;
    add_lost(to, process, i, count);
    return true;
}

static bool read_survivors(struct records *to, struct byte_reader *in) {
    uint64_t n = varint_get(in);
    uint64_t info = 0;
    for (uint64_t i = 0; i < n && !in->is_failed; i++) {
        info += varint_get(in);
        struct survivor s = {0};
        s.blocks = varint_get(in);
        s.birth_ms = varint_get(in);
        if (in->is_failed || info > UINT32_MAX) {
            return false;
        }
        s.info = (uint32_t)info;
        to->survivors = xgrow(to->survivors, to->n_survivors, &to->cap_survivors, sizeof *to->survivors);
        to->survivors[to->n_survivors++] = s;
    }
    return !in->is_failed;
}

static bool read_end(struct records *to, struct byte_reader *in) {
    struct profile *p = to->profile;
    struct recorded_end end = {.is_seen = true};
    end.end_ns = record_ns(in);
    end.n_events = varint_get(in);
    end.n_allocations = varint_get(in);
    end.n_frees = varint_get(in);
    end.n_undone = varint_get(in);
    uint64_t cpu_ns = record_ns(in), rss_bytes = varint_get(in);
    end.n_inherited_frees = varint_get(in);
    if (in->is_failed) {
        return false;
    }
    to->end = end;
    p->collector_cpu_ns = cpu_ns;
    p->collector_rss_bytes = rss_bytes;
    extend_runtime(p, end.end_ns);
    return true;
}

static bool read_coverage(struct records *to, struct byte_reader *in) {
    struct process *process = find_process(to->profile, record_u32(in));
    struct coverage c = {0};
    c.result = record_u32(in);
    c.allocator = record_u32(in);
    uint64_t *const fields[] = {&c.in_use_bytes,  &c.n_mapped,      &c.n_threads,    &c.cache_blocks, &c.cache_bytes_max,
                                &c.rounded_bytes, &c.traced_blocks, &c.traced_bytes, &c.held_bytes};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        *fields[i] = varint_get(in);
    }
    if (process && !in->is_failed) {
        process->coverage = c;
    }
    return !in->is_failed;
}

static bool read_note(struct records *to, struct byte_reader *in) {
    struct profile *p = to->profile;
    struct note note = {.process = record_u32(in)};
    note.text = record_string(in);
    bool is_good = !in->is_failed && p->n_notes < RECORDS_NOTES_MAX;
    if (!is_good || !is_chosen(p, note.process)) {
        free(note.text);
        return is_good;
    }
    p->notes = xgrow(p->notes, p->n_notes, &to->cap_notes, sizeof *p->notes);
    p->notes[p->n_notes++] = note;
    return true;
}

static bool read_folded(struct records *to, struct byte_reader *in) {
    return folded_read(&to->folded, in);
}

static bool read_folded_infos(struct records *to, struct byte_reader *in) {
    return folded_read_infos(&to->folded, in);
}

static bool read_folded_processes(struct records *to, struct byte_reader *in) {
    return folded_read_processes(&to->folded, in);
}

static bool read_folded_threads(struct records *to, struct byte_reader *in) {
    return folded_read_threads(&to->folded, in);
}

static bool read_source_file(struct records *to, struct byte_reader *in) {
    return tags_read_file(to->profile, &to->tags, in);
}

static bool read_freed_at(struct records *to, struct byte_reader *in) {
    return tags_read_freed(&to->tags, in);
}

/* Each reads its payload into the profile, or returns false and changes nothing that matters. */
static bool (*const readers[])(struct records *, struct byte_reader *) = {
    [TRACE_RECORD_START] = read_start,
    [TRACE_RECORD_PROCESS] = read_process,
    [TRACE_RECORD_PROCESS_END] = read_process_end,
    [TRACE_RECORD_THREAD] = read_thread,
    [TRACE_RECORD_MODULE] = read_module,
    [TRACE_RECORD_EPOCH] = read_epoch,
    [TRACE_RECORD_MARK] = read_mark,
    [TRACE_RECORD_MEMORY] = read_memory,
    [TRACE_RECORD_LOST] = read_lost,
    [TRACE_RECORD_SURVIVORS] = read_survivors,
    [TRACE_RECORD_END] = read_end,
    [TRACE_RECORD_NOTE] = read_note,
    [TRACE_RECORD_THREAD_NAME] = read_thread_name,
    [TRACE_RECORD_COVERAGE] = read_coverage,
    [TRACE_RECORD_FOLDED] = read_folded,
    [TRACE_RECORD_FOLDED_INFOS] = read_folded_infos,
    [TRACE_RECORD_FOLDED_PROCESSES] = read_folded_processes,
    [TRACE_RECORD_FOLDED_THREADS] = read_folded_threads,
    [TRACE_RECORD_SOURCE_FILE] = read_source_file,
    [TRACE_RECORD_FREED_AT] = read_freed_at,
};

void records_read(struct records *records, struct trace_reader *reader, const struct trace_block *block) {
    struct byte_reader in = byte_reader_over(block->raw, block->raw_bytes);
    while (byte_reader_left(&in)) {
        uint64_t type = varint_get(&in);
        uint64_t n = varint_get(&in);
        const uint8_t *payload = byte_reader_take(&in, n);
        if (!payload) {
            trace_reader_note(reader, block->off, block->file_bytes, "a block of records that ends within one");
            return;
        }
        if (type == TRACE_RECORD_END) {
            records->end_off = block->off;
        }
        if (type >= sizeof readers / sizeof readers[0] || !readers[type]) {
            continue; /* of a later version */
        }
        struct byte_reader of_record = byte_reader_over(payload, (size_t)n);
        if (!readers[type](records, &of_record)) {
            char why[64];
            snprintf(why, sizeof why, "a malformed record of type %u", (unsigned)type);
            trace_reader_note(reader, block->off, block->file_bytes, why);
        }
    }
}
