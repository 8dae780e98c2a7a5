/* restore.c - see restore.h. */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commit_records.h"
#include "newcomers.h"
#include "restore_blocks.h"
#include "restore_rings.h"
#include "restore_target.h"

enum { SLOTS_MAX = 1 << 20, RATE_SHARE = 1000 };

struct restoring {
    struct collector *c;
    struct restored_all all;
    struct commit_state state;
    struct commit_move move; /* since then; n/a where inode is 0 */
    bool has_state;
    struct byte_buf stacks; /* struct stack_added, for the end */
    struct byte_buf infos;  /* struct info_added */
    struct byte_buf freed;  /* struct freed_entry */
    const struct restore_given *given;
    char *why;
};

static int damaged(const struct restoring *r) {
    snprintf(r->why, JOURNAL_WHY_BYTES, "it does not make sense");
    return -1;
}

/* ---- records ---- */

static bool take_newcomer(struct restoring *r, const struct journal_content *content) {
    struct restored *t = content->n == sizeof t->newcomer ? restored_add(&r->all, content->target) : NULL;
    if (!t) {
        return false;
    }
    memcpy(&t->newcomer, content->bytes, sizeof t->newcomer);
    struct commit_newcomer *n = &t->newcomer;
    n->ring[sizeof n->ring - 1] = '\0';
    t->state = (struct commit_target){.index = TRACE_NO_PROCESS,
                                      .parent = n->parent,
                                      .fork_serial = n->fork_serial,
                                      .first_info = 1,
                                      .origin_kind = n->origin,
                                      .origin_process = TRACE_NO_PROCESS};
    struct restored *before = restored_find(&r->all, n->before);
    if (before) {
        before->state.flags |= COMMIT_EXECED;
        before->state.end_mono_ns = n->before_end_ns;
    }
    return n->ring[strspn(n->ring, "0123456789-")] == '\0';
}

static bool take_infos(struct restoring *r, const struct journal_content *content) {
    struct info_ids *ids = &r->c->matchers.infos;
    if (content->n % sizeof(struct info_added) != 0) {
        return false;
    }
    for (size_t at = 0; at < content->n; at += sizeof(struct info_added)) {
        struct info_added info;
        memcpy(&info, (const uint8_t *)content->bytes + at, sizeof info);
        info_ids_add(ids, info.size_bytes);
    }
    byte_buf_append(&r->infos, content->bytes, content->n);
    return true;
}

static bool take_stacks(struct restoring *r, const struct journal_content *content) {
    byte_buf_append(&r->stacks, content->bytes, content->n);
    return content->n % sizeof(struct stack_added) == 0;
}

static bool take_threads(struct restoring *r, const struct journal_content *content) {
    if (content->n % sizeof(struct thread_facts) != 0) {
        return false;
    }
    for (size_t at = 0; at < content->n; at += sizeof(struct thread_facts)) {
        struct thread_facts facts;
        memcpy(&facts, (const uint8_t *)content->bytes + at, sizeof facts);
        facts.name[sizeof facts.name - 1] = '\0';
        thread_table_restore(&r->c->threads, &facts);
    }
    return true;
}

static bool take_target(struct restoring *r, const struct journal_content *content) {
    struct restored *t = restored_find(&r->all, content->target);
    if (!t || content->n != sizeof t->state) {
        return false;
    }
    memcpy(&t->state, content->bytes, sizeof t->state);
    t->finished.n = 0;
    return true;
}

static bool take_slots(struct restoring *r, const struct journal_content *content) {
    struct restored *t = restored_find(&r->all, content->target);
    if (!t || content->n % sizeof(struct commit_slot) != 0) {
        return false;
    }
    for (size_t at = 0; at < content->n; at += sizeof(struct commit_slot)) {
        struct commit_slot slot;
        memcpy(&slot, (const uint8_t *)content->bytes + at, sizeof slot);
        slot.last.has_free = restored_bool(&slot.last.has_free);
        slot.last.is_free_temporary = restored_bool(&slot.last.is_free_temporary);
        if (slot.slot >= SLOTS_MAX || slot.thread >= r->c->threads.n || slot.last.last_info > r->c->matchers.infos.n ||
            slot.last.free_block.info > r->c->matchers.infos.n) {
            return false;
        }
        r->c->threads.threads[slot.thread] = slot.last; /* of two slots of a thread the later word counts */
        uint32_t cap = t->cap_slots ? t->cap_slots : 64;
        while (cap <= slot.slot) {
            cap *= 2;
        }
        if (cap != t->cap_slots) {
            t->slots = memory_grow(t->slots, t->cap_slots * sizeof slot, cap * sizeof slot);
            t->cap_slots = cap;
        }
        t->slots[slot.slot] = slot;
    }
    return true;
}

/* The latest word on what is kept for fork children. */
static bool take_kept(struct restoring *r, const struct journal_content *content, size_t unit_bytes) {
    struct restored *t = restored_find(&r->all, content->target);
    if (!t || content->n % unit_bytes != 0) {
        return false;
    }
    struct byte_buf *to = content->type == COMMIT_FORKS ? &t->kept_forks : &t->window;
    t->window.n = 0; /* it comes behind its forks, or not at all */
    to->n = 0;
    byte_buf_append(to, content->bytes, content->n);
    return true;
}

static bool take_finished(struct restoring *r, const struct journal_content *content) {
    struct restored *t = restored_find(&r->all, content->target);
    if (t) {
        t->finished.n = 0;
        byte_buf_append(&t->finished, content->bytes, content->n);
    }
    return t && content->n % sizeof(uint32_t) == 0;
}

/* Those that are not on the list have been removed. */
static bool take_targets(struct restoring *r, const struct journal_content *content) {
    for (uint32_t i = 0; i < r->all.n; i++) {
        r->all.items[i].is_listed = false;
    }
    for (size_t at = 0; at + sizeof(uint32_t) <= content->n; at += sizeof(uint32_t)) {
        uint32_t id;
        memcpy(&id, (const uint8_t *)content->bytes + at, sizeof id);
        struct restored *t = restored_find(&r->all, id);
        if (!t) {
            return false;
        }
        t->is_listed = true;
    }
    for (uint32_t i = r->all.n; i-- > 0;) {
        if (!r->all.items[i].is_listed) {
            restored_remove(&r->all, i);
        }
    }
    r->all.at = UINT32_MAX;
    return true;
}

static bool take_state(struct restoring *r, const struct journal_content *content) {
    if (content->n != sizeof r->state || r->all.copy) {
        return false;
    }
    memcpy(&r->state, content->bytes, sizeof r->state);
    r->has_state = true;
    r->freed.n = r->state.n_freed != 0 ? r->freed.n : 0;
    r->move = (struct commit_move){0};
    r->c->records.ready.n = 0; /* those that were pending before have been written, or are told anew */
    return true;
}

static bool take_names(struct restoring *r, const struct journal_content *content) {
    const char *name = content->bytes, *end = name + content->n;
    while (name < end) {
        size_t n = strnlen(name, (size_t)(end - name));
        if (name + n == end) {
            return false;
        }
        source_names_add(&r->c->matchers.stacks.names, name, n);
        name += n + 1;
    }
    return true;
}

/* The latest word on what has been counted and not told. */
static bool take_freed(struct restoring *r, const struct journal_content *content) {
    r->freed.n = 0;
    byte_buf_append(&r->freed, content->bytes, content->n);
    return content->n % sizeof(struct freed_entry) == 0;
}

static bool add_freed(struct restoring *r) {
    for (size_t at = 0; at < r->freed.n; at += sizeof(struct freed_entry)) {
        struct freed_entry e;
        memcpy(&e, r->freed.bytes + at, sizeof e);
        if (e.info == 0 || e.info > r->state.n_infos || e.n == 0 || e.n > INT64_MAX / 2 || e.n < INT64_MIN / 2) {
            return false;
        }
        freed_at_add(&r->c->matchers.freed_at, e.info, e.place, e.n);
    }
    return r->freed.n / sizeof(struct freed_entry) == r->state.n_freed;
}

static bool take_move(struct restoring *r, const struct journal_content *content) {
    if (content->n != sizeof r->move) {
        return false;
    }
    memcpy(&r->move, content->bytes, sizeof r->move);
    return true;
}

static bool take_record(struct restoring *r, const struct journal_content *content, struct byte_buf *pending) {
    switch (content->type) {
    case COMMIT_NEWCOMER:
        return take_newcomer(r, content);
    case COMMIT_INFOS:
        return take_infos(r, content);
    case COMMIT_STACKS:
        return take_stacks(r, content);
    case COMMIT_THREADS:
        return take_threads(r, content);
    case COMMIT_OPS:
        return content->n % sizeof(uint64_t) == 0 && restored_apply(&r->all, content->bytes, content->n / sizeof(uint64_t));
    case COMMIT_TARGET:
        return take_target(r, content);
    case COMMIT_SLOTS:
        return take_slots(r, content);
    case COMMIT_FINISHED:
        return take_finished(r, content);
    case COMMIT_FORKS:
        return take_kept(r, content, sizeof(struct commit_fork));
    case COMMIT_WINDOW:
        return take_kept(r, content, sizeof(struct window_event));
    case COMMIT_TARGETS:
        pending->n = 0;
        return take_targets(r, content);
    case COMMIT_INDEX:
        byte_buf_append(&r->c->writer.index, content->bytes, content->n);
        return true;
    case COMMIT_RECORDS:
        byte_buf_append(pending, content->bytes, content->n);
        return true;
    case COMMIT_STATE:
        return take_state(r, content);
    case COMMIT_NAMES:
        return take_names(r, content);
    case COMMIT_FREED:
        return take_freed(r, content);
    case COMMIT_MOVE:
        return take_move(r, content);
    default:
        return false;
    }
}

/* ---- what all share ---- */

static bool is_clock_ok(const struct commit_state *s) {
    return s->is_clock_tsc <= 1 && isfinite(s->ns_per_tick) && s->ns_per_tick > 1.0 / RATE_SHARE &&
           s->ns_per_tick < RATE_SHARE && s->base_ns < INT64_MAX / 2;
}

static int take_shared(struct restoring *r) {
    struct collector *c = r->c;
    const struct commit_state *s = &r->state;
    struct stat st;
    if (fstat(r->given->trace_fd, &st) != 0) {
        snprintf(r->why, JOURNAL_WHY_BYTES, "%s", strerror(errno));
        return -1;
    }
    bool is_moved = r->move.inode != 0 && st.st_dev == r->move.device && st.st_ino == r->move.inode;
    if (!is_moved && (st.st_dev != s->trace_device || st.st_ino != s->trace_inode)) {
        snprintf(r->why, JOURNAL_WHY_BYTES, "it belongs to another file: the trace is a copy, or has been replaced");
        return -1;
    }
    uint64_t trace_bytes = s->trace_bytes + (is_moved ? r->move.moved_by : 0);
    if ((uint64_t)st.st_size < trace_bytes || trace_bytes < TRACE_HEADER_BYTES) {
        snprintf(r->why, JOURNAL_WHY_BYTES, "the trace has been cut since");
        return -1;
    }
    if (!is_clock_ok(s) || s->n_infos != c->matchers.infos.n || s->n_threads != c->threads.n ||
        s->n_announced > s->n_threads || s->n_renamed > s->n_announced || s->first_event > INT64_MAX ||
        s->n_checkpoints > c->writer.index.n || (is_moved && s->trace_bytes < r->move.boundary_off) ||
        s->clock_ms > INT64_MAX / 1000000 || s->n_names_announced > c->matchers.stacks.names.n ||
        s->n_marks > TRACE_MARKS_MAX || s->mark_first_info == 0 || s->mark_first_info > s->n_infos + 1 || !add_freed(r)) {
        return damaged(r);
    }
    c->clock = (struct clock_scale){.is_tsc = s->is_clock_tsc != 0,
                                    .start_stamp = s->start_stamp,
                                    .start_mono_ns = s->start_mono_ns,
                                    .base_stamp = s->base_stamp,
                                    .base_ns = s->base_ns,
                                    .ns_per_tick = s->ns_per_tick,
                                    .next_refine_ns = s->next_refine_ns};
    c->encoder.first_event = s->first_event;
    c->encoder.clock_ms = s->clock_ms;
    c->encoder.mark = s->n_marks;
    c->marks = (struct marks){.n = s->n_marks,
                              .first_info = s->mark_first_info,
                              .answered = s->mark_answered,
                              .answered_number = s->mark_answered_number,
                              .answered_ns = s->mark_answered_ns};
    c->encoder.first_info = c->encoder.next_new_info = s->n_infos + 1;
    c->encoder.first_stack = s->n_stacks + 1;
    c->matchers.stacks.n = s->n_stacks;
    c->matchers.stacks.names.n_announced = s->n_names_announced;
    c->threads.n_announced = s->n_announced;
    c->threads.n_renamed = s->n_renamed;
    c->n_processes = s->n_processes;
    c->counts = s->counts;
    c->n_unwritten = s->n_unwritten;
    c->unwritten_errno = (int)s->unwritten_errno;
    c->writer.n_checkpoints = s->n_checkpoints;
    c->writer.last_off = s->last_off;
    c->writer.last_ms = s->last_ms;
    c->writer.last_event = s->last_event;
    c->renewal.earlier_ns = s->processor_ns;
    c->left_mono_ns = s->mono_ns;
    c->left_limit_bytes = s->limit_bytes;
    c->must_checkpoint = true;
    c->writer.end_off = s->trace_bytes;
    if (is_moved) {
        trace_writer_move(&c->writer, r->given->trace_fd, trace_bytes, r->move.boundary_off);
        c->n_unwritten -= r->move.n_unwritten < c->n_unwritten ? r->move.n_unwritten : c->n_unwritten;
    }
    return 0;
}

/* ---- targets ---- */

static int take_one(struct restoring *r, struct restored *from, struct restored_ring *ring) {
    struct collector *c = r->c;
    char *path;
    if (asprintf(&path, "%s.ring-%s", r->given->ring_base, from->newcomer.ring) < 0) {
        memory_die();
    }
    c->n_adopted = from->id;
    struct target *t = newcomers_add(c, &ring->map, path, ring->is_there ? from->newcomer.pid : 0);
    ring->map = (struct ring_map){0};
    t->watch.start_stack = t->watch.is_known ? from->newcomer.start_stack : 0;
    if (!restored_fill(c, &r->state, t, from)) {
        return damaged(r);
    }
    t->is_dead = t->is_dead || !ring->is_alive || !target_is_alive(t, true);
    if (t->log.origin.kind == TRACE_ORIGIN_EXEC) {
        runs_add_comer(&c->comers, t->ring.pid, t->ring.start_mono_ns);
    }
    t->is_late_death = t->is_dead && !t->is_finished;
    return restored_give_back(t, from) ? 0 : damaged(r);
}

static bool take_tables(struct restoring *r) {
    struct collector *c = r->c;
    for (size_t i = c->marks.first_info - 1; i < r->infos.n / sizeof(struct info_added);
         i++) { /* a mark empties the tables */
        struct info_added info;
        memcpy(&info, r->infos.bytes + i * sizeof info, sizeof info);
        struct target *t = newcomers_find(c, info.owner);
        if (t) {
            info_table_restore(&t->matcher.infos, info.node, info.size_bytes, (uint32_t)i + 1);
        }
    }
    for (size_t i = 0; i < r->stacks.n / sizeof(struct stack_added); i++) {
        struct stack_added stack;
        memcpy(&stack, r->stacks.bytes + i * sizeof stack, sizeof stack);
        struct target *t = newcomers_find(c, stack.owner);
        if (t && (stack.node == 0 || stack.node >= t->ring.cap_nodes || stack.stack > r->state.n_stacks)) {
            return false;
        }
        if (t) {
            stack_table_restore(&t->matcher.stacks, stack.node, stack.stack, stack.ip);
        }
    }
    return true;
}

/* Fork children that have joined and wait for the mark in their parents' events. */
static void promise(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        const struct target *t = c->targets[i];
        struct target *parent = t->is_started || t->fork_serial == 0 ? NULL : newcomers_find(c, t->parent);
        if (parent) {
            forks_promise(&parent->matcher.forks, t->fork_serial, fork_cuts_latest(&t->ring));
        }
    }
}

static int take_all_targets(struct restoring *r, struct restored_ring *rings) {
    struct collector *c = r->c;
    int n_alive = 0;
    for (uint32_t i = 0; i < r->all.n; i++) {
        if (take_one(r, &r->all.items[i], &rings[i]) != 0) {
            return -1;
        }
        n_alive += !c->targets[i]->is_dead;
    }
    if (c->n_targets == 0 || !c->targets[0]->is_started || !take_tables(r)) {
        return damaged(r);
    }
    c->n_adopted = r->state.next_target > c->n_adopted ? r->state.next_target : c->n_adopted;
    promise(c);
    for (uint32_t i = 0; i < c->n_targets && n_alive == 0; i++) {
        joins_forget_claimed(&c->targets[i]->joins, &c->targets[i]->ring);
    }
    return n_alive;
}

/* Rings first: until they are all there, and are what they should be, nothing has been changed. */
static int take_targets_and_rings(struct restoring *r, uint64_t pid_namespace) {
    struct restored_ring *rings = calloc(r->all.n ? r->all.n : 1, sizeof *rings);
    if (!rings) {
        memory_die();
    }
    int result = restored_rings_open(rings, &r->all, r->given, r->state.is_clock_tsc != 0, pid_namespace, r->why);
    result = result == 0 ? take_all_targets(r, rings) : result;
    restored_rings_close(rings, r->all.n);
    free(rings);
    return result;
}

int restore(struct collector *c, const struct journal_read *journal, const struct restore_given *given,
            char why[JOURNAL_WHY_BYTES]) {
    struct restoring r = {.c = c, .given = given, .why = why, .all.at = UINT32_MAX};
    struct journal_content content;
    struct byte_buf pending = {0};
    size_t at = 0;
    bool is_ok = true;
    int result = -1;
    *c = (struct collector){.journal.fd = -1, .ring_base = given->ring_base};
    thread_table_init(&c->threads);
    encoder_init(&c->encoder);
    matcher_space_init(&c->matchers);
    trace_writer_begin(&c->writer, given->trace_fd);
    fold_init(&c->fold, &(struct fold_place){.dir_fd = -1}, &c->writer, &c->matchers, 0);
    marks_init(c);
    r.all.infos = &c->matchers.infos;
    while (is_ok && journal_read_next(journal, &at, &content)) {
        is_ok = take_record(&r, &content, &pending);
    }
    if (!is_ok || !r.has_state) {
        damaged(&r);
    } else if (take_shared(&r) == 0) {
        byte_buf_append(&c->records.ready, pending.bytes, pending.n);
        result = take_targets_and_rings(&r, journal->header.pid_namespace);
    }
    restored_free(&r.all);
    byte_buf_free(&r.infos);
    byte_buf_free(&r.freed);
    byte_buf_free(&r.stacks);
    byte_buf_free(&pending);
    return result;
}
