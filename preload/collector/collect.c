/* collect.c - see collect.h. */
#include "collect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "facts.h"
#include "pace.h"

enum {
    NS_PER_MS = 1000000,
    BLOCK_EVENTS = 131072,     /* a file block is closed at this size, */
    BLOCK_SOME_EVENTS = 16384, /* at this size after a while, */
    BLOCK_SOME_NS = 100 * NS_PER_MS,
    BLOCK_MOST_NS = 1000 * NS_PER_MS, /* and at the latest after this: small blocks cost bytes, late ones an audience */
    STRETCH_BLOCKS = 32,              /* from checkpoint to checkpoint: FORMAT.md's most */
    EXEC_CHECK_NS = 20 * NS_PER_MS,
    COPY_WAIT_NS = 2000 * NS_PER_MS, /* how long a fork child waits for its parent's events up to the fork, */
    JOIN_WAIT_NS =
        1000 *
        NS_PER_MS, /* and a process that has ended for a child that it forked before, or for what it became by exec */
    FIRST_TARGETS = 16,
    EXECS_AT_ONCE = 256,
};

#define CHILD_WAIT_NS                                                                                                      \
    (5000ull * NS_PER_MS)              /* how long a process that has ended is kept for a child that it forked before */
#define KEPT_NS (10000ull * NS_PER_MS) /* what is kept for a fork child that does not come, its place and what was alive */

static void add_target(struct collector *c, struct target *t) {
    if (c->n_targets == c->cap_targets) {
        uint32_t cap = c->cap_targets ? c->cap_targets * 2 : FIRST_TARGETS;
        c->targets = memory_grow(c->targets, c->cap_targets * sizeof(struct target *), cap * sizeof(struct target *));
        c->cap_targets = cap;
    }
    c->targets[c->n_targets++] = t;
}

static struct target *new_target(struct collector *c, const struct ring_map *ring, uint32_t watched_pid) {
    struct target_space space = {
        .threads = &c->threads, .clock = &c->clock, .encoder = &c->encoder, .matchers = &c->matchers};
    struct target *t = memory_map(sizeof *t);
    target_init(t, ring, c->n_adopted++, watched_pid, &space);
    add_target(c, t);
    return t;
}

static void remove_target(struct collector *c, uint32_t i) {
    struct target *t = c->targets[i];
    memmove(&c->targets[i], &c->targets[i + 1], (--c->n_targets - i) * sizeof *c->targets);
    target_free(t);
    memory_unmap(t, sizeof *t);
}

/* Its PROCESS record is what other facts are about. */
static void start_target(struct collector *c, struct target *t) {
    target_start(t, c->n_processes++);
    log_reader_read(&t->log, &c->records, &c->clock, false);
}

int collector_init(struct collector *c, const struct ring_map *ring, int fd, const struct fold_place *place,
                   uint32_t watched_pid, const char *options) {
    *c = (struct collector){0};
    if (trace_writer_init(&c->writer, fd, TRACE_VERSION_MAJOR) != 0) {
        return -1;
    }
    clock_scale_init(&c->clock, ring->is_clock_tsc, ring->start_stamp, ring->start_mono_ns);
    facts_start(c, ring, options);
    if (trace_writer_records(&c->writer, c->records.ready.bytes, c->records.ready.n) != 0) {
        return -1;
    }
    c->records.ready.n = 0;
    thread_table_init(&c->threads);
    encoder_init(&c->encoder);
    matcher_space_init(&c->matchers);
    fold_init(&c->fold, place, &c->writer, &c->matchers, ring->header->sample_bytes);
    start_target(c, new_target(c, ring, watched_pid));
    c->must_checkpoint = true;
    return 0;
}

void collector_free(struct collector *c) {
    while (c->n_targets > 0) {
        remove_target(c, c->n_targets - 1);
    }
    memory_unmap(c->targets, c->cap_targets * sizeof(struct target *));
    fold_free(&c->fold);
    encoder_free(&c->encoder);
    matcher_space_free(&c->matchers);
    thread_table_free(&c->threads);
    trace_writer_free(&c->writer);
    trace_records_free(&c->records);
    byte_buf_free(&c->head);
}

/* Hooks must not wait for a collector that cannot go on. */
static void note_failure(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        atomic_store_explicit(&c->targets[i]->ring.header->collector_state, RING_COLLECTOR_FAILED, memory_order_release);
    }
}

static void flush_records(struct collector *c) {
    enum { KEPT_MAX = 16 << 20 }; /* of records that cannot be written; beyond it they are dropped */
    if (c->records.ready.n == 0) {
        return;
    }
    if (trace_writer_records(&c->writer, c->records.ready.bytes, c->records.ready.n) == 0) {
        c->records.ready.n = 0;
        return;
    }
    note_failure(c);
    if (c->records.ready.n > KEPT_MAX) {
        c->records.ready.n = 0;
    }
}

static void flush_events(struct collector *c) {
    struct encoder *e = &c->encoder;
    if (encoder_is_empty(e)) {
        return;
    }
    bool is_checkpoint = c->must_checkpoint;
    if (trace_writer_events(&c->writer, e, &c->head, is_checkpoint) != 0) {
        c->n_unwritten += e->n_events;
        c->unwritten_errno = errno;
        c->must_checkpoint = true;
        note_failure(c);
    } else {
        c->n_stretch_blocks = is_checkpoint ? 1 : c->n_stretch_blocks + 1;
        c->must_checkpoint = c->n_stretch_blocks >= STRETCH_BLOCKS;
    }
    c->must_checkpoint = fold_end_block(&c->fold, e, c->n_unwritten, c->records.ready.n != 0) || c->must_checkpoint;
    encoder_begin_block(e, c->must_checkpoint);
}

void collector_flush(struct collector *c) {
    if (c->must_checkpoint) {
        freed_at_tell(&c->matchers.freed_at, &c->records);
    }
    flush_records(c);
    flush_events(c);
    c->n_unwritten -= fold_step(&c->fold);
}

/* Records that the events of the block may need: the hooks commit them before they publish such an event. */
static void gather_records(struct collector *c, const struct target *dead) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        if (t->is_started && !t->is_finished) {
            log_reader_read(&t->log, &c->records, &c->clock, t == dead);
        }
    }
    facts_threads(c);
    source_names_announce(&c->matchers.stacks.names, &c->records);
}

/* Go on in another process where this one is about to use up its processor time. */
static void renew(struct collector *c) {
    if (!renewal_is_due(&c->renewal)) {
        return;
    }
    pid_t pid = renewal_fork(&c->renewal);
    for (uint32_t i = 0; i < c->n_targets && pid > 0; i++) {
        atomic_store_explicit(&c->targets[i]->ring.header->collector_pid, (uint32_t)pid, memory_order_relaxed);
    }
    if (pid > 0) {
        _exit(EXIT_SUCCESS);
    }
}

/* Merge and encode everything of a target that is below the watermark. Returns the number of events. */
static uint64_t drain(struct collector *c, struct target *t, bool is_dead) {
    uint64_t n = 0;
    merge_begin(&t->merge);
    while (merge_next(&t->merge)) {
        matcher_apply(&t->matcher);
        ring_reader_recycle(&t->reader);
        n += t->merge.n;
        if (c->encoder.n_events >= BLOCK_EVENTS || encoder_is_full(&c->encoder)) {
            gather_records(c, is_dead ? t : NULL);
            collector_flush(c);
            renew(c);
        }
    }
    ring_reader_recycle(&t->reader); /* chunks that the observation passed */
    return n;
}

/* Close the block if it is due by its age. */
static void flush_by_age(struct collector *c, uint64_t now_ns) {
    if (c->encoder.n_events == 0) {
        c->block_since_ns = now_ns;
    }
    uint64_t age_ns = now_ns - c->block_since_ns;
    if (age_ns >= BLOCK_MOST_NS || (age_ns >= BLOCK_SOME_NS && c->encoder.n_events >= BLOCK_SOME_EVENTS)) {
        gather_records(c, NULL);
        collector_flush(c);
        c->block_since_ns = now_ns;
    }
}

/* Wait until the clock reading may be trusted to be older than what other cores have stored. */
static void settle(uint64_t read_ns) {
    while (clock_mono_ns() - read_ns < RING_SETTLE_NS) {
        clock_pause();
    }
}

static bool is_any_quiet(const struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->ring.is_quiet && !c->targets[i]->is_finished) {
            return true;
        }
    }
    return false;
}

/* No event of a stamp below is still to come. */
static uint64_t merged_stamp(const struct collector *c) {
    uint64_t least = RING_NEVER;
    for (uint32_t i = 0; i < c->n_targets; i++) {
        const struct target *t = c->targets[i];
        if (t->is_started && !t->is_finished && t->merge.merged_stamp < least) {
            least = t->merge.merged_stamp;
        }
    }
    return least == RING_NEVER ? 0 : least;
}

/* Everything that comes due with time and not with events. */
static void housekeeping(struct collector *c, uint64_t now_ns, uint64_t n_events) {
    if (n_events != 0) {
        facts_watch_memory(c, now_ns);
        facts_every_second(c, now_ns);
    }
    flush_by_age(c, now_ns);
    c->n_unwritten -= fold_step(&c->fold);
    uint64_t rate_before = c->clock.base_stamp;
    clock_scale_refine(&c->clock, merged_stamp(c));
    for (uint32_t i = 0; i < c->n_targets && c->clock.base_stamp != rate_before; i++) {
        matcher_clock_changed(&c->targets[i]->matcher);
    }
}

/* ---- processes that come ---- */

static struct target *find_target(const struct collector *c, uint32_t id) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->id == id) {
            return c->targets[i];
        }
    }
    return NULL;
}

/* The one of that pid that is running, as far as is known, or was seen to have become another program that has not joined yet. */
static struct target *find_running(const struct collector *c, uint32_t pid) {
    for (uint32_t i = c->n_targets; i-- > 0;) {
        const struct target *t = c->targets[i];
        if (t->ring.pid == pid && ((!t->is_finished && !t->has_execed) || t->execed_ns != 0)) {
            return c->targets[i];
        }
    }
    return NULL;
}

/* Map the ring of a process that joins. Returns its path, or NULL: it is not there, or not what it should be. */
static char *attach_join(const struct collector *c, const struct ring_join *join, struct ring_map *ring) {
    char *path = NULL;
    if (!c->ring_base || asprintf(&path, "%s.ring-%" PRIu32 "-%" PRIu64, c->ring_base, join->pid, join->ring_number) < 0) {
        return NULL;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    const char *error = fd < 0 ? "" : ring_map_attach(ring, fd);
    if (fd >= 0) {
        close(fd);
    }
    if (!error && (ring->pid != join->pid || ring->is_clock_tsc != (int)c->clock.is_tsc)) {
        ring_map_detach(ring);
        error = "";
    }
    if (error) {
        unlink(path); /* nobody else will */
        free(path);
        return NULL;
    }
    return path;
}

/* A process that has joined by the ring of `by`. */
static void adopt(struct collector *c, struct target *by, const struct ring_join *join) {
    struct ring_map ring;
    char *path = attach_join(c, join, &ring);
    if (!path) {
        ring_map_count_lost(&by->ring, RING_LOST_UNTRACED_FORKS, 1);
        return;
    }
    bool is_forked = join->fork_serial != 0;
    struct target *before = is_forked ? NULL : find_running(c, join->pid);
    const struct target *parent = is_forked ? by : before ? before : find_running(c, join->ppid);
    if (before) {
        before->has_execed = true;
        before->execed_ns = 0;
        before->end_mono_ns = ring.start_mono_ns;
    }
    if (is_forked) {
        forks_promise(&by->matcher.forks, join->fork_serial, fork_cuts_latest(&ring));
    }
    if (!is_forked) {
        runs_add_comer(&c->comers, join->pid, ring.start_mono_ns);
    }
    struct target *t = new_target(c, &ring, join->pid);
    t->ring_path = path;
    /* What it took over from its parent may be the id that was before a renewal. */
    atomic_store_explicit(&ring.header->collector_pid, (uint32_t)getpid(), memory_order_relaxed);
    t->log.origin.kind = is_forked ? TRACE_ORIGIN_FORK : TRACE_ORIGIN_EXEC;
    t->parent = parent ? parent->id : TARGET_NONE;
    t->fork_serial = join->fork_serial;
    t->waits_since_ns = clock_mono_ns();
}

/* A fork child starts once its parent's events have been read up to the fork. */
static void start_when_ready(struct collector *c, struct target *t) {
    struct target *parent = find_target(c, t->parent);
    if (parent && (!parent->is_started || target_must_wait(t, parent, COPY_WAIT_NS))) {
        return; /* its number is wanted, and what it has to hand on */
    }
    const char *lack = t->fork_serial ? target_inherit(t, parent, c->threads.n) : NULL;
    t->log.origin.process = parent ? parent->index : TRACE_NO_PROCESS;
    start_target(c, t);
    if (lack) {
        facts_note(c, t, lack);
    }
}

static void take_joins_of(struct collector *c, struct target *t, struct ring_join *by_exec, uint32_t *n_by_exec) {
    struct ring_join join;
    joins_refresh(&t->joins, &t->ring);
    while (*n_by_exec < EXECS_AT_ONCE && joins_take(&t->joins, &t->ring, &join)) {
        if (join.state == RING_JOIN_READY && join.fork_serial != 0) {
            adopt(c, t, &join);
        } else if (join.state == RING_JOIN_READY) {
            by_exec[(*n_by_exec)++] = join;
        } /* else it has failed, and counted itself */
    }
}

/* Programs started by exec come after the fork children that they were, whose places may be in other rings. */
static void take_joins(struct collector *c) {
    struct ring_join by_exec[EXECS_AT_ONCE];
    uint32_t n_by_exec = 0, n_adopted = 0, at = 0;
    while (at < c->n_targets || n_adopted < n_by_exec) {
        if (at < c->n_targets) {
            take_joins_of(c, c->targets[at++], by_exec, &n_by_exec);
        } else {
            adopt(c, c->targets[0], &by_exec[n_adopted++]); /* and its own children, before the next */
        }
    }
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (!c->targets[i]->is_started) {
            start_when_ready(c, c->targets[i]);
        }
    }
}

/* ---- processes that go ---- */

static void finish_target(struct collector *c, struct target *t) {
    struct process_end end = {.kind = TRACE_END_EXEC};
    uint64_t other_since_ns = runs_own_since(&t->ring);
    if (!t->has_execed && !other_since_ns) {
        end = process_watch_end(&t->watch, t->ring.header);
    } else if (!t->end_mono_ns) {
        t->end_mono_ns = other_since_ns;
    }
    ring_reader_observe_dead(&t->reader);
    drain(c, t, true);
    gather_records(c, t);
    collector_flush(c);
    facts_target_last(c, t, end);
    facts_survivors(c, t);
    facts_count(c, t);
    target_forget_blocks(t);
    t->is_finished = true;
    if (t->ring_path) {
        unlink(t->ring_path);
    }
    if (t != c->targets[0]) { /* by the first one's ring programs join to the end */
        atomic_store_explicit(&t->ring.header->collector_state, RING_COLLECTOR_DONE, memory_order_release);
    }
}

/* Whether a fork child still waits for what was alive in its parent. */
static bool is_waited_for(const struct collector *c, const struct target *parent) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (!c->targets[i]->is_started && c->targets[i]->parent == parent->id) {
            return true;
        }
    }
    return false;
}

/* Finish what has died. Returns whether anybody is left, or may come. */
static bool reap(struct collector *c) {
    bool must_check = clock_mono_ns() - c->exec_checked_ns >= EXEC_CHECK_NS, is_any_left = false;
    c->exec_checked_ns = must_check ? clock_mono_ns() : c->exec_checked_ns;
    bool is_any_dead = false;
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        t->is_dead = t->is_dead || !target_is_alive(t, must_check);
        is_any_dead = is_any_dead || (t->is_dead && !t->is_finished);
        target_drop_forks(t, KEPT_NS);
    }
    if (is_any_dead) {
        take_joins(c); /* what they have become, and their last children, are known before they end */
    }
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        if (t->is_dead && t->is_started && !t->is_finished) {
            finish_target(c, t);
        }
    }
    for (uint32_t i = c->n_targets; i-- > 0;) {
        struct target *t = c->targets[i];
        bool is_expected = joins_are_expected(&t->joins, &t->ring, t->is_finished ? CHILD_WAIT_NS : KEPT_NS);
        is_expected = runs_follow(c, t) || target_may_return(t, JOIN_WAIT_NS) || is_expected;
        if (t->is_finished) {
            facts_losses(c, t); /* of who did not come */
        }
        is_any_left = is_any_left || !t->is_finished || is_expected;
        if (t->is_finished && !is_expected && i != 0 && !is_waited_for(c, t)) {
            remove_target(c, i);
        }
    }
    return is_any_left;
}

/* Look at all that has been published so far. Returns the number of events. */
static uint64_t poll_targets(struct collector *c, uint64_t settled_stamp, uint64_t stamp, uint64_t now_ns) {
    uint64_t n_events = 0;
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        if (t->is_started && !t->is_finished) {
            ring_map_set_clock(&t->ring, stamp);
            ring_reader_observe(&t->reader, settled_stamp, stamp, now_ns);
            n_events += drain(c, t, false);
            target_free_slots(t, now_ns);
        }
    }
    return n_events;
}

/* Poll until nobody is left. */
static void follow(struct collector *c) {
    uint64_t sleep_ns = PACE_FIRST_NS, read_ns = clock_mono_ns(), stamp = clock_stamp(c->clock.is_tsc);
    while (take_joins(c), reap(c)) {
        uint32_t wake_seen = atomic_load_explicit(&collector_root(c)->wake, memory_order_acquire);
        settle(read_ns);
        uint64_t settled_stamp = stamp, now_ns = clock_mono_ns();
        stamp = clock_stamp(c->clock.is_tsc);
        read_ns = now_ns;
        uint64_t n_events = poll_targets(c, settled_stamp, stamp, now_ns);
        housekeeping(c, now_ns, n_events);
        sleep_ns = pace_next_ns(sleep_ns, n_events, is_any_quiet(c));
        renew(c);
        pace_sleep(&collector_root(c)->wake, wake_seen, sleep_ns);
    }
}

int collector_run(struct collector *c) {
    atomic_store_explicit(&collector_root(c)->collector_pid, (uint32_t)getpid(), memory_order_relaxed);
    atomic_store_explicit(&collector_root(c)->collector_state, RING_COLLECTOR_RUNNING, memory_order_release);
    follow(c);
    collector_flush(c);
    c->n_unwritten -= fold_finish(&c->fold);
    freed_at_tell(&c->matchers.freed_at, &c->records);
    facts_end(c);
    flush_records(c);
    /* A trace without its END is no complete one and must not look like it. */
    bool is_complete = c->records.ready.n == 0 && trace_writer_index(&c->writer) == 0;
    atomic_store_explicit(&collector_root(c)->collector_state, is_complete ? RING_COLLECTOR_DONE : RING_COLLECTOR_FAILED,
                          memory_order_release);
    return is_complete ? 0 : -1;
}
