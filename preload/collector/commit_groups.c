/* commit_groups.c - see commit_groups.h. */
#include "commit_groups.h"

#include <string.h>
#include <sys/stat.h>

#include "collect.h"
#include "commit_records.h"

uint32_t commit_record_bytes(void) {
    return (uint32_t)(sizeof(struct commit_newcomer) + sizeof(struct info_added) + sizeof(struct stack_added) +
                      sizeof(struct thread_facts) + sizeof(struct commit_target) + sizeof(struct commit_fork) +
                      sizeof(struct window_event) + sizeof(struct commit_slot) + sizeof(struct commit_state) +
                      sizeof(struct commit_move) + sizeof(struct freed_entry));
}

/* ---- records ---- */

static void add_newcomer(struct collector *c, const struct target *t, const struct target *before) {
    struct commit_newcomer n = {.start_ticks = t->watch.start_ticks,
                                .start_stack = t->watch.start_stack,
                                .pid = t->ring.pid,
                                .parent = t->parent,
                                .fork_serial = t->fork_serial,
                                .origin = t->log.origin.kind,
                                .before = before ? before->id : TARGET_NONE,
                                .before_end_ns = before ? before->end_mono_ns : 0};
    memcpy(n.ring, t->ring_name, sizeof n.ring);
    journal_add(&c->journal, COMMIT_NEWCOMER, t->id, &n, sizeof n);
}

static struct commit_target state_of(const struct target *t) {
    struct commit_target s = {
        .flags = (t->is_started ? COMMIT_STARTED : 0u) | (t->is_finished ? COMMIT_TARGET_FINISHED : 0u) |
                 (t->has_execed ? COMMIT_EXECED : 0u) | (t->is_dead ? COMMIT_DEAD : 0u),
        .index = t->index,
        .parent = t->parent,
        .fork_serial = t->fork_serial,
        .first_info = t->first_info,
        .first_root = t->matcher.stacks.first_root,
        .n_slots = t->reader.n_slots,
        .log_at = t->log.at,
        .origin_kind = t->log.origin.kind,
        .origin_process = t->log.origin.process,
        .inherited_blocks = t->log.origin.inherited_blocks,
        .inherited_bytes = t->log.origin.inherited_bytes,
        .merged_stamp = t->merge.merged_stamp,
        .n_late = t->merge.n_late,
        .last_stamp = t->reader.last_stamp,
        .n_damaged = t->reader.n_damaged,
        .n_given_back = t->reader.n_given_back,
        .now_ms = t->matcher.now_ms,
        .counts = t->matcher.counts,
        .is_covered = t->matcher.covered.is_known,
        .covered_blocks = t->matcher.covered.blocks,
        .covered_bytes = t->matcher.covered.bytes,
        .covered_held_bytes = t->matcher.covered.held_bytes,
        .end_mono_ns = t->end_mono_ns,
        .resident_bytes = t->resident_bytes,
        .peak_bytes = t->peak_bytes,
    };
    memcpy(s.window_lacks, t->matcher.forks.window.lacks, sizeof s.window_lacks);
    memcpy(s.memory_written, t->memory_written, sizeof s.memory_written);
    memcpy(s.lost_written, t->lost_written, sizeof s.lost_written);
    return s;
}

static void add_slots(struct collector *c, struct target *t, bool is_whole) {
    struct byte_buf *slots = &c->commit_slots;
    slots->n = 0;
    for (uint32_t i = 0; i < t->reader.n_slots; i++) {
        struct slot_cursor *at = &t->reader.cursors[i];
        if (at->chunk == 0 || (!at->is_changed && !is_whole)) {
            continue;
        }
        at->is_changed = false;
        struct commit_slot slot = {.slot = i,
                                   .chunk = at->chunk,
                                   .at = at->at,
                                   .thread = at->thread,
                                   .stamp = at->stamp,
                                   .is_broken = at->is_broken,
                                   .last = c->threads.threads[at->thread]};
        byte_buf_append(slots, &slot, sizeof slot);
    }
    journal_add(&c->journal, COMMIT_SLOTS, t->id, slots->bytes, slots->n);
}

static void add_forks(struct collector *c, const struct target *t) {
    const struct forks *f = &t->matcher.forks;
    struct byte_buf *forks = &c->commit_slots;
    forks->n = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        struct commit_fork fork = {.serial = f->copies[i].serial,
                                   .window_from = f->copies[i].window_from,
                                   .mark = f->copies[i].mark,
                                   .until = f->copies[i].until};
        byte_buf_append(forks, &fork, sizeof fork);
    }
    journal_add(&c->journal, COMMIT_FORKS, t->id, forks->bytes, forks->n);
    journal_add(&c->journal, COMMIT_WINDOW, t->id, f->window.events, f->n ? f->window.n * sizeof *f->window.events : 0);
}

static void add_target(struct collector *c, struct target *t, bool is_whole) {
    struct commit_target state = state_of(t);
    if (is_whole || t->reader.n_finished != 0 || memcmp(&state, &t->committed, sizeof state) != 0) {
        journal_add(&c->journal, COMMIT_TARGET, t->id, &state, sizeof state);
        t->committed = state;
    }
    add_slots(c, t, is_whole);
    add_forks(c, t);
    journal_add(&c->journal, COMMIT_FINISHED, t->id, t->reader.finished, t->reader.n_finished * sizeof *t->reader.finished);
}

static struct commit_state state_of_all(const struct collector *c) {
    const struct trace_writer *w = &c->writer;
    struct stat st = {0};
    fstat(w->fd, &st); /* each time: the file may have been replaced */
    return (struct commit_state){
        .trace_bytes = w->end_off,
        .trace_device = st.st_dev,
        .trace_inode = st.st_ino,
        .mono_ns = clock_mono_ns(),
        .processor_ns = renewal_processor_ns(&c->renewal),
        .first_event = c->encoder.first_event,
        .clock_ms = c->encoder.clock_ms,
        .n_infos = c->matchers.infos.n,
        .n_stacks = c->matchers.stacks.n,
        .n_threads = c->threads.n,
        .n_announced = c->threads.n_announced,
        .n_renamed = c->threads.n_renamed,
        .n_processes = c->n_processes,
        .next_target = c->n_adopted,
        .n_names_announced = c->matchers.stacks.names.n_announced,
        .counts = c->counts,
        .limit_bytes = c->fold.place.limit_bytes ? c->fold.place.limit_bytes : c->left_limit_bytes,
        .n_unwritten = c->n_unwritten,
        .unwritten_errno = (uint64_t)c->unwritten_errno,
        .n_marks = c->marks.n,
        .mark_first_info = c->marks.first_info,
        .mark_answered = c->marks.answered,
        .mark_answered_number = c->marks.answered_number,
        .mark_answered_ns = c->marks.answered_ns,
        .n_checkpoints = w->n_checkpoints,
        .last_off = w->last_off,
        .last_ms = w->last_ms,
        .last_event = w->last_event,
        .is_clock_tsc = c->clock.is_tsc,
        .start_stamp = c->clock.start_stamp,
        .start_mono_ns = c->clock.start_mono_ns,
        .base_stamp = c->clock.base_stamp,
        .base_ns = c->clock.base_ns,
        .next_refine_ns = c->clock.next_refine_ns,
        .ns_per_tick = c->clock.ns_per_tick,
    };
}

/* Returns how many entries. */
static uint64_t add_freed(struct collector *c) {
    struct byte_buf *freed = &c->commit_slots;
    freed->n = 0;
    freed_at_each(&c->matchers.freed_at, freed);
    journal_add(&c->journal, COMMIT_FREED, 0, freed->bytes, freed->n);
    return freed->n / sizeof(struct freed_entry);
}

/* What stands at the end of each group. */
static void add_states(struct collector *c, bool is_whole) {
    uint32_t *ids = (uint32_t *)(void *)byte_buf_reserve(&c->commit_ids, c->n_targets * sizeof *ids);
    for (uint32_t i = 0; i < c->n_targets; i++) {
        add_target(c, c->targets[i], is_whole);
        ids[i] = c->targets[i]->id;
    }
    struct commit_state state = state_of_all(c);
    state.n_freed = add_freed(c);
    journal_add(&c->journal, COMMIT_TARGETS, 0, ids, c->n_targets * sizeof *ids);
    journal_add(&c->journal, COMMIT_RECORDS, 0, c->records.ready.bytes, c->records.ready.n);
    journal_add(&c->journal, COMMIT_STATE, 0, &state, sizeof state);
}

/* ---- everything ---- */

/* In pieces: a picture of all of it would have to be held twice. */
static void tell_all(struct collector *c, struct live_map *live) {
    enum { WORDS_AT_ONCE = 1 << 16 };
    struct journal_ops *ops = &c->matchers.ops;
    live_map_tell_all(live, ops);
    if (ops->n >= WORDS_AT_ONCE) {
        journal_add(&c->journal, COMMIT_OPS, 0, ops->words, ops->n * sizeof *ops->words);
        ops->n = 0;
    }
}

static void add_all_blocks(struct collector *c) {
    struct journal_ops *ops = &c->matchers.ops;
    ops->is_kept = true;
    journal_ops_clear(ops);
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        journal_ops_target(ops, t->id);
        tell_all(c, &t->matcher.live);
        for (uint32_t k = 0; k < t->matcher.forks.n; k++) {
            struct fork_copy *copy = &t->matcher.forks.copies[k];
            journal_op(ops, JOURNAL_OP_COPY, copy->serial);
            tell_all(c, &copy->live);
            journal_op(ops, JOURNAL_OP_COPY_END, copy->serial);
        }
    }
    journal_add(&c->journal, COMMIT_OPS, 0, ops->words, ops->n * sizeof *ops->words);
    ops->copied_bytes = 0;
}

/* What has changed in them since the last commit. */
static void add_changed_blocks(struct collector *c) {
    struct journal_ops *ops = &c->matchers.ops;
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->matcher.live.n_touched != 0) {
            journal_ops_target(ops, c->targets[i]->id);
            live_map_tell_changes(&c->targets[i]->matcher.live);
        }
    }
    journal_add(&c->journal, COMMIT_OPS, 0, ops->words, ops->n * sizeof *ops->words);
}

/* The nodes of all infos whose targets are still there. */
static void add_all_infos(struct collector *c) {
    const struct info_ids *ids = &c->matchers.infos;
    size_t bytes = ids->n * sizeof(struct info_added);
    if (bytes == 0) {
        return;
    }
    struct info_added *all = memory_map(bytes);
    for (uint32_t id = 1; id <= ids->n; id++) {
        all[id - 1] = (struct info_added){.size_bytes = ids->sizes[id], .owner = TARGET_NONE};
    }
    for (uint32_t i = 0; i < c->n_targets; i++) {
        const struct info_table *table = &c->targets[i]->matcher.infos;
        for (size_t k = 0; k < (size_t)1 << table->bits; k++) {
            if (table->entries[k].id != 0) {
                all[table->entries[k].id - 1].owner = c->targets[i]->id;
                all[table->entries[k].id - 1].node = table->entries[k].node;
            }
        }
    }
    journal_add(&c->journal, COMMIT_INFOS, 0, all, bytes);
    memory_unmap(all, bytes);
}

static void add_all_stacks(struct collector *c) {
    struct byte_buf all = {0};
    for (uint32_t i = 0; i < c->n_targets; i++) {
        const struct stack_table *table = &c->targets[i]->matcher.stacks;
        for (uint32_t node = 0; node < table->cap_entries; node++) {
            const struct stack_entry *e = &table->entries[node];
            if (e->is_defined) {
                struct stack_added stack = {.ip = e->ip, .owner = table->owner, .node = node, .stack = e->stack};
                byte_buf_append(&all, &stack, sizeof stack);
            }
        }
    }
    journal_add(&c->journal, COMMIT_STACKS, 0, all.bytes, all.n);
    byte_buf_free(&all);
}

int commit_write_snapshot(struct collector *c) {
    struct matcher_space *m = &c->matchers;
    journal_begin(&c->journal, true);
    for (uint32_t i = 0; i < c->n_targets; i++) {
        add_newcomer(c, c->targets[i], NULL);
    }
    add_all_infos(c);
    add_all_stacks(c);
    journal_add(&c->journal, COMMIT_THREADS, 0, c->threads.facts, c->threads.n * sizeof *c->threads.facts);
    add_all_blocks(c);
    journal_add(&c->journal, COMMIT_NAMES, 0, m->stacks.names.text.bytes, m->stacks.names.text.n);
    journal_add(&c->journal, COMMIT_INDEX, 0, c->writer.index.bytes, c->writer.index.n);
    add_states(c, true);
    return journal_end(&c->journal);
}

int commit_write_changes(struct collector *c) {
    struct matcher_space *m = &c->matchers;
    journal_begin(&c->journal, false);
    journal_add(&c->journal, COMMIT_INFOS, 0, m->infos.added.bytes, m->infos.added.n);
    journal_add(&c->journal, COMMIT_STACKS, 0, m->stacks.added.bytes, m->stacks.added.n);
    journal_add(&c->journal, COMMIT_THREADS, 0, c->threads.facts + c->n_committed_threads,
                (c->threads.n - c->n_committed_threads) * sizeof *c->threads.facts);
    add_changed_blocks(c);
    journal_add(&c->journal, COMMIT_NAMES, 0, m->stacks.names.text.bytes + c->n_committed_names,
                m->stacks.names.text.n - c->n_committed_names);
    journal_add(&c->journal, COMMIT_INDEX, 0, c->writer.index.bytes + c->n_committed_index,
                c->writer.index.n - c->n_committed_index);
    add_states(c, false);
    return journal_end(&c->journal);
}

int commit_write_newcomer(struct collector *c, const struct target *t, const struct target *before) {
    journal_begin(&c->journal, false);
    add_newcomer(c, t, before);
    return journal_end(&c->journal);
}

int commit_write_move(struct collector *c, const struct trace_writer *to, const struct fold_boundary *boundary) {
    struct stat st = {0};
    fstat(to->fd, &st);
    struct commit_move move = {.device = st.st_dev,
                               .inode = st.st_ino,
                               .boundary_off = boundary->off,
                               .moved_by = to->end_off - c->writer.end_off,
                               .n_unwritten = boundary->n_unwritten};
    journal_begin(&c->journal, false);
    journal_add(&c->journal, COMMIT_MOVE, 0, &move, sizeof move);
    return journal_end(&c->journal);
}
