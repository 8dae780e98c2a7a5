/* profile.h - what one trace amounts to: the meeting point of reading and rendering.
 *
 * profile_load() reads a trace file once, replays its events and leaves, per stack, exact figures; nothing here grows with
 * the number of events. Rendering stages (sites, report_text, report_json, info) only read it.
 */
#ifndef SEEP_PROFILE_H
#define SEEP_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "estimate.h"
#include "series.h"
#include "shares.h"
#include "trace_format.h"

/* Figures of a set of allocations. Sizes are bytes as requested by the program. */
struct cost {
    uint64_t calls;            /* allocations, each successful realloc being one more */
    uint64_t allocated_bytes;  /* sum of their sizes */
    uint64_t peak_bytes;       /* bytes alive at the moment when the process's total was highest */
    uint64_t unreleased_bytes; /* never freed by the end of the trace */
    uint64_t unreleased_blocks;
    uint64_t temporary;        /* freed with no other allocation of that thread in between */
    uint64_t suppressed_bytes; /* never freed, too, but hidden by rules, and not in unreleased_*; see suppressions.h */
    uint64_t suppressed_blocks;
    uint64_t oldest_birth_ns; /* when the oldest unreleased block was made, since the start; UINT64_MAX = none or unknown */
};

/* Add the figures of another set of allocations: the oldest birth of both. */
void cost_add(struct cost *to, const struct cost *cost);

/* The same figures as they would be if nothing were suppressed; the oldest birth stays that of what is not. */
struct cost cost_whole(const struct cost *cost);

/* A node of the call tree. Index 0 is the root and stands for "no stack recorded". A parent's index is always smaller. */
struct stack {
    uint64_t
        ip; /* return address: look up ip - 1; if trace_is_root(ip), the root of a process's stacks and not a frame; if trace_is_tag(ip), the tag of the
                    allocations made by its parent, and no frame either (tags.h) */
    uint32_t parent; /* index into stacks */
    uint32_t
        module; /* index into modules + 1; 0 = in none. The module mapped at that address in the stack's process and epoch */
    uint32_t cost;  /* index into costs: of the allocations made with exactly this stack. 0 = none, as for most nodes */
    uint32_t depth; /* frames, and the root if it has one */
};

/* Whether a stack is a frame, and not a root or a tag. */
static inline bool stack_is_frame(const struct stack *stack) {
    return !trace_is_root(stack->ip) && !trace_is_tag(stack->ip) && (stack->ip != 0 || stack->parent != 0);
}

struct module {
    uint32_t id;                      /* as in the trace */
    uint32_t process;                 /* index into processes: it, and those that it forks, have it mapped */
    uint32_t first_epoch, gone_epoch; /* mapped in [first, gone); gone = UINT32_MAX while mapped */
    uint64_t bias;                    /* file virtual address = address - bias */
    uint64_t start, end;
    char *path;
    uint8_t build_id[64];
    size_t build_id_bytes;
};

/* A module that came with a fork and was closed later. */
struct gone_module {
    uint32_t module; /* index into modules */
    uint32_t epoch;  /* from that one on */
};

/* What the allocator had in use at exit, and what of it is accounted for; see coverage_judge.h. */
struct coverage {
    uint32_t result;    /* enum coverage_result; the rest is only there if it is COVERAGE_MEASURED */
    uint32_t allocator; /* enum coverage_allocator */
    uint64_t in_use_bytes;
    uint64_t n_mapped, n_threads, cache_blocks, cache_bytes_max, rounded_bytes; /* see struct ring_coverage */
    uint64_t traced_blocks, traced_bytes; /* alive at that moment, in the trace; bytes as requested */
    uint64_t held_bytes;                  /* that the allocator holds for them */
    uint64_t allowed_bytes;               /* most that is there without seep being passed by */
    uint64_t uncovered_bytes;
};

struct process {
    uint32_t pid, ppid;
    uint32_t origin;           /* enum trace_origin */
    uint32_t parent;           /* index of the process that it came from, a lower one, or TRACE_NO_PROCESS */
    uint32_t parent_epoch;     /* of that one's stacks at the fork */
    uint64_t inherited_blocks; /* alive at the fork; of the parent's figures, not of this one's */
    uint64_t inherited_bytes;
    uint64_t inherited_frees;            /* how many of them it freed */
    uint64_t inherited_unreleased_bytes; /* and what is left of them */
    struct cost total;                   /* of its own blocks; peak_bytes: with the inherited ones that were alive */
    uint64_t n_frees;                    /* of its own blocks */
    struct coverage coverage;
    struct gone_module *gone;
    size_t n_gone;
    uint64_t start_ns;
    uint64_t end_ns;   /* 0 = end not seen */
    uint32_t end_kind; /* enum trace_end_kind */
    uint32_t end_value;
    uint64_t peak_rss_bytes; /* 0 = never sampled */
    char *executable;
    char *command; /* arguments joined by single spaces */
};

struct thread {
    uint32_t process; /* index into processes */
    uint32_t tid;
    uint64_t start_ns;
    char *name;
};

/* What the trace says was not recorded; see RING_LOST_KINDS. */
struct lost {
    char *key;
    char *text;
    uint64_t count;
    bool is_events; /* counts events missing from the trace, else a fact to know */
};

/* A stretch of the file that could not be read. */
struct damage {
    uint64_t off;     /* bytes from the start of the file */
    uint64_t n_bytes; /* 0 = up to the end of the file */
    char *what;
};

struct mark {
    uint64_t number, time_ns, first_event;
    char *name;
};

/* Where blocks of a cost were freed. */
struct freed_place {
    uint64_t place; /* as a tag without its mark */
    uint64_t n;     /* as recorded, also in a sampled trace */
    uint32_t cost;  /* index into costs */
};

/* Allocations of one stack and size, between two marks. */
struct profile_info {
    uint32_t cost; /* index into costs; 0 = its definition is lost */
    uint32_t mark; /* number of the last one before it was first allocated; 0 = none */
    uint32_t process;
    uint64_t size_bytes;                                 /* as requested */
    uint64_t counted_bytes;                              /* what a block counts for: of a sampled trace more */
    uint64_t calls, live_at_peak, unreleased, temporary; /* as recorded; of wanted threads, at a wanted mark */
    uint64_t freed;
    uint64_t more_calls, more_at_peak, more_unreleased; /* that may be of the wanted threads, or not */
    uint64_t birth_ns;                                  /* of the oldest unreleased one; UINT64_MAX = not known */
};

struct note {
    uint32_t process;
    char *text;
};

struct profile {
    char *path;
    uint64_t file_bytes;
    uint32_t version_major, version_minor; /* of the trace format */
    char *recorder_version;                /* of the seep that recorded it */
    char *options;
    uint64_t
        sample_bytes; /* interval of sampling: all figures of costs and n_frees are estimates; 0 = everything is recorded */
    uint64_t start_real_ns; /* CLOCK_REALTIME */
    uint64_t runtime_ns;    /* start to the last thing known */
    uint32_t pid;           /* figures, losses and notes are of the processes with this pid; 0 = of all */
    bool is_complete;       /* the recorder ended it in order */
    bool is_recording;      /* a recorder is still writing it: what is here is how far it had come */

    struct process *processes;
    struct thread *threads;
    struct module *modules;
    struct stack *stacks;
    struct cost *costs; /* the first is that of no allocation */
    uint32_t *
        suppressed_by; /* of each cost: number of the rule that hides it, from 1; 0 = none does. NULL = nothing is hidden */
    struct estimate *estimates; /* of each cost; NULL unless sampled */
    struct shares owners;       /* which process holds what of costs is unreleased. Empty while there is one process */
    struct shares births;       /* behind which mark it was allocated. Empty without marks */
    struct lost *lost;
    struct damage *damage;
    struct mark *marks;
    struct note *notes;
    struct profile_info *kept_infos; /* by id; NULL unless wanted */
    size_t n_kept_infos;
    bool is_alive_at_known; /* the wanted mark is not among folded events */
    struct cost unsure;     /* calls, peak and unreleased_*: what may be of the selected threads beyond what is counted */
    char **files;           /* that tags refer to, by id; NULL = not known. See tag_file() */
    struct freed_place *freed; /* in order of costs; see freed_of() */
    size_t n_processes, n_threads, n_modules, n_stacks, n_costs, n_lost, n_damage, n_marks, n_notes, n_files, n_freed;
    size_t n_infos;
    uint64_t n_marks_reached; /* number of the last mark; names of some may be lost */
    struct series series;     /* of each cost, what was alive in between */

    struct cost total;                         /* total.peak_bytes is the highest total ever */
    struct estimate estimate;                  /* of total; all 0 unless sampled */
    uint64_t n_frees;                          /* with those of inherited blocks */
    uint64_t n_allocations_read, n_frees_read; /* as recorded; the same as total.calls and n_frees unless sampled */
    uint64_t n_events;                         /* read, or folded */
    uint64_t n_folded; /* of the beginning, of which only totals are kept: figures have them, moments not */
    uint64_t folded_from_ns, folded_to_ns; /* when these were, since the start; both 0 if there are none */
    uint64_t n_events_missing;             /* known to have been in damaged parts */
    uint64_t n_events_unknown;             /* of infos whose definition is lost */
    uint64_t n_frees_unmatched;            /* of blocks whose allocation is in a damaged part */
    uint64_t lost_events;                  /* sum of the lost kinds with is_events */
    uint64_t collector_cpu_ns, collector_rss_bytes;
    size_t n_event_blocks, n_record_blocks;
    uint64_t raw_bytes; /* of all file blocks, inflated */
};

/* What was allocated with exactly this stack. */
static inline const struct cost *profile_cost(const struct profile *p, size_t stack) {
    return &p->costs[p->stacks[stack].cost];
}

/* Whether rules hide a cost. Known of those with something unreleased, and where growth is judged of all that changes. */
static inline bool profile_is_suppressed(const struct profile *p, uint32_t cost) {
    return p->suppressed_by && p->suppressed_by[cost] != 0;
}

/* Called now and then while loading. read_bytes of file_bytes are done. */
typedef void profile_progress(void *context, uint64_t read_bytes, uint64_t file_bytes);

/* Whether a process is one that the figures are of. */
static inline bool profile_is_chosen(const struct profile *p, const struct process *process) {
    return p->pid == 0 || process->pid == p->pid;
}

/* How many these are. */
static inline size_t profile_n_chosen(const struct profile *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->n_processes; i++) {
        n += profile_is_chosen(p, &p->processes[i]);
    }
    return n;
}

/* The pid of a process by its index; 0 if its record was lost. */
static inline uint32_t profile_pid(const struct profile *p, uint32_t process) {
    return process < p->n_processes ? p->processes[process].pid : 0;
}

/* What of a trace is wanted. */
struct profile_wanted {
    uint32_t pid;   /* 0 = all processes, else only the events of those with that pid */
    bool infos;     /* keep them */
    bool no_events; /* only who and when: processes, threads, marks; all figures are 0 */
    uint64_t
        alive_at; /* kept infos: what is unreleased and freed is as it was at the mark of that number; 0 = at the end */
    const uint8_t *threads; /* kept infos are of what these have allocated: by thread, whether it is one; NULL = all */
    size_t n_threads;
};

/* Read a trace.
 *
 * wanted    NULL = of all processes, without infos
 * profile   filled in; whatever could be read, also when the file is damaged (n_damage > 0) or cut (!is_complete)
 * Returns   0, or -1 after one line on stderr if nothing could be made of it: no such file, not a trace, another major version
 * Memory    profile_free() releases what it holds, also after -1
 */
MUST_CHECK int profile_load(struct profile *profile, const char *path, const struct profile_wanted *wanted,
                            profile_progress *progress, void *context);

/* The same for a trace in memory, without a word on stderr. name stands for the path. */
MUST_CHECK int profile_load_memory(struct profile *profile, const void *bytes, size_t n, const char *name);

void profile_free(struct profile *profile);

#endif
