/* hook.c - the rare halves of recording; see hook.h. */
#include "hook.h"

#include <errno.h>

#include "lifecycle.h"
#include "mark_name.h"
#include "outer_call.h"
#include "real.h"

struct thread_state *hook_state_slow(uint64_t sp) {
    struct thread_state *t = thread_current;
    if (UNLIKELY(real_is_probing)) {
        real_was_entered = true;
        return NULL;
    }
    if (!t) {
        return thread_attach();
    }
    uint32_t phase = atomic_load_explicit(&t->phase, memory_order_relaxed);
    if (phase == THREAD_BUSY) {
        t = thread_nested(t, sp);
        phase = t ? atomic_load_explicit(&t->phase, memory_order_relaxed) : (uint32_t)THREAD_IGNORE;
    }
    if (phase == THREAD_WIPED) {
        lifecycle_meet_child();
        return thread_current ? NULL : thread_attach();
    }
    if (phase == THREAD_OUTER) {
        outer_drop_left(t, sp);
    }
    if (phase == THREAD_IGNORE && t && t->is_libunwind_ready) {
        ring_count_lost(RING_LOST_NESTED, 1); /* a handler that interrupted libunwind */
    }
    return phase == THREAD_IGNORE ? NULL : t;
}

static enum thread_phase phase_after(const struct thread_state *t) {
    return t->n_outer ? THREAD_OUTER : THREAD_READY;
}

static void put_free(struct thread_state *t, const void *p, uint64_t tag) {
    if (tag) {
        event_put_free_tagged(t, (uint64_t)p, tag);
    } else {
        event_put_free(t, (uint64_t)p);
    }
}

COLD void hook_alloc_tagged_slow(void *p, size_t size, struct arch_caller caller, uint64_t sp, uint64_t tag) {
    int saved = errno;
    struct thread_state *t = hook_state_slow(sp);
    if (t) {
        if (t->n_outer) {
            uint64_t waiting = outer_take_alloc_tag(t);
            tag = tag ? tag : waiting;
            outer_claim(t, p, &size, &caller);
        }
        if (!sample_interval || hook_samples(t, p, size)) {
            hook_enter(t, sp);
            event_put_alloc(t, (uint64_t)p, size, hook_capture_tagged(t, caller, tag));
            hook_leave(t, phase_after(t));
        }
    }
    errno = saved;
}

COLD void hook_alloc_slow(void *p, size_t size, struct arch_caller caller, uint64_t sp) {
    hook_alloc_tagged_slow(p, size, caller, sp, 0);
}

COLD void hook_free_tagged_slow(void *p, uint64_t sp, uint64_t tag) {
    int saved = errno;
    struct thread_state *t = hook_state_slow(sp);
    bool is_on_record = !t || outer_has_freed(t, p);
    if (!is_on_record && t->n_outer) {
        uint64_t waiting = outer_take_free_tag(t);
        tag = tag ? tag : waiting;
    }
    if (!is_on_record && sample_interval) {
        hook_free_if_recorded(t, p, sp, tag);
    } else if (!is_on_record) {
        hook_enter(t, sp);
        put_free(t, p, tag);
        hook_leave(t, phase_after(t));
    }
    errno = saved;
}

COLD void hook_free_slow(void *p, uint64_t sp) {
    hook_free_tagged_slow(p, sp, 0);
}

COLD void hook_alloc_sampled_slow(void *p, size_t size, const uint64_t *frame) {
    struct arch_caller caller = arch_caller_of(frame);
    struct thread_state *t = thread_current;
    if (!hook_is_ready(t)) {
        hook_alloc_slow(p, size, caller, caller.sp);
        return;
    }
    int saved = errno;
    sample_take(&t->sample, (uint64_t)p);
    hook_enter(t, caller.sp);
    event_put_alloc(t, (uint64_t)p, size, capture_stack(t, caller));
    hook_leave(t, THREAD_READY);
    errno = saved;
}

COLD void hook_free_sampled_slow(void *p) {
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    struct thread_state *t = thread_current;
    if (!hook_is_ready(t)) {
        hook_free_slow(p, sp);
    } else if (sample_has_free_slow((uint64_t)p)) {
        hook_free_recorded(t, p, sp, 0);
    }
}

COLD void hook_free_recorded(struct thread_state *t, const void *p, uint64_t sp, uint64_t tag) {
    int saved = errno;
    bool is_last = sample_is_last(&t->sample, (uint64_t)p);
    hook_enter(t, sp);
    t->sample.last_freed = (uint64_t)p;
    if (is_last) {
        put_free(t, p, tag);
    } else {
        event_put_free_later(t, (uint64_t)p, tag);
    }
    hook_leave(t, phase_after(t));
    errno = saved;
}

COLD void hook_mark(const char *name, uint32_t n, uint64_t sp) {
    int saved = errno;
    struct thread_state *t = hook_state_slow(sp);
    if (t) {
        hook_enter(t, sp);
        event_put_mark(t, mark_name_place(name, n));
        hook_leave(t, phase_after(t));
    }
    errno = saved;
}

COLD void hook_undo_free(void *p) {
    int saved = errno;
    uint64_t sp = (uint64_t)__builtin_frame_address(0);
    struct thread_state *t = thread_current;
    if (!hook_is_ready(t)) {
        t = hook_state_slow(sp);
    }
    if (t && sample_interval && t->sample.last_freed != (uint64_t)p) {
        t = NULL; /* that free was not recorded either */
    }
    if (t) {
        if (sample_interval) {
            t->sample.last_freed = 0;
            sample_put_back((uint64_t)p);
        }
        hook_enter(t, sp);
        event_put_undo(t, (uint64_t)p);
        hook_leave(t, phase_after(t));
    }
    errno = saved;
}
