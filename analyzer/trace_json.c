/* trace_json.c - see trace_json.h. */
#include "trace_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "coverage_judge.h"
#include "trace_format.h"

static void put_lost(struct json_out *j, const struct profile *p) {
    json_key(j, "lost");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_lost; i++) {
        if (p->lost[i].count) {
            json_object_begin(j);
            json_put_string(j, "kind", p->lost[i].key);
            json_put_uint(j, "count", p->lost[i].count);
            json_put_string(j, "text", p->lost[i].text);
            json_put_bool(j, "events", p->lost[i].is_events);
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
        json_put_uint(j, "offset", p->damage[i].off);
        json_put_known(j, "bytes", p->damage[i].n_bytes, p->damage[i].n_bytes != 0);
        json_put_string(j, "what", p->damage[i].what);
        json_object_end(j);
    }
    json_array_end(j);
}

static void put_notes(struct json_out *j, const struct profile *p) {
    json_key(j, "notes");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_notes; i++) {
        json_object_begin(j);
        json_put_uint(j, "pid", profile_pid(p, p->notes[i].process));
        json_put_string(j, "text", p->notes[i].text);
        json_object_end(j);
    }
    json_array_end(j);
}

/* Every program that a process has been, by its id. */
static void put_commands(struct json_out *j, const struct profile *p, const struct process *process) {
    json_key(j, "commands");
    json_array_begin(j);
    for (size_t i = 0; process && i < p->n_processes; i++) {
        if (p->processes[i].pid == process->pid) {
            json_string(j, p->processes[i].command);
        }
    }
    json_array_end(j);
}

static void put_folded(struct json_out *j, const struct profile *p) {
    json_key(j, "folded");
    if (p->n_folded == 0) {
        json_null(j);
        return;
    }
    json_object_begin(j);
    json_put_uint(j, "events", p->n_folded);
    json_put_double(j, "from_seconds", (double)p->folded_from_ns / 1e9);
    json_put_double(j, "to_seconds", (double)p->folded_to_ns / 1e9);
    json_object_end(j);
}

void trace_json_put(struct json_out *j, const struct profile *p, const struct process *process) {
    char format[32];
    snprintf(format, sizeof format, "%" PRIu32 ".%" PRIu32, p->version_major, p->version_minor);
    json_key(j, "trace");
    json_object_begin(j);
    json_put_string(j, "version", p->recorder_version);
    json_put_string(j, "format", format);
    json_put_string(j, "options", p->options);
    json_put_string(j, "file", p->path);
    json_put_uint(j, "file_bytes", p->file_bytes);
    json_put_string(j, "command", process ? process->command : NULL);
    put_commands(j, p, process);
    json_put_known(j, "pid", process ? process->pid : 0, process != NULL);
    json_put_known(j, "start", p->start_real_ns / 1000000000, p->start_real_ns != 0);
    json_put_known(j, "sample_bytes", p->sample_bytes, p->sample_bytes != 0);
    json_put_double(j, "runtime_seconds", (double)p->runtime_ns / 1e9);
    json_put_bool(j, "complete", p->is_complete);
    json_put_bool(j, "recording", p->is_recording);
    json_put_uint(j, "events", p->n_events);
    put_folded(j, p);
    json_put_uint(j, "events_missing", p->n_events_missing + p->n_events_unknown + p->n_frees_unmatched);
    json_put_uint(j, "lost_events", p->lost_events);
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
    json_put_known(j, "memory_bytes", p->collector_rss_bytes, p->collector_rss_bytes != 0);
    json_object_end(j);
    put_notes(j, p);
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

static void put_coverage(struct json_out *j, const struct profile *p, const struct process *process) {
    const struct coverage *c = &process->coverage;
    bool is_measured = coverage_is_measured(p, process);
    json_key(j, "coverage");
    json_object_begin(j);
    json_key(j, "share");
    if (is_measured) {
        json_double(j, coverage_share(c));
    } else {
        json_null(j);
    }
    json_put_string(j, "allocator", is_measured ? coverage_allocator_name(c) : NULL);
    json_put_known(j, "in_use_bytes", c->in_use_bytes, is_measured);
    json_put_known(j, "traced_blocks", c->traced_blocks, is_measured);
    json_put_known(j, "traced_bytes", c->traced_bytes, is_measured);
    json_put_known(j, "held_bytes", c->held_bytes, is_measured);
    json_put_known(j, "allowed_bytes", c->allowed_bytes, is_measured);
    json_put_known(j, "uncovered_bytes", c->uncovered_bytes, is_measured);
    json_put_string(j, "not_measured", coverage_missing(p, process));
    json_object_end(j);
}

void trace_json_put_process(struct json_out *j, const struct profile *p, const struct process *process) {
    static const char *const origins[] = {"start", "fork", "exec"};
    static const char *const ends[] = {NULL, "exit", "signal", "exec"};
    json_put_uint(j, "pid", process->pid);
    json_put_uint(j, "ppid", process->ppid);
    json_put_string(j, "origin", process->origin < sizeof origins / sizeof origins[0] ? origins[process->origin] : NULL);
    json_put_known(j, "came_from", profile_pid(p, process->parent), process->parent < p->n_processes);
    json_put_string(j, "executable", process->executable);
    json_put_string(j, "command", process->command);
    put_exit(j, process);
    json_put_string(j, "end", process->end_kind < sizeof ends / sizeof ends[0] ? ends[process->end_kind] : NULL);
    json_put_double(j, "start_seconds", (double)process->start_ns / 1e9);
    json_key(j, "end_seconds");
    if (process->end_ns) {
        json_double(j, (double)process->end_ns / 1e9);
    } else {
        json_null(j);
    }
    json_put_uint(j, "inherited_blocks", process->inherited_blocks);
    json_put_uint(j, "inherited_bytes", process->inherited_bytes);
    json_put_uint(j, "inherited_frees", process->inherited_frees);
    json_put_uint(j, "inherited_unreleased_bytes", process->inherited_unreleased_bytes);
    json_put_known(j, "peak_rss_bytes", process->peak_rss_bytes, process->peak_rss_bytes != 0);
    put_coverage(j, p, process);
}
