/* matcher.c - see matcher.h. */
#include "matcher.h"

#include "coverage.h"
#include "memory.h"

enum {
    NS_PER_MS = 1000000,
    PREFETCH_EVENTS = 20, /* how far ahead cache lines are asked for: without it, half of the time goes into waiting */
};

void matcher_space_init(struct matcher_space *space) {
    *space = (struct matcher_space){.tokens = memory_map(MATCHER_TOKENS * sizeof *space->tokens),
                                    .token_threads = memory_map(MATCHER_TOKENS * sizeof *space->token_threads)};
    merge_space_init(&space->window);
}

void matcher_space_free(struct matcher_space *space) {
    merge_space_free(&space->window);
    info_ids_free(&space->infos);
    stack_ids_free(&space->stacks);
    freed_at_free(&space->freed_at);
    journal_ops_free(&space->ops);
    memory_unmap(space->tokens, MATCHER_TOKENS * sizeof *space->tokens);
    memory_unmap(space->token_threads, MATCHER_TOKENS * sizeof *space->token_threads);
    *space = (struct matcher_space){0};
}

void matcher_init(struct matcher *m, const struct ring_map *ring, struct merge *merge, struct thread_table *threads,
                  struct clock_scale *clock, struct encoder *encoder, struct matcher_space *space) {
    *m = (struct matcher){
        .ring = ring, .merge = merge, .threads = threads, .clock = clock, .encoder = encoder, .space = space};
    live_map_init(&m->live, true);
    m->live.ops = &space->ops;
    info_table_init(&m->infos, &space->infos);
    stack_table_init(&m->stacks, ring, &space->stacks);
    m->is_sampled = ring->header->sample_bytes != 0;
}

void matcher_free(struct matcher *m) {
    live_map_free(&m->live);
    info_table_free(&m->infos);
    stack_table_free(&m->stacks);
    forks_free(&m->forks);
    *m = (struct matcher){0};
}

ALWAYS_INLINE void push(struct matcher *m, uint32_t thread, uint32_t token) {
    m->space->tokens[m->n_tokens] = token;
    m->space->token_threads[m->n_tokens++] = thread;
}

static COLD void clock_tick(struct matcher *m, uint64_t stamp) {
    uint64_t ms = clock_scale_ns(m->clock, stamp) / NS_PER_MS;
    if (ms > m->now_ms) {
        m->now_ms = ms;
        encoder_set_clock(m->encoder, m->encoder->n_events + m->n_tokens, ms);
    }
    m->next_ms_stamp = clock_scale_stamp(m->clock, (m->now_ms + 1) * NS_PER_MS);
}

void matcher_clock_changed(struct matcher *m) {
    m->next_ms_stamp = clock_scale_stamp(m->clock, (m->now_ms + 1) * NS_PER_MS);
}

static COLD uint32_t info_new(struct matcher *m, struct info_entry *at, const struct ring_event *e) {
    uint32_t stack = stack_table_define(&m->stacks, m->encoder, e->node);
    uint32_t id = info_table_add(&m->infos, at, e->node, e->size_bytes);
    encoder_define_info(m->encoder, id, e->size_bytes, stack);
    if (m->space->totals) {
        totals_define_info(m->space->totals, id, e->size_bytes, stack, m->stacks.process);
    }
    return id;
}

ALWAYS_INLINE bool is_inherited(struct live_block block) {
    return block.birth_ms == FORKS_BIRTH_INHERITED;
}

ALWAYS_INLINE uint64_t *count_of_frees(struct matcher *m, struct live_block block) {
    return UNLIKELY(is_inherited(block)) ? &m->counts.inherited_frees : &m->counts.frees;
}

/* While a child is waited for, what changes behind the mark of its fork may be among what it has. */
ALWAYS_INLINE void note_for_forks(struct matcher *m, const struct ring_event *e, uint64_t size_bytes,
                                  struct live_block block) {
    if (UNLIKELY(e->stamp <= m->forks.window.until)) {
        fork_window_note(&m->forks.window, e->stamp, e->thread, e->address, size_bytes, block);
    }
}

/* What was alive at the address of a new allocation: perhaps an event with the same stamp frees it, otherwise nobody told
 * us. Returns whether the allocation has to wait for that event (and nothing has changed). */
static COLD bool end_unseen(struct matcher *m, uint32_t i, const struct ring_event *e, struct live_block before,
                            bool may_wait) {
    if (may_wait && merge_prefer(m->merge, i)) {
        live_map_put(&m->live, e->address, LIVE_LARGE_BYTES, before);
        return true;
    }
    push(m, e->thread, token_free(before.info));
    *count_of_frees(m, before) += 1;
    m->counts.implicit_frees++;
    return false;
}

/* Must the allocation wait although its info is new? Asked before the info is defined: infos are to be named in the order
 * of their ids. */
static COLD bool must_wait(struct matcher *m, uint32_t i, const struct ring_event *e) {
    return live_map_find(&m->live, e->address).info != 0 && merge_prefer(m->merge, i);
}

/* Returns false if another event has to go first: it stands at i now. Only where it may wait: once for each place in the
 * order, because crosswise claims of two threads would never end. */
ALWAYS_INLINE bool apply_alloc(struct matcher *m, uint32_t i, const struct ring_event *e, bool may_wait) {
    struct info_entry *entry = info_table_find(&m->infos, e->node, e->size_bytes);
    if (UNLIKELY(entry->id == 0) && may_wait && must_wait(m, i, e)) {
        return false;
    }
    uint32_t info = LIKELY(entry->id != 0) ? entry->id : info_new(m, entry, e);
    struct live_block block = {
        .info = info, .birth_ms = m->now_ms < FORKS_BIRTH_INHERITED ? (uint32_t)m->now_ms : FORKS_BIRTH_INHERITED - 1};
    struct live_block before = live_map_put(&m->live, e->address, e->size_bytes, block);
    if (UNLIKELY(before.info != 0) && end_unseen(m, i, e, before, may_wait)) {
        return false;
    }
    push(m, e->thread, token_alloc(info));
    m->counts.allocations++;
    note_for_forks(m, e, e->size_bytes, block);
    struct thread *t = &m->threads->threads[e->thread];
    t->last_address = e->address;
    t->last_info = info;
    t->has_free = false;
    return true;
}

/* n: 1, or -1 where the free has been undone. Inherited blocks are of the parent's infos, and it has not freed them. */
static void count_tag(struct matcher *m, struct live_block block, uint64_t tag, int n) {
    if (block.info != 0 && !is_inherited(block)) {
        freed_at_add(&m->space->freed_at, block.info, trace_tag_place(source_files_translate(&m->stacks.files, tag)), n);
    }
}

ALWAYS_INLINE bool apply_free(struct matcher *m, uint32_t i, const struct ring_event *e, bool may_wait) {
    struct live_block block = live_map_take(&m->live, e->address);
    struct thread *t = &m->threads->threads[e->thread];
    if (UNLIKELY(block.info == 0)) {
        if (may_wait && merge_prefer(m->merge, i)) {
            return false;
        }
        m->counts.unknown_frees += !m->is_sampled; /* of a block that was not recorded */
    } else {
        bool is_temporary = e->kind == RING_FREE && t->last_address == e->address && t->last_info == block.info;
        push(m, e->thread, is_temporary ? TOKEN_FREE_LAST : token_free(block.info));
        *count_of_frees(m, block) += 1;
        note_for_forks(m, e, 0, (struct live_block){0});
        t->is_free_temporary = is_temporary;
        t->last_info = is_temporary ? 0 : t->last_info;
    }
    t->has_free = true;
    t->free_address = e->address;
    t->free_block = block;
    t->free_tag = e->size_bytes;
    if (e->size_bytes != 0) {
        count_tag(m, block, e->size_bytes, 1);
    }
    return true;
}

static COLD void apply_undo(struct matcher *m, const struct ring_event *e) {
    struct thread *t = &m->threads->threads[e->thread];
    if (!t->has_free || t->free_address != e->address) {
        m->counts.dropped_undos++;
        return;
    }
    t->has_free = false;
    if (t->free_block.info == 0) {
        m->counts.unknown_frees -= !m->is_sampled; /* nothing was freed after all */
        return;
    }
    /* A block that failed to move is still there, so nothing else can be; kept as large, it needs no leaf. */
    struct live_block before = live_map_put(&m->live, e->address, LIVE_LARGE_BYTES, t->free_block);
    if (before.info != 0) {
        live_map_put(&m->live, e->address, LIVE_LARGE_BYTES, before);
        m->counts.dropped_undos++;
        return;
    }
    t->last_info = t->is_free_temporary ? t->free_block.info : t->last_info;
    note_for_forks(m, e, LIVE_LARGE_BYTES, t->free_block);
    if (t->free_tag != 0) {
        count_tag(m, t->free_block, t->free_tag, -1);
    }
    push(m, e->thread, TOKEN_UNDO);
    if (is_inherited(t->free_block)) {
        m->counts.inherited_frees--;
    } else {
        m->counts.undos++;
    }
}

static void add_covered(void *context, struct live_block block) {
    struct matcher *m = context;
    uint64_t size_bytes = m->space->infos.sizes[block.info];
    m->covered.blocks++;
    m->covered.bytes += size_bytes;
    m->covered.held_bytes += coverage_held((enum coverage_allocator)m->ring->header->coverage.allocator, size_bytes);
}

/* Once: a second mark is damage, and each costs a walk over all blocks. */
static void sum_covered(struct matcher *m) {
    if (!m->covered.is_known) {
        m->covered.is_known = true;
        live_map_each(&m->live, add_covered, m);
    }
}

/* Before the first event of a block. */
static void begin_block(struct matcher *m, uint64_t stamp) {
    if (m->encoder->n_events == 0) {
        uint64_t ns = clock_scale_ns(m->clock, stamp);
        uint64_t floor_ns = m->encoder->clock_ms * NS_PER_MS; /* of what came before, from whichever process */
        encoder_set_start(m->encoder, ns > floor_ns ? ns : floor_ns);
    }
}

static void pass_tokens(struct matcher *m) {
    encoder_add(m->encoder, m->space->tokens, m->space->token_threads, m->n_tokens);
    if (m->space->totals) {
        totals_add(m->space->totals, m->stacks.process, m->space->tokens, m->space->token_threads, m->n_tokens);
    }
    m->n_tokens = 0;
}

static void apply_mark(struct matcher *m, const struct ring_event *e) {
    pass_tokens(m);
    if (m->space->on_mark) {
        m->space->on_mark(m->space->mark_context, m, (uint32_t)e->address, e->stamp);
    }
    begin_block(m, e->stamp);
}

static COLD void apply_rare(struct matcher *m, const struct ring_event *e) {
    if (e->kind == RING_UNDO) {
        apply_undo(m, e);
        return;
    }
    if (e->address & RING_EVENT_MARK) {
        apply_mark(m, e);
        return;
    }
    uint32_t serial = (uint32_t)e->address;
    if (serial == RING_COVERAGE_SERIAL) {
        sum_covered(m);
        return;
    }
    if (forks_are_promised(&m->forks, serial) || (m->joins && joins_are_claimed(m->joins, m->ring, serial))) {
        live_map_tell_changes(&m->live);
        if (forks_add(&m->forks, serial, e->stamp, &m->live, m->space->infos.sizes)) {
            journal_op(&m->space->ops, JOURNAL_OP_FORK, serial);
            m->space->ops.copied_bytes += live_map_memory(&m->live);
        }
    }
}

ALWAYS_INLINE void apply_at(struct matcher *m, uint32_t i) {
    for (bool may_wait = true;; may_wait = false) {
        const struct ring_event *e = merge_at(m->merge, i);
        if (UNLIKELY(e->stamp >= m->next_ms_stamp)) {
            clock_tick(m, e->stamp);
        }
        if (LIKELY(e->kind == RING_FREE || e->kind == RING_FREE_LATER)) {
            if (LIKELY(apply_free(m, i, e, may_wait))) {
                return;
            }
        } else if (LIKELY(e->kind == RING_ALLOC)) {
            if (LIKELY(apply_alloc(m, i, e, may_wait))) {
                return;
            }
        } else {
            apply_rare(m, e);
            return;
        }
    }
}

ALWAYS_INLINE void prefetch(const struct matcher *m, const struct ring_event *e) {
    live_map_prefetch(&m->live, e->address);
    if (e->kind == RING_ALLOC) {
        info_table_prefetch(&m->infos, e->node, e->size_bytes);
    }
}

void matcher_apply(struct matcher *m) {
    uint32_t n = m->merge->n;
    if (n == 0) {
        return;
    }
    begin_block(m, merge_at(m->merge, 0)->stamp);
    m->n_tokens = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (LIKELY(i + PREFETCH_EVENTS < n)) {
            prefetch(m, merge_at(m->merge, i + PREFETCH_EVENTS));
        }
        apply_at(m, i);
    }
    pass_tokens(m);
}
