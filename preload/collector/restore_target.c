/* restore_target.c - see restore_target.h. */
#include "restore_target.h"

#include <string.h>

#define KEPT_NS 10000000000ull /* collect.c drops copies for fork children after it */

static bool take_cursor(struct target *t, const struct commit_slot *s) {
    t->reader.cursors[s->slot] = (struct slot_cursor){.chunk = s->chunk,
                                                      .at = s->at,
                                                      .n_words = s->at,
                                                      .thread = s->thread,
                                                      .stamp = s->stamp,
                                                      .peek = RING_NEVER,
                                                      .is_broken = s->is_broken != 0};
    return s->chunk <= t->ring.cap_chunks && s->at <= RING_CHUNK_WORDS && s->stamp != RING_NEVER;
}

static bool take_cursors(struct target *t, const struct restored *from) {
    if (from->state.n_slots > t->ring.cap_slots) {
        return false;
    }
    t->reader.n_slots = from->state.n_slots;
    for (uint32_t i = 0; i < t->reader.n_slots; i++) {
        t->reader.cursors[i] = (struct slot_cursor){.peek = RING_NEVER, .safe = from->state.last_stamp};
        if (i < from->cap_slots && from->slots[i].chunk != 0 && !take_cursor(t, &from->slots[i])) {
            return false;
        }
    }
    return true;
}

static void take_threads_of(struct collector *c, struct target *t) {
    for (uint32_t i = 0; i < c->threads.n; i++) {
        if (c->threads.facts[i].process == t->index) {
            thread_table_restore_serial(&t->reader.serials, c->threads.facts[i].serial, i);
        }
    }
}

/* Copies for fork children, with the events since their forks. */
static bool take_forks(struct collector *c, struct target *t, struct restored *from) {
    struct forks *f = &t->matcher.forks;
    const struct window_event *events = (const struct window_event *)(const void *)from->window.bytes;
    uint32_t n_events = (uint32_t)(from->window.n / sizeof *events);
    *f = from->forks;
    from->forks = (struct forks){0};
    for (uint32_t i = 0; i < n_events && f->n != 0; i++) {
        if (events[i].block.info > c->matchers.infos.n) {
            return false;
        }
        fork_window_note(&f->window, events[i].stamp, events[i].thread, events[i].address,
                         restored_bool(&events[i].is_large) ? LIVE_LARGE_BYTES : 0, events[i].block);
    }
    memcpy(f->window.lacks, from->state.window_lacks, sizeof f->window.lacks);
    for (size_t at = 0; at < from->kept_forks.n; at += sizeof(struct commit_fork)) {
        struct commit_fork kept;
        memcpy(&kept, from->kept_forks.bytes + at, sizeof kept);
        struct fork_copy *copy = forks_find(f, kept.serial);
        if (copy) {
            copy->window_from = kept.window_from < f->window.n ? kept.window_from : f->window.n;
            copy->mark = kept.mark;
            copy->until = kept.until;
            f->window.until = kept.until > f->window.until ? kept.until : f->window.until;
        }
    }
    forks_expire(f, KEPT_NS);
    return true;
}

bool restored_fill(struct collector *c, const struct commit_state *all, struct target *t, struct restored *from) {
    const struct commit_target *s = &from->state;
    if (s->first_root > all->n_stacks || s->log_at > t->ring.cap_log || s->first_info > all->n_infos + 1 ||
        (s->flags & COMMIT_STARTED ? s->index >= all->n_processes : 0) || s->merged_stamp == RING_NEVER) {
        return false;
    }
    t->parent = s->parent;
    t->fork_serial = s->fork_serial;
    t->first_info = s->first_info;
    t->has_execed = s->flags & COMMIT_EXECED;
    t->end_mono_ns = s->end_mono_ns;
    t->execed_ns = t->has_execed && t->end_mono_ns == 0 ? clock_mono_ns() : 0;
    t->resident_bytes = s->resident_bytes;
    t->peak_bytes = s->peak_bytes;
    memcpy(t->memory_written, s->memory_written, sizeof t->memory_written);
    memcpy(t->lost_written, s->lost_written, sizeof t->lost_written);
    t->waits_since_ns = clock_mono_ns();
    t->merge.merged_stamp = s->merged_stamp;
    t->merge.n_late = s->n_late;
    t->reader.last_stamp = s->last_stamp;
    t->reader.n_damaged = s->n_damaged;
    t->matcher.now_ms = s->now_ms;
    t->matcher.counts = s->counts;
    t->matcher.stacks.first_root = s->first_root;
    live_map_free(&t->matcher.live);
    t->matcher.live = from->live;
    t->matcher.live.ops = &c->matchers.ops;
    t->inherited_memory_bytes = from->inherited_memory_bytes;
    from->live = (struct live_map){0};
    from->inherited_memory_bytes = 0;
    t->matcher.covered = (struct coverage_sum){.is_known = s->is_covered != 0,
                                               .blocks = s->covered_blocks,
                                               .bytes = s->covered_bytes,
                                               .held_bytes = s->covered_held_bytes};
    t->log.at = s->log_at;
    t->log.origin = (struct log_origin){.kind = s->origin_kind,
                                        .process = s->origin_process,
                                        .inherited_blocks = s->inherited_blocks,
                                        .inherited_bytes = s->inherited_bytes};
    if (s->flags & COMMIT_STARTED) {
        target_start(t, s->index);
        take_threads_of(c, t);
    }
    if (s->flags & COMMIT_TARGET_FINISHED) {
        t->is_finished = t->is_dead = true;
        target_forget_blocks(t);
    }
    joins_find(&t->joins, &t->ring);
    matcher_clock_changed(&t->matcher);
    return take_forks(c, t, from) && take_cursors(t, from);
}
