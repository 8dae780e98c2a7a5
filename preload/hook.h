/* hook.h - what every interposed function does around the real one: note what was given, note what is taken.
 *
 * interpose_*.c -> [hook] -> capture -> stack_intern -> event_buf
 *
 * Order rules, by which events of different threads can be told apart later: a free is recorded before the allocator sees it, an
 * allocation after the allocator has returned it. A realloc is a free of the old block before and an allocation after; if it fails, the free is
 * undone.
 *
 * Budget: the common path besides capture 1 TLS load, 2 branches, 3 stores for the phase; with everything 600 instructions for malloc and
 * free together at 20 frames (110 of them compare words), 60 where sampling passes a pair over. `make bench` counts them.
 */
#ifndef SEEP_HOOK_H
#define SEEP_HOOK_H

#include <stddef.h>

#include "capture.h"
#include "event_buf.h"
#include "thread_state.h"

/* The rare halves: a thread's first event, a hook inside a hook, an allocator function that calls another, a fork child. errno is kept.
 * sp: of the running hook; caller may be one further out (outer_call.h). */
void hook_alloc_slow(void *p, size_t size, struct arch_caller caller, uint64_t sp);
void hook_free_slow(void *p, uint64_t sp);

/* The same with a tag (trace_format.h), 0 = none. */
void hook_alloc_tagged_slow(void *p, size_t size, struct arch_caller caller, uint64_t sp, uint64_t tag);
void hook_free_tagged_slow(void *p, uint64_t sp, uint64_t tag);

/* The state to record with, READY or OUTER; NULL where the call is not to be recorded. sp: of the running hook. */
struct thread_state *hook_state_slow(uint64_t sp);

ALWAYS_INLINE bool hook_is_ready(const struct thread_state *t) {
    return t && atomic_load_explicit(&t->phase, memory_order_relaxed) == THREAD_READY;
}

/* From here on a signal handler's hooks see that this thread is recording. */
ALWAYS_INLINE void hook_enter(struct thread_state *t, uint64_t sp) {
    t->hook_sp = sp;
    atomic_store_explicit(&t->phase, THREAD_BUSY, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

ALWAYS_INLINE void hook_leave(struct thread_state *t, enum thread_phase phase) {
    atomic_signal_fence(memory_order_seq_cst);
    t->hook_sp = 0;
    uint32_t is_own = atomic_load_explicit(&t->is_own, memory_order_relaxed);
    atomic_store_explicit(&t->phase, is_own ? (uint32_t)phase : (uint32_t)THREAD_WIPED, memory_order_relaxed);
}

/* When sampling: whether this allocation is to be recorded. */
ALWAYS_INLINE bool hook_samples(struct thread_state *t, const void *p, size_t size) {
    if (LIKELY(!sample_is_hit(&t->sample, size))) {
        return false;
    }
    sample_take(&t->sample, (uint64_t)p);
    return true;
}

/* When sampling: hook_free of a block whose allocation has been recorded. tag: 0 = none. */
void hook_free_recorded(struct thread_state *t, const void *p, uint64_t sp, uint64_t tag);

/* When sampling: record the free of a block if its allocation has been. It may be undone afterwards. */
ALWAYS_INLINE void hook_free_if_recorded(struct thread_state *t, const void *p, uint64_t sp, uint64_t tag) {
    t->sample.last_freed = 0;
    if (sample_has_free((uint64_t)p)) {
        hook_free_recorded(t, p, sp, tag);
    }
}

/* Record that the allocator gave size bytes at p to caller.
 *
 * p           not NULL
 * is_sampled  sample_interval is not 0
 * Context     any thread, inside malloc, async-signal-safe */
ALWAYS_INLINE void hook_alloc_as(void *p, size_t size, struct arch_caller caller, bool is_sampled) {
    struct thread_state *t = thread_current;
    if (UNLIKELY(!hook_is_ready(t))) {
        hook_alloc_slow(p, size, caller, caller.sp);
        return;
    }
    if (UNLIKELY(is_sampled) && !hook_samples(t, p, size)) {
        return;
    }
    hook_enter(t, caller.sp);
    event_put_alloc(t, (uint64_t)p, size, capture_stack(t, caller));
    hook_leave(t, THREAD_READY);
}

ALWAYS_INLINE void hook_alloc(void *p, size_t size, struct arch_caller caller) {
    hook_alloc_as(p, size, caller, sample_interval != 0);
}

/* Record that p is about to be given back. Context: as hook_alloc. */
ALWAYS_INLINE void hook_free_as(void *p, bool is_sampled) {
    struct thread_state *t = thread_current;
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    if (UNLIKELY(!hook_is_ready(t))) {
        hook_free_slow(p, sp);
        return;
    }
    if (UNLIKELY(is_sampled)) {
        hook_free_if_recorded(t, p, sp, 0);
        return;
    }
    hook_enter(t, sp);
    event_put_free(t, (uint64_t)p);
    hook_leave(t, THREAD_READY);
}

ALWAYS_INLINE void hook_free(void *p) {
    hook_free_as(p, sample_interval != 0);
}

/* The stack of an allocation, and below it the tag, if there is one. */
ALWAYS_INLINE uint32_t hook_capture_tagged(struct thread_state *t, struct arch_caller caller, uint64_t tag) {
    uint32_t stack = capture_stack(t, caller);
    uint32_t tagged = tag ? stack_child_memo(&t->memo, stack, tag) : stack;
    if (UNLIKELY(!tagged && tag)) {
        ring_count_lost(RING_LOST_STACKS, 1);
        return stack;
    }
    return tagged;
}

/* hook_alloc and hook_free with a tag, not 0. */
ALWAYS_INLINE void hook_alloc_tagged(void *p, size_t size, struct arch_caller caller, uint64_t tag) {
    struct thread_state *t = thread_current;
    if (UNLIKELY(!hook_is_ready(t))) {
        hook_alloc_tagged_slow(p, size, caller, caller.sp, tag);
        return;
    }
    if (UNLIKELY(sample_interval) && !hook_samples(t, p, size)) {
        return;
    }
    hook_enter(t, caller.sp);
    event_put_alloc(t, (uint64_t)p, size, hook_capture_tagged(t, caller, tag));
    hook_leave(t, THREAD_READY);
}

ALWAYS_INLINE void hook_free_tagged(void *p, uint64_t tag) {
    struct thread_state *t = thread_current;
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    if (UNLIKELY(!hook_is_ready(t))) {
        hook_free_tagged_slow(p, sp, tag);
    } else if (UNLIKELY(sample_interval)) {
        hook_free_if_recorded(t, p, sp, tag);
    } else {
        hook_enter(t, sp);
        event_put_free_tagged(t, (uint64_t)p, tag);
        hook_leave(t, THREAD_READY);
    }
}

/* The two for malloc and free when sampling, where next to nothing is recorded and every instruction counts. frame: frame address of the
 * function that allocates. */
void hook_alloc_sampled_slow(void *p, size_t size, const uint64_t *frame);
void hook_free_sampled_slow(void *p);

ALWAYS_INLINE void hook_alloc_sampled(void *p, size_t size, const uint64_t *frame) {
    struct thread_state *t = thread_current;
    if (UNLIKELY(!hook_is_ready(t)) || sample_is_hit(&t->sample, size)) {
        hook_alloc_sampled_slow(p, size, frame);
    }
}

ALWAYS_INLINE void hook_free_sampled(void *p) {
    if (sample_may_have((uint64_t)p)) { /* else there is nothing to record, whatever the thread is doing */
        hook_free_sampled_slow(p);
    }
}

/* Record a mark. name: n bytes. Context: as hook_alloc; errno is kept */
void hook_mark(const char *name, uint32_t n, uint64_t sp);

/* Record that the free of p just recorded did not happen. Context: as hook_alloc. */
void hook_undo_free(void *p);

#endif
