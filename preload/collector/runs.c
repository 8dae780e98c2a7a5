/* runs.c - see runs.h. */
#include "runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "collect.h"
#include "facts.h"
#include "fnv.h"
#include "proc_files.h"
#include "program_file.h"

#define NS_PER_S     1000000000ull
#define ASK_AFTER_NS NS_PER_S          /* one that lives: by then it has begun, if nothing stands in its way */
#define PATIENCE_NS  (5ull * NS_PER_S) /* and if it does not show what stands in its way */

void runs_add_comer(struct run_comers *comers, uint32_t pid, uint64_t start_ns) {
    comers->at[comers->n % RUNS_COMERS].pid = pid;
    comers->at[comers->n++ % RUNS_COMERS].start_ns = start_ns;
}

static bool has_come(const struct run_comers *comers, const struct ring_run *run) {
    uint32_t n = comers->n < RUNS_COMERS ? comers->n : RUNS_COMERS;
    for (uint32_t i = 0; i < n; i++) {
        if (comers->at[i].pid == run->pid && comers->at[i].start_ns >= run->since_ns) {
            return true;
        }
    }
    return false;
}

static uint32_t n_used(const struct ring_map *ring) {
    uint32_t n = atomic_load_explicit(&ring->header->n_runs, memory_order_acquire);
    return n < ring->cap_runs ? n : ring->cap_runs;
}

uint64_t runs_own_since(const struct ring_map *ring) {
    for (uint32_t i = 0; i < n_used(ring); i++) {
        if (atomic_load_explicit(&ring->runs[i].state, memory_order_acquire) == RING_RUN_UNDER_WAY &&
            ring->runs[i].pid == ring->pid) {
            return ring->runs[i].since_ns;
        }
    }
    return 0;
}

static bool is_dead(uint32_t pid) {
    struct process_watch watch;
    process_watch_open(&watch, pid);
    bool is_alive = process_watch_is_alive(&watch);
    process_watch_close(&watch);
    return !is_alive;
}

/* NULL: nothing is to be seen. */
static const char *obstacle(const struct ring_run *run, bool lives) {
    char running[64];
    snprintf(running, sizeof running, "/proc/%" PRIu32 "/exe", run->pid);
    if (run->why & RING_RUN_OTHER_ROOT) {
        return "it was run in another root directory";
    }
    if (run->why & RING_RUN_NO_PRELOAD) {
        return "its environment has no LD_PRELOAD with the library";
    }
    if (run->why & RING_RUN_OTHER_OPTIONS) {
        return "its SEEP_OPTIONS is another one";
    }
    if (run->why & RING_RUN_SECURE) {
        return "its real and effective user or group differ, so the dynamic linker ignores LD_PRELOAD";
    }
    const char *of_file = lives ? program_file_obstacle(running) : NULL;
    if (!of_file && run->program[0] == '/') {
        of_file = program_file_obstacle(run->program);
    }
    return of_file ? of_file : run->why & RING_RUN_OTHER_USER ? "it was run as another user" : NULL;
}

static bool is_new(struct run_comers *comers, const char *text) {
    uint64_t hash = fnv64(text, strlen(text));
    for (uint32_t i = 0; i < comers->n_notes; i++) {
        if (comers->notes[i] == hash) {
            return false;
        }
    }
    if (comers->n_notes == RUNS_NOTES) {
        return false;
    }
    comers->notes[comers->n_notes++] = hash;
    return true;
}

static void tell(struct collector *c, struct target *t, const struct ring_run *run, const char *why) {
    char text[320];
    if (!why && atomic_load_explicit(&collector_root(c)->n_joins_refused, memory_order_relaxed)) {
        why = "programs began faster than the collector took them in";
    }
    if (run->why & RING_RUN_UNWANTED) {
        return;
    }
    snprintf(text, sizeof text, "exec: %s is not traced: %s", *run->program ? run->program : "a program",
             why ? why : "why is not known");
    ring_map_count_lost(&t->ring, RING_LOST_UNTRACED_EXECS, 1);
    if (is_new(&c->comers, text)) {
        facts_note(c, t, text);
    }
}

static void note_own(struct target *t, const struct ring_run *run) {
    char ring_name[32];
    snprintf(ring_name, sizeof ring_name, ".ring-%" PRIu32 "-", run->pid);
    if (run->pid == t->ring.pid && !t->is_finished && proc_has_unmapped(run->pid, ring_name)) {
        t->has_execed = true;
        t->end_mono_ns = run->since_ns;
    }
}

/* Whether it is decided what has become of a run. */
static bool decide(struct collector *c, struct target *t, const struct ring_run *run, uint32_t i) {
    uint64_t age_ns = clock_mono_ns() - run->since_ns, *dead = &t->runs.dead[i / RUNS_BITS], bit = 1ull << i % RUNS_BITS;
    bool is_unwanted = run->why & RING_RUN_UNWANTED;
    if (has_come(&c->comers, run) || (is_unwanted && run->pid != t->ring.pid)) {
        return true;
    }
    if (is_dead(run->pid)) {
        bool was_dead = *dead & bit; /* and who had joined before that is known by now */
        *dead |= bit;
        if (was_dead) {
            tell(c, t, run, obstacle(run, false));
        }
        return was_dead;
    }
    if (age_ns < ASK_AFTER_NS) {
        return false;
    }
    const char *why = obstacle(run, true);
    if (why || is_unwanted || age_ns >= PATIENCE_NS) {
        tell(c, t, run, why);
        note_own(t, run);
        return true;
    }
    return false;
}

bool runs_follow(struct collector *c, struct target *t) {
    bool is_open = false;
    for (uint32_t i = 0; i < n_used(&t->ring); i++) {
        struct ring_run *place = &t->ring.runs[i];
        if (atomic_load_explicit(&place->state, memory_order_acquire) != RING_RUN_UNDER_WAY) {
            continue;
        }
        struct ring_run run;
        memcpy(&run, place, sizeof run);
        run.program[sizeof run.program - 1] = '\0';
        if (t->is_started && decide(c, t, &run, i)) {
            uint32_t under_way = RING_RUN_UNDER_WAY;
            t->runs.dead[i / RUNS_BITS] &= ~(1ull << i % RUNS_BITS); /* the place is another's from here on */
            atomic_compare_exchange_strong(&place->state, &under_way, RING_RUN_FREE);
        } else {
            is_open = true;
        }
    }
    return is_open;
}
