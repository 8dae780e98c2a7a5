/* target.c - see target.h. */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"

enum { SLOTS_CHECK_NS = 10 * 1000 * 1000 };

void target_init(struct target *t, const struct ring_map *ring, uint32_t id, uint32_t watched_pid,
                 const struct target_space *space) {
    *t = (struct target){.id = id, .index = TRACE_NO_PROCESS, .ring = *ring, .parent = TARGET_NONE};
    t->first_info = space->matchers->infos.n + 1;
    ring_reader_init(&t->reader, &t->ring, space->threads);
    merge_init(&t->merge, &t->reader, &space->matchers->window);
    matcher_init(&t->matcher, &t->ring, &t->merge, space->threads, space->clock, space->encoder, space->matchers);
    t->matcher.joins = &t->joins;
    t->matcher.infos.owner = t->matcher.stacks.owner = id;
    log_reader_init(&t->log, &t->ring);
    process_watch_open(&t->watch, watched_pid);
}

void target_start(struct target *t, uint32_t index) {
    t->index = index;
    t->reader.serials.process = index;
    t->matcher.stacks.process = index;
    t->log.process = index;
    t->started_ns = clock_mono_ns();
    t->is_started = true;
    if (t->matcher.space->totals) {
        totals_start_process(t->matcher.space->totals, index, t->log.origin.inherited_bytes);
    }
}

void target_free(struct target *t) {
    process_watch_close(&t->watch);
    log_reader_free(&t->log);
    matcher_free(&t->matcher);
    merge_free(&t->merge);
    ring_reader_free(&t->reader);
    ring_map_detach(&t->ring);
    forks_release(t->inherited_memory_bytes);
    free(t->ring_path);
    *t = (struct target){0};
}

void target_name_ring(struct target *t, char *path) {
    static const char mark[] = ".ring-";
    t->ring_path = path;
    for (const char *at = path; (at = strstr(at, mark)); at++) {
        snprintf(t->ring_name, sizeof t->ring_name, "%s", at + sizeof mark - 1);
    }
}

bool target_must_wait(const struct target *t, const struct target *parent, uint64_t patience_ns) {
    uint64_t since_ns = parent->started_ns > t->waits_since_ns ? parent->started_ns : t->waits_since_ns;
    return t->fork_serial && !parent->is_finished &&
           forks_until(&parent->matcher.forks, t->fork_serial) >= parent->reader.watermark &&
           clock_mono_ns() - since_ns < patience_ns;
}

const char *target_inherit(struct target *t, struct target *parent, uint32_t n_threads) {
    struct fork_cuts cuts;
    struct fork_copy copy;
    struct journal_ops *ops = &t->matcher.space->ops;
    if (!parent || forks_until(&parent->matcher.forks, t->fork_serial) == UINT64_MAX) {
        return "what was alive in its parent at the fork is not known: frees of that are counted as of unknown blocks";
    }
    fork_cuts_read(&cuts, &t->ring, &parent->reader.serials, n_threads);
    bool is_all_read =
        parent->is_finished || forks_until(&parent->matcher.forks, t->fork_serial) < parent->reader.watermark;
    journal_ops_target(ops, t->id);
    journal_op_word(ops, JOURNAL_OP_INHERIT, t->fork_serial, parent->id);
    forks_take(&parent->matcher.forks, t->fork_serial, &cuts, parent->matcher.space->infos.sizes, ops, &copy);
    fork_cuts_free(&cuts);
    live_map_free(&t->matcher.live);
    t->matcher.live = copy.live;
    t->log.origin.inherited_blocks = copy.blocks;
    t->log.origin.inherited_bytes = copy.bytes;
    t->inherited_memory_bytes = copy.memory_bytes;
    return is_all_read && !copy.is_short ? NULL
                                         : "what other threads of its parent allocated and freed during the fork is not "
                                           "known to the end: it may be missing from what came with it, or too much there";
}

static bool is_child_expected(void *context, uint32_t serial) {
    struct target *t = context;
    return joins_are_claimed(&t->joins, &t->ring, serial);
}

void target_drop_forks(struct target *t, uint64_t patience_ns) {
    forks_expire(&t->matcher.forks, patience_ns);
    forks_drop_others(&t->matcher.forks, is_child_expected, t);
}

void target_forget_blocks(struct target *t) {
    if (t->matcher.space->totals) { /* in the order of the file: behind its events, with its PROCESS_END */
        totals_end_process(t->matcher.space->totals, t->index);
    }
    live_map_free(&t->matcher.live);
    forks_release(t->inherited_memory_bytes);
    t->inherited_memory_bytes = 0;
}

bool target_is_alive(struct target *t, bool must_check) {
    if (!process_watch_is_alive(&t->watch)) {
        return false;
    }
    if (!t->has_execed && must_check && process_watch_has_execed(&t->watch)) {
        t->has_execed = true;
        t->execed_ns = clock_mono_ns();
    }
    return !t->has_execed;
}

void target_free_slots(struct target *t, uint64_t now_ns) {
    bool is_waited_for = t->reader.n_slots == t->ring.cap_slots;
    if (!t->ring.is_quiet || (now_ns - t->slots_checked_ns < SLOTS_CHECK_NS && !is_waited_for)) {
        return;
    }
    t->slots_checked_ns = now_ns;
    for (uint32_t i = 0; i < t->reader.n_slots; i++) {
        struct ring_slot *slot = &t->ring.slots[i];
        uint32_t tid = atomic_load_explicit(&slot->tid, memory_order_acquire);
        if (tid == 0 || atomic_load_explicit(&slot->gone_tid, memory_order_relaxed) == tid) {
            continue;
        }
        if (syscall(SYS_tgkill, (pid_t)t->ring.pid, (pid_t)tid, 0) != 0 && errno == ESRCH) {
            atomic_store_explicit(&slot->gone_tid, tid,
                                  memory_order_release); /* only now may another thread have the slot */
        }
    }
}

bool target_may_return(const struct target *t, uint64_t patience_ns) {
    return t->execed_ns != 0 && clock_mono_ns() - t->execed_ns < patience_ns && process_watch_is_alive(&t->watch);
}
