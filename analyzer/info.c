/* info.c - `seep info`: what is in a trace, and what is missing from it. Keys of the JSON are a contract: they are only added to. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "diag.h"
#include "json_out.h"
#include "marks.h"
#include "options.h"
#include "profile.h"
#include "progress.h"
#include "safe_text.h"
#include "trace_format.h"
#include "trace_json.h"

enum { TEXT_THREADS_MAX = 20, TEXT_DAMAGE_MAX = 20, TEXT_MARKS_MAX = 20 };

static const double one_second_ns = 1e9;

static const char help[] =
    "usage: seep info [OPTIONS] FILE\n"
    "\n"
    "Say what is in a trace: processes, threads, modules, marks, sizes, what was lost, what is damaged.\n"
    "\n"
    "  seep info x.seep\n"
    "\n"
    "  -f, --format text|json      how to print it (text)\n"
    "  -h, --help                  this\n";

/* ---- what both formats say ---- */

static const char *state_of(const struct profile *p) {
    return p->is_complete ? "complete" : p->is_recording ? "still being recorded" : "cut: its recorder did not end it";
}

static void print_end(char *to, size_t n, const struct process *process, bool is_recording) {
    if (process->end_ns == 0) {
        snprintf(to, n, is_recording ? "not ended so far" : "end not seen");
    } else if (process->end_kind == TRACE_END_EXIT) {
        snprintf(to, n, "exit %" PRIu32, process->end_value);
    } else if (process->end_kind == TRACE_END_SIGNAL) {
        snprintf(to, n, "signal %" PRIu32, process->end_value);
    } else if (process->end_kind == TRACE_END_EXEC) {
        snprintf(to, n, "went on as another program (exec)");
    } else {
        snprintf(to, n, "ended, how is not known");
    }
}

static void print_build_id(char *to, const struct module *m) {
    for (size_t i = 0; i < m->build_id_bytes; i++) {
        sprintf(to + 2 * i, "%02x", m->build_id[i]);
    }
    to[2 * m->build_id_bytes] = '\0';
}

static void print_start(char *to, size_t n, const struct profile *p) {
    time_t seconds = (time_t)(p->start_real_ns / 1000000000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(to, n, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        snprintf(to, n, "unknown");
    }
}

/* ---- text ---- */

static void put_field(const char *name, const char *value) {
    printf("%-12s ", name);
    safe_text_put(stdout, value);
    putchar('\n');
}

static void text_processes(const struct profile *p) {
    for (size_t i = 0; i < p->n_processes; i++) {
        char end[64];
        print_end(end, sizeof end, &p->processes[i], p->is_recording);
        printf("%-12s %" PRIu32 " (parent %" PRIu32 ", %s", "process", p->processes[i].pid, p->processes[i].ppid, end);
        if (p->processes[i].peak_rss_bytes) {
            printf(", peak resident %.1f MB", (double)p->processes[i].peak_rss_bytes / 1e6);
        }
        fputs("): ", stdout);
        safe_text_put(stdout, p->processes[i].command);
        putchar('\n');
    }
}

static void text_threads(const struct profile *p) {
    printf("%-12s %zu", "threads", p->n_threads);
    for (size_t i = 0; i < p->n_threads && i < TEXT_THREADS_MAX; i++) {
        printf("%s%" PRIu32 " ", i ? ", " : ": ", p->threads[i].tid);
        safe_text_put(stdout, p->threads[i].name ? p->threads[i].name : "?"); /* gone before it was asked */
    }
    puts(p->n_threads > TEXT_THREADS_MAX ? ", …" : "");
}

static void text_modules(const struct profile *p) {
    printf("%-12s %zu\n", "modules", p->n_modules);
    for (size_t i = 0; i < p->n_modules; i++) {
        char build_id[2 * sizeof p->modules[i].build_id + 1];
        print_build_id(build_id, &p->modules[i]);
        printf("  %-40s ", build_id[0] ? build_id : "no build-id");
        safe_text_put(stdout, p->modules[i].path);
        puts(p->modules[i].gone_epoch == UINT32_MAX ? "" : " (unloaded)");
    }
}

static void text_mark(const struct mark *mark, struct mark_place place) {
    printf("%-12s %" PRIu64 " ", "mark", mark->number);
    safe_text_put(stdout, mark->name);
    if (place.of > 1) {
        printf("#%zu", place.which);
    }
    printf(", %.3f s\n", (double)mark->time_ns / one_second_ns);
}

/* The first ones and the last, where there are many. */
static void text_marks(const struct profile *p) {
    struct mark_place *places = mark_places(p);
    size_t n = p->n_marks, n_left_out = n > TEXT_MARKS_MAX ? n - TEXT_MARKS_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        if (n_left_out && i == TEXT_MARKS_MAX - 1) {
            printf("%-12s … %zu more\n", "mark", n_left_out);
            i = n - 1;
        }
        text_mark(&p->marks[i], places[i]);
    }
    free(places);
}

static void text_numbers(const struct profile *p) {
    printf("%-12s %" PRIu64 " in %zu file blocks: %" PRIu64 " allocations, %" PRIu64 " frees\n", "events", p->n_events,
           p->n_event_blocks, p->n_allocations_read, p->n_frees_read);
    if (p->n_folded) {
        printf("%-12s %" PRIu64 " of these events, from %.3f s to %.3f s, are totals only\n", "folded", p->n_folded,
               (double)p->folded_from_ns / one_second_ns, (double)p->folded_to_ns / one_second_ns);
    }
    if (p->sample_bytes) {
        printf("%-12s every %" PRIu64 " bytes: what was recorded stands for an estimated %" PRIu64 " allocations, %" PRIu64
               " frees\n",
               "sampled", p->sample_bytes, p->total.calls, p->n_frees);
    }
    printf("%-12s %zu, infos %zu, marks %zu\n", "stacks", p->n_stacks - 1, p->n_infos, p->n_marks);
    double per_event = p->n_events ? (double)p->file_bytes / (double)p->n_events : 0;
    double ratio = p->file_bytes ? (double)p->raw_bytes / (double)p->file_bytes : 0;
    printf("%-12s %" PRIu64 " bytes, %.3f an event; deflated to 1/%.1f of %" PRIu64 "\n", "file", p->file_bytes, per_event,
           ratio, p->raw_bytes);
    if (p->collector_rss_bytes) {
        printf("%-12s %.3f s CPU, %.1f MB peak resident\n", "collector", (double)p->collector_cpu_ns / one_second_ns,
               (double)p->collector_rss_bytes / 1e6);
    } else if (p->collector_cpu_ns) {
        printf("%-12s %.3f s CPU\n", "collector", (double)p->collector_cpu_ns / one_second_ns);
    } else {
        printf("%-12s what it took is not known\n", "collector");
    }
}

static void text_missing(const struct profile *p) {
    for (size_t i = 0; i < p->n_lost; i++) {
        printf("%-12s %" PRIu64 " ", p->lost[i].is_events ? "lost" : "fact", p->lost[i].count);
        safe_text_put(stdout, p->lost[i].text);
        putchar('\n');
    }
    for (size_t i = 0; i < p->n_notes; i++) {
        put_field("note", p->notes[i].text);
    }
    for (size_t i = 0; i < p->n_damage && i < TEXT_DAMAGE_MAX; i++) {
        printf("%-12s offset %" PRIu64, "damage", p->damage[i].off);
        printf(p->damage[i].n_bytes ? ", %" PRIu64 " bytes: " : " to the end: ", p->damage[i].n_bytes);
        safe_text_put(stdout, p->damage[i].what);
        putchar('\n');
    }
    if (p->n_damage > TEXT_DAMAGE_MAX) {
        printf("%-12s %zu more\n", "damage", p->n_damage - TEXT_DAMAGE_MAX);
    }
    if (p->n_events_missing || p->n_events_unknown || p->n_frees_unmatched) {
        printf("%-12s %" PRIu64 " events; %" PRIu64 " events of infos whose definition is missing, %" PRIu64
               " frees whose allocation is\n",
               "missing", p->n_events_missing, p->n_events_unknown, p->n_frees_unmatched);
    }
}

static int write_text(const struct profile *p) {
    char start[64];
    print_start(start, sizeof start, p);
    put_field("trace", p->path);
    put_field("state", state_of(p));
    printf("%-12s %u.%u, recorded by seep ", "format", p->version_major, p->version_minor);
    safe_text_put(stdout, p->recorder_version[0] ? p->recorder_version : "unknown");
    putchar('\n');
    put_field("options", p->options);
    printf("%-12s %s, %.3f s\n", "start", start, (double)p->runtime_ns / one_second_ns);
    text_processes(p);
    text_threads(p);
    text_modules(p);
    text_marks(p);
    text_numbers(p);
    text_missing(p);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -1;
}

/* ---- JSON ---- */

static void json_processes(struct json_out *j, const struct profile *p) {
    json_key(j, "processes");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_processes; i++) {
        json_object_begin(j);
        trace_json_put_process(j, p, &p->processes[i]);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_threads(struct json_out *j, const struct profile *p) {
    json_key(j, "threads");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_threads; i++) {
        json_object_begin(j);
        json_put_uint(j, "pid", profile_pid(p, p->threads[i].process));
        json_put_uint(j, "tid", p->threads[i].tid);
        json_put_string(j, "name", p->threads[i].name);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_modules(struct json_out *j, const struct profile *p) {
    json_key(j, "modules");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_modules; i++) {
        char build_id[2 * sizeof p->modules[i].build_id + 1];
        print_build_id(build_id, &p->modules[i]);
        json_object_begin(j);
        json_put_uint(j, "pid", profile_pid(p, p->modules[i].process));
        json_put_string(j, "path", p->modules[i].path);
        json_put_string(j, "build_id", build_id[0] ? build_id : NULL);
        json_put_uint(j, "start", p->modules[i].start);
        json_put_uint(j, "end", p->modules[i].end);
        json_put_bool(j, "unloaded", p->modules[i].gone_epoch != UINT32_MAX);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_marks(struct json_out *j, const struct profile *p) {
    struct mark_place *places = mark_places(p);
    json_key(j, "marks");
    json_array_begin(j);
    for (size_t i = 0; i < p->n_marks; i++) {
        json_object_begin(j);
        json_put_uint(j, "number", p->marks[i].number);
        json_put_string(j, "name", p->marks[i].name);
        json_put_uint(j, "of_name", places[i].which);
        json_put_uint(j, "n_of_name", places[i].of);
        json_put_double(j, "seconds", (double)p->marks[i].time_ns / one_second_ns);
        json_object_end(j);
    }
    json_array_end(j);
    free(places);
}

static void json_contents(struct json_out *j, const struct profile *p) {
    json_key(j, "contents");
    json_object_begin(j);
    json_put_uint(j, "allocations", p->n_allocations_read);
    json_put_uint(j, "frees", p->n_frees_read);
    json_put_uint(j, "stacks", p->n_stacks - 1);
    json_put_uint(j, "infos", p->n_infos);
    json_put_uint(j, "event_blocks", p->n_event_blocks);
    json_put_uint(j, "record_blocks", p->n_record_blocks);
    json_put_uint(j, "inflated_bytes", p->raw_bytes);
    json_put_uint(j, "events_in_damage", p->n_events_missing);
    json_put_uint(j, "events_of_unknown", p->n_events_unknown);
    json_put_uint(j, "frees_of_unknown", p->n_frees_unmatched);
    json_object_end(j);
}

/* Keys are a contract: they may be added to, never changed. Those of "trace" and "processes" stand in trace_json.h.
 *
 * threads     [{pid, tid, name}] in the order in which they first allocated
 * modules     [{pid, path, build_id, start, end, unloaded}] where they were mapped; build_id in hex, null = none
 * marks       [{number, name, of_name, n_of_name, seconds}] in their order; number from 1; of_name: which of those of its name, from 1, and n_of_name how
 *             many these are; seconds since the start
 * contents    what the file holds: allocations, frees, stacks (nodes of the call tree), infos (pairs of stack and size), event_blocks,
 *             record_blocks, inflated_bytes; and of trace.events_missing: events_in_damage, events_of_unknown (of infos that a damaged
 *             part defined), frees_of_unknown (of blocks that one allocated) */
static int write_json(const struct profile *p) {
    struct json_out *j = json_open(stdout);
    json_object_begin(j);
    trace_json_put(j, p, p->n_processes ? &p->processes[0] : NULL);
    json_processes(j, p);
    json_threads(j, p);
    json_modules(j, p);
    json_marks(j, p);
    json_contents(j, p);
    json_object_end(j);
    return json_close(j);
}

/* ---- command ---- */

static int print_info(const char *path, bool is_json) {
    struct progress progress;
    struct profile p;
    progress_start(&progress);
    int result = profile_load(&p, path, NULL, progress_update, &progress);
    progress_end(&progress);
    if (result == 0) {
        result = is_json ? write_json(&p) : write_text(&p);
        if (result != 0) {
            diag_error("cannot write the output");
        }
    }
    profile_free(&p);
    return result == 0 ? SEEP_EXIT_DONE : SEEP_EXIT_UNREADABLE;
}

int info_main(int argc, char **argv) {
    static const struct option options[] = {
        {"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool is_json = false;
    opterr = 0; /* our own words for it */
    for (int c; (c = getopt_long(argc, argv, ":f:h", options, NULL)) != -1;) {
        if (c == 'h') {
            fputs(help, stdout);
            return SEEP_EXIT_DONE;
        }
        if (c != 'f') {
            option_refuse("info", c, argv[optind - 1]);
            return SEEP_EXIT_USAGE;
        }
        if (option_format(optarg, &is_json) != 0) {
            return SEEP_EXIT_USAGE;
        }
    }
    if (argc - optind != 1) {
        diag_error("info: %s; see seep info --help", argc == optind ? "which FILE is missing" : "one FILE at a time");
        return SEEP_EXIT_USAGE;
    }
    return print_info(argv[optind], is_json);
}
