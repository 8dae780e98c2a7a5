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
#include "newcomers.h"
#include "pace.h"
#include "requests.h"

enum {
    NS_PER_MS = 1000000,
    BLOCK_EVENTS = 131072,     /* a file block is closed at this size, */
    BLOCK_SOME_EVENTS = 16384, /* at this size after a while, */
    BLOCK_SOME_NS = 100 * NS_PER_MS,
    BLOCK_MOST_NS = 1000 * NS_PER_MS, /* and at the latest after this: small blocks cost bytes, late ones an audience */
    STRETCH_BLOCKS = 32,              /* from checkpoint to checkpoint: FORMAT.md's most */
    COMMIT_BLOCKS = 4,                /* full file blocks to a commit: what is touched again and again is told of once */
    EXEC_CHECK_NS = 20 * NS_PER_MS,
    FINISHED_AT_ONCE = 256,          /* some 80 ms */
    JOIN_WAIT_NS = 1000 * NS_PER_MS, /* how long a process that has ended is kept for what it became by exec */
};

#define CHILD_WAIT_NS                                                                                                      \
    (5000ull * NS_PER_MS)              /* how long a process that has ended is kept for a child that it forked before */
#define KEPT_NS (10000ull * NS_PER_MS) /* what is kept for a fork child that does not come, its place and what was alive */

static void remove_target(struct collector *c, uint32_t i) {
    struct target *t = c->targets[i];
    commit_gone(c, t);
    memmove(&c->targets[i], &c->targets[i + 1], (--c->n_targets - i) * sizeof *c->targets);
    target_free(t);
    memory_unmap(t, sizeof *t);
}

int collector_init(struct collector *c, const struct ring_map *ring, int fd, const struct fold_place *place,
                   uint32_t watched_pid, const char *options) {
    *c = (struct collector){.journal.fd = -1};
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
    c->fold.before_move = commit_move;
    c->fold.context = c;
    marks_init(c);
    newcomers_start(c, newcomers_add(c, ring, NULL, watched_pid));
    c->must_checkpoint = true;
    return 0;
}

void collector_free(struct collector *c) {
    while (c->n_targets > 0) {
        remove_target(c, c->n_targets - 1);
    }
    memory_unmap(c->targets, c->cap_targets * sizeof(struct target *));
    fold_free(&c->fold);
    marks_free(&c->marks);
    encoder_free(&c->encoder);
    matcher_space_free(&c->matchers);
    thread_table_free(&c->threads);
    trace_writer_free(&c->writer);
    trace_records_free(&c->records);
    byte_buf_free(&c->head);
    journal_free(&c->journal);
    byte_buf_free(&c->commit_slots);
    byte_buf_free(&c->commit_ids);
}

/* Hooks must not wait for a collector that cannot go on. */
static void note_failure(struct collector *c) {
    if (c->is_trial) {
        c->on_trial_failure(errno);
    }
    for (uint32_t i = 0; i < c->n_targets; i++) {
        atomic_store_explicit(&c->targets[i]->ring.header->collector_state, RING_COLLECTOR_FAILED, memory_order_release);
    }
}

void collector_give_up(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        atomic_store_explicit(&t->ring.header->collector_state, RING_COLLECTOR_FAILED, memory_order_release);
        if (i != 0 && t->ring_path && c->journal.fd < 0 && !c->is_trial) {
            unlink(t->ring_path);
        }
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
    bool is_boundary = fold_end_block(&c->fold, e, c->n_unwritten, c->records.ready.n != 0);
    c->must_checkpoint = is_boundary || c->must_checkpoint;
    c->must_commit = is_boundary || c->must_commit;
    encoder_begin_block(e, c->must_checkpoint);
}

void collector_write(struct collector *c) {
    if (c->must_checkpoint) {
        freed_at_tell(&c->matchers.freed_at, &c->records);
    }
    flush_records(c);
    flush_events(c);
    c->n_unwritten -= fold_step(&c->fold);
}

void collector_flush(struct collector *c) {
    collector_write(c);
    commit(c);
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

void collector_cut(struct collector *c) {
    gather_records(c, c->drained_dead);
    collector_write(c);
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

/* A block is full, or chunks of the target have to go back. */
static void flush_full(struct collector *c, const struct target *t, bool is_dead) {
    bool is_urgent = commit_is_urgent(c, t, false);
    gather_records(c, is_dead ? t : NULL);
    collector_write(c);
    if (is_urgent || c->must_commit || ++c->n_uncommitted_blocks >= COMMIT_BLOCKS) {
        commit(c);
    }
}

uint64_t collector_drain(struct collector *c, struct target *t, bool is_dead) {
    uint64_t n = 0;
    c->drained_dead = is_dead ? t : NULL;
    merge_begin(&t->merge);
    journal_ops_target(&c->matchers.ops, t->id);
    while (merge_next(&t->merge)) {
        matcher_apply(&t->matcher);
        commit_passed(c, t);
        n += t->merge.n;
        if (c->encoder.n_events >= BLOCK_EVENTS || encoder_is_full(&c->encoder) || commit_is_urgent(c, t, false)) {
            flush_full(c, t, is_dead);
            journal_ops_target(&c->matchers.ops, t->id);
            renew(c);
        }
    }
    commit_passed(c, t); /* chunks that the observation passed */
    if (commit_is_urgent(c, t, true)) {
        gather_records(c, is_dead ? t : NULL);
        collector_flush(c);
    }
    c->drained_dead = NULL;
    return n;
}

/* Close the block if it is due by its age. */
static void flush_by_age(struct collector *c, uint64_t now_ns) {
    if (c->encoder.n_events == 0 && c->records.ready.n == 0) {
        c->block_since_ns = now_ns;
    }
    uint64_t age_ns = now_ns - c->block_since_ns;
    if (age_ns >= BLOCK_MOST_NS || (age_ns >= BLOCK_SOME_NS && c->encoder.n_events >= BLOCK_SOME_EVENTS)) {
        gather_records(c, NULL);
        collector_flush(c);
        c->block_since_ns = now_ns;
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

/* ---- processes that go ---- */

static void forget_blocks(struct collector *c, struct target *t) {
    journal_ops_target(&c->matchers.ops, t->id);
    journal_op(&c->matchers.ops, JOURNAL_OP_FORGET, 0);
    target_forget_blocks(t);
}

/* The end of a process that died when nobody watched was not before its last event. */
static void note_late_death(struct collector *c, struct target *t) {
    uint64_t end_ns = c->left_mono_ns;
    if (!t->is_late_death) {
        return;
    }
    for (uint32_t i = 0; i < t->reader.n_slots; i++) {
        uint64_t ns = c->clock.start_mono_ns + clock_scale_ns(&c->clock, t->reader.cursors[i].stamp);
        end_ns = ns > end_ns ? ns : end_ns;
    }
    t->end_mono_ns = t->end_mono_ns ? t->end_mono_ns : end_ns;
    if (c->is_trial && t->end_mono_ns > c->stopped_mono_ns) {
        c->stopped_mono_ns = t->end_mono_ns;
    }
}

static void finish_target(struct collector *c, struct target *t) {
    struct process_end end = {.kind = TRACE_END_EXEC};
    uint64_t other_since_ns = runs_own_since(&t->ring);
    if (!t->has_execed && !other_since_ns) {
        end = process_watch_end(&t->watch, t->ring.header);
    } else if (!t->end_mono_ns) {
        t->end_mono_ns = other_since_ns;
    }
    ring_reader_observe_dead(&t->reader);
    collector_drain(c, t, true);
    note_late_death(c, t);
    gather_records(c, t);
    collector_flush(c);
    facts_target_last(c, t, end);
    facts_survivors(c, t);
    facts_count(c, t);
    forget_blocks(c, t);
    t->is_finished = true;
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

/* Finish what has died, at most so many at once, since others wait to be read. are_all_taken: all that have joined so far. Returns whether anybody is
 * left, or may come. */
static bool reap(struct collector *c, bool are_all_taken) {
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
        are_all_taken = newcomers_take(c); /* what they have become, and their last children, are known before they end */
    }
    uint32_t n_finished = 0;
    for (uint32_t i = 0; i < c->n_targets && n_finished < FINISHED_AT_ONCE; i++) {
        struct target *t = c->targets[i];
        if (t->is_dead && t->is_started && !t->is_finished) {
            finish_target(c, t);
            n_finished++;
        }
    }
    c->is_behind = !are_all_taken || n_finished == FINISHED_AT_ONCE;
    for (uint32_t i = c->n_targets; i-- > 0;) {
        struct target *t = c->targets[i];
        bool is_expected = joins_are_expected(&t->joins, &t->ring, t->is_finished ? CHILD_WAIT_NS : KEPT_NS);
        is_expected = !are_all_taken || runs_follow(c, t) || target_may_return(t, JOIN_WAIT_NS) || is_expected;
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
            n_events += collector_drain(c, t, false);
            target_free_slots(t, now_ns);
        }
    }
    return n_events;
}

/* Poll until nobody is left. */
static void follow(struct collector *c) {
    uint64_t sleep_ns = PACE_FIRST_NS, read_ns = clock_mono_ns(), stamp = clock_stamp(c->clock.is_tsc);
    while (requests_answer(c), reap(c, newcomers_take(c))) {
        uint32_t wake_seen = atomic_load_explicit(&collector_root(c)->wake, memory_order_acquire);
        clock_settle(read_ns, RING_SETTLE_NS);
        uint64_t settled_stamp = stamp, now_ns = clock_mono_ns();
        stamp = clock_stamp(c->clock.is_tsc);
        read_ns = now_ns;
        uint64_t n_events = poll_targets(c, settled_stamp, stamp, now_ns);
        housekeeping(c, now_ns, n_events);
        sleep_ns = pace_next_ns(sleep_ns, n_events, is_any_quiet(c));
        renew(c);
        if (!c->is_behind) {
            pace_sleep(&collector_root(c)->wake, wake_seen, sleep_ns);
        }
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
