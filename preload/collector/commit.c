/* commit.c - see commit.h. */
#include "commit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect.h"
#include "commit_records.h"
#include "facts.h"

enum {
    AGAIN_DOUBLED_MAX = 6,
    HELD_SHARE = 4,       /* of the ring's chunks one such part may be held back for a commit, */
    HELD_FULL_SHARE = 16, /* and where all are taken, such a part */
};

#define AGAIN_NS         1000000000ull
#define COPIED_BYTES_MAX (2ull << 30) /* by forks since the last snapshot: half a second to do them again */

uint32_t commit_record_bytes(void) {
    return (uint32_t)(sizeof(struct commit_newcomer) + sizeof(struct info_added) + sizeof(struct stack_added) +
                      sizeof(struct thread_facts) + sizeof(struct commit_target) + sizeof(struct commit_fork) +
                      sizeof(struct window_event) + sizeof(struct commit_slot) + sizeof(struct commit_state) +
                      sizeof(struct commit_move));
}

static bool is_kept(const struct collector *c) {
    return c->journal.fd >= 0;
}

/* ---- what changes come from ---- */

static void set_kept(struct collector *c, bool is_kept_now) {
    c->matchers.ops.is_kept = c->matchers.infos.is_kept = c->matchers.stacks.is_kept = is_kept_now;
}

static void forget_changes(struct collector *c) {
    journal_ops_clear(&c->matchers.ops);
    c->matchers.infos.added.n = 0;
    c->matchers.stacks.added.n = 0;
    c->n_committed_threads = c->threads.n;
    c->n_committed_index = c->writer.index.n;
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
        .counts = c->counts,
        .limit_bytes = c->fold.place.limit_bytes ? c->fold.place.limit_bytes : c->left_limit_bytes,
        .n_unwritten = c->n_unwritten,
        .unwritten_errno = (uint64_t)c->unwritten_errno,
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

/* What stands at the end of each group. */
static void add_states(struct collector *c, bool is_whole) {
    uint32_t *ids = (uint32_t *)(void *)byte_buf_reserve(&c->commit_ids, c->n_targets * sizeof *ids);
    for (uint32_t i = 0; i < c->n_targets; i++) {
        add_target(c, c->targets[i], is_whole);
        ids[i] = c->targets[i]->id;
    }
    struct commit_state state = state_of_all(c);
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

/* A file of its own that says all that is known. */
static int write_snapshot(struct collector *c) {
    journal_begin(&c->journal, true);
    for (uint32_t i = 0; i < c->n_targets; i++) {
        add_newcomer(c, c->targets[i], NULL);
    }
    add_all_infos(c);
    add_all_stacks(c);
    journal_add(&c->journal, COMMIT_THREADS, 0, c->threads.facts, c->threads.n * sizeof *c->threads.facts);
    add_all_blocks(c);
    journal_add(&c->journal, COMMIT_INDEX, 0, c->writer.index.bytes, c->writer.index.n);
    add_states(c, true);
    return journal_end(&c->journal);
}

/* What has changed since the last commit. */
static int write_changes(struct collector *c) {
    struct matcher_space *m = &c->matchers;
    journal_begin(&c->journal, false);
    journal_add(&c->journal, COMMIT_INFOS, 0, m->infos.added.bytes, m->infos.added.n);
    journal_add(&c->journal, COMMIT_STACKS, 0, m->stacks.added.bytes, m->stacks.added.n);
    journal_add(&c->journal, COMMIT_THREADS, 0, c->threads.facts + c->n_committed_threads,
                (c->threads.n - c->n_committed_threads) * sizeof *c->threads.facts);
    add_changed_blocks(c);
    journal_add(&c->journal, COMMIT_INDEX, 0, c->writer.index.bytes + c->n_committed_index,
                c->writer.index.n - c->n_committed_index);
    add_states(c, false);
    return journal_end(&c->journal);
}

/* ---- commits ---- */

static void remove_gone(struct collector *c) {
    while (c->n_gone_rings > 0) {
        char *path = c->gone_rings[--c->n_gone_rings];
        unlink(path);
        free(path);
    }
}

/* What had to wait for the commit. */
static void release(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        ring_reader_recycle(&c->targets[i]->reader);
    }
    remove_gone(c);
}

void commit_gone(struct collector *c, struct target *t) {
    enum { FIRST_GONE = 64 };
    if (!t->ring_path) {
        return;
    }
    if (c->n_gone_rings == c->cap_gone_rings) {
        uint32_t cap = c->cap_gone_rings ? c->cap_gone_rings * 2 : FIRST_GONE;
        c->gone_rings = memory_grow(c->gone_rings, c->cap_gone_rings * sizeof(char *), cap * sizeof(char *));
        c->cap_gone_rings = cap;
    }
    c->gone_rings[c->n_gone_rings++] = t->ring_path;
    t->ring_path = NULL;
}

static void note_no_journal(struct collector *c, int cause) {
    char text[160];
    journal_drop(&c->journal);
    c->n_journal_failures += c->n_journal_failures < AGAIN_DOUBLED_MAX;
    set_kept(c, false);
    if (!c->is_journal_noted) {
        snprintf(
            text, sizeof text,
            "for some time what a killed collector leaves behind could not be kept (%s): then up to a second would have "
            "been lost",
            strerror(cause));
        facts_note(c, c->targets[0], text);
        c->is_journal_noted = true;
    }
}

/* A fold puts another file in the trace's place, with another index. */
static uint64_t trace_inode(const struct collector *c) {
    struct stat st = {0};
    fstat(c->writer.fd, &st);
    return st.st_ino;
}

static void write_group(struct collector *c) {
    uint64_t now_ns = clock_mono_ns();
    uint64_t inode = trace_inode(c);
    bool is_snapshot = !is_kept(c) || inode != c->committed_inode || journal_is_long(&c->journal) ||
                       c->matchers.ops.copied_bytes > COPIED_BYTES_MAX;
    if (!is_kept(c) && c->journal_tried_ns != 0 && now_ns - c->journal_tried_ns < AGAIN_NS << c->n_journal_failures) {
        return;
    }
    c->journal_tried_ns = now_ns;
    /* Where there is no room for changes, there may be for less: a picture of what is left of them. */
    bool is_written = (!is_snapshot && write_changes(c) == 0) || write_snapshot(c) == 0;
    if (is_written) {
        c->n_journal_failures = 0;
        c->committed_inode = inode;
        set_kept(c, true);
    } else {
        note_no_journal(c, errno);
    }
    forget_changes(c);
}

void commit(struct collector *c) {
    if (c->is_trial) {
        return;
    }
    if (c->journal.path) {
        write_group(c);
    }
    c->n_uncommitted_blocks = 0;
    c->must_commit = false;
    fold_committed(&c->fold);
    release(c);
}

void commit_move(void *context, const struct trace_writer *to, const struct fold_boundary *boundary) {
    struct collector *c = context;
    struct stat st = {0};
    if (!is_kept(c)) {
        return;
    }
    fstat(to->fd, &st);
    struct commit_move move = {.device = st.st_dev,
                               .inode = st.st_ino,
                               .boundary_off = boundary->off,
                               .moved_by = to->end_off - c->writer.end_off,
                               .n_unwritten = boundary->n_unwritten};
    journal_begin(&c->journal, false);
    journal_add(&c->journal, COMMIT_MOVE, 0, &move, sizeof move);
    if (journal_end(&c->journal) != 0) {
        note_no_journal(c, errno);
    }
}

void commit_begin(struct collector *c, const char *path) {
    journal_init(&c->journal, path);
    write_group(c);
}

void commit_newcomer(struct collector *c, const struct target *t, const struct target *before) {
    if (!is_kept(c)) {
        return;
    }
    journal_begin(&c->journal, false);
    add_newcomer(c, t, before);
    if (journal_end(&c->journal) != 0) {
        note_no_journal(c, errno);
    }
}

void commit_passed(const struct collector *c, struct target *t) {
    if (!is_kept(c) && !c->is_trial) {
        ring_reader_recycle(&t->reader);
    }
}

bool commit_is_urgent(const struct collector *c, const struct target *t, bool is_drained) {
    const struct ring_header *h = t->ring.header;
    uint32_t n = t->reader.n_finished;
    if (n == 0 || c->is_trial) {
        return false;
    }
    bool is_full = atomic_load_explicit(&h->n_chunks, memory_order_relaxed) >= t->ring.cap_chunks &&
                   (uint32_t)atomic_load_explicit(&h->free_chunks, memory_order_relaxed) == 0;
    return n > t->ring.cap_chunks / HELD_SHARE || (is_full && (is_drained || n > t->ring.cap_chunks / HELD_FULL_SHARE));
}

/* Rings of processes that were killed before they had joined, in which there is nothing, or that a killed collector had no time to remove: nobody
 * else knows of them. */
static void remove_orphans(const char *ring_base) {
    const char *slash = strrchr(ring_base, '/'), *name = slash ? slash + 1 : ring_base;
    char *folder = strndup(ring_base, slash ? (size_t)(slash - ring_base) + 1 : 0);
    DIR *dir = folder ? opendir(*folder ? folder : ".") : NULL;
    size_t n = strlen(name);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        static const char mark[] = ".ring-", made[] = ".fold-"; /* the latter was to take the trace's place */
        const char *rest = e->d_name + n;
        if (strncmp(e->d_name, name, n) == 0 &&
            (strncmp(rest, mark, sizeof mark - 1) == 0 || strncmp(rest, made, sizeof made - 1) == 0) &&
            rest[sizeof mark - 1 + strspn(rest + sizeof mark - 1, "0123456789-")] == '\0') {
            unlinkat(dirfd(dir), e->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
    free(folder);
}

void commit_end(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        if (c->targets[i]->ring_path) {
            unlink(c->targets[i]->ring_path);
        }
    }
    remove_gone(c);
    if (c->journal.path) {
        commit_clean(&c->journal, c->ring_base);
    }
}

void commit_clean(struct journal *journal, const char *ring_base) {
    if (ring_base) {
        remove_orphans(ring_base);
    }
    journal_drop(journal); /* last: by it those that were not removed are found */
}
