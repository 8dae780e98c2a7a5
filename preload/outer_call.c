/* outer_call.c - see outer_call.h. */
#include "outer_call.h"

#include <errno.h>
#include <string.h>
#include <unwind.h>

#include "heap_ask.h"
#include "hook.h"
#include "real.h"

enum { WIDE_ALIGNMENT = 128 }; /* below it size classes are as good as aligned */

void outer_drop_left(struct thread_state *t, uint64_t sp) {
    while (t->n_outer && t->outer[t->n_outer - 1].caller.sp <= sp && !thread_may_be_on_alternate_stack(t, sp)) {
        t->n_outer--;
    }
}

/* Where p stands among the blocks given out inside a call; OUTER_RECORDED = nowhere. */
static uint32_t place_of(const struct outer_call *call, const void *p) {
    uint32_t i = 0;
    while (i < OUTER_RECORDED && call->recorded[i] != p) {
        i++;
    }
    return i;
}

static void note_recorded(struct outer_call *call, void *p) {
    memmove(call->recorded + 1, call->recorded, sizeof call->recorded - sizeof call->recorded[0]);
    call->recorded[0] = p;
}

bool outer_has_freed(struct thread_state *t, const void *p) {
    for (uint32_t i = 0; i < t->n_outer; i++) {
        struct outer_call *call = &t->outer[i];
        if (call->freed == p) {
            return true;
        }
        call->claimed = call->claimed == p ? NULL : call->claimed;
        uint32_t at = place_of(call, p);
        if (at < OUTER_RECORDED) {
            call->recorded[at] = NULL;
        }
    }
    return false;
}

void outer_claim(struct thread_state *t, void *p, size_t *size, struct arch_caller *caller) {
    for (uint32_t i = 0; i < t->n_outer; i++) {
        struct outer_call *call = &t->outer[i];
        call->freed = call->freed == p ? NULL : call->freed; /* the allocator has had it back */
    }
    struct outer_call *call = &t->outer[t->n_outer - 1];
    if (!call->is_alloc) {
        return;
    }
    if (!call->is_claimed && *size >= call->size && *size - call->size <= call->slack) {
        *size = call->size;
        *caller = call->site;
        call->is_claimed = true;
        call->claimed = p;
    }
    note_recorded(call, p);
}

/* A signal handler may push and pop calls of its own in the middle of this, and overwrite what stands there before the list is longer. */
static void push(struct thread_state *t, const struct outer_call *call) {
    uint32_t n = t->n_outer;
    t->outer[n] = *call;
    atomic_signal_fence(memory_order_seq_cst);
    t->n_outer = n + 1;
    atomic_signal_fence(memory_order_seq_cst);
    t->outer[n] = *call; /* all of it: a part of the first copy may have been overwritten */
}

/* And in the middle of this: it finds the place taken until it has been copied. */
static struct outer_call pop(struct thread_state *t) {
    struct outer_call call = t->outer[t->n_outer - 1];
    atomic_signal_fence(memory_order_seq_cst);
    t->n_outer--;
    return call;
}

/* Put a call on the thread's list. */
static void begin(struct outer_call call) {
    int saved = errno;
    if (call.freed) {
        hook_free(call.freed); /* on record before the enclosing call is this one */
    }
    struct thread_state *t = thread_current;
    if (!hook_is_ready(t)) {
        t = hook_state_slow(call.caller.sp); /* drops whatever was left at this very place of the stack */
    }
    if (t) {
        if (t->n_outer == OUTER_CALLS_MAX) {
            t->n_outer = 0; /* nothing nests as deep: they were left, on stacks that cannot be compared */
        }
        const struct outer_call *around = t->n_outer ? &t->outer[t->n_outer - 1] : NULL;
        if (around && around->is_alloc && call.is_alloc && !around->is_claimed && around->size == call.size) {
            call.site = around->site; /* one allocator function built from another */
        }
        push(t, &call);
        atomic_store_explicit(&t->phase, THREAD_OUTER, memory_order_relaxed);
    }
    errno = saved;
}

void outer_begin_alloc(size_t size, size_t alignment, struct arch_caller caller, void *freed) {
    if (UNLIKELY(alignment >= WIDE_ALIGNMENT) && !real_is_libc) {
        heap_ask_note_rounding(size, alignment);
    }
    begin((struct outer_call){.caller = caller,
                              .site = caller,
                              .size = size,
                              .slack = alignment ? alignment : size == 0, /* operator new(0) asks for a byte */
                              .freed = freed,
                              .is_alloc = true});
}

void outer_begin_free(struct arch_caller caller, void *freed) {
    begin((struct outer_call){.caller = caller, .site = caller, .freed = freed});
}

void outer_begin_tagged(struct arch_caller caller, uint64_t alloc_tag, uint64_t free_tag) {
    begin((struct outer_call){.caller = caller, .site = caller, .alloc_tag = alloc_tag, .free_tag = free_tag});
}

/* The innermost call that has one of the two. */
static uint64_t take_tag(struct thread_state *t, bool is_alloc) {
    for (uint32_t i = t->n_outer; i-- > 0;) {
        uint64_t *place = is_alloc ? &t->outer[i].alloc_tag : &t->outer[i].free_tag;
        if (*place) {
            uint64_t tag = *place;
            *place = 0;
            return tag;
        }
    }
    return 0;
}

uint64_t outer_take_alloc_tag(struct thread_state *t) {
    return take_tag(t, true);
}

uint64_t outer_take_free_tag(struct thread_state *t) {
    return take_tag(t, false);
}

/* The state that the innermost call is on: that of the innermost hook under way. */
static struct thread_state *state_of_calls(void) {
    struct thread_state *t = thread_current;
    while (t && t->nested && atomic_load_explicit(&t->phase, memory_order_relaxed) == THREAD_BUSY) {
        t = t->nested;
    }
    return t;
}

static void set_phase_after(struct thread_state *t) {
    if (atomic_load_explicit(&t->phase, memory_order_relaxed) == THREAD_OUTER) {
        atomic_store_explicit(&t->phase, t->n_outer ? THREAD_OUTER : THREAD_READY, memory_order_relaxed);
    }
}

/* What was given out inside a call was so inside the one around it. */
static void pass_on(struct outer_call *around, const struct outer_call *inner) {
    for (uint32_t i = 0; i < OUTER_RECORDED; i++) {
        void *p = inner->recorded[OUTER_RECORDED - 1 - i];
        if (p) {
            note_recorded(around, p);
        }
    }
    /* Not those of a signal handler in between. */
    if (inner->is_claimed && inner->site.ip == around->site.ip && inner->site.sp == around->site.sp) {
        around->is_claimed = true;
        around->claimed = inner->claimed;
    }
}

/* Take the call of that caller off the thread's list, as it was; one of that caller with nothing on record if it is not there. */
static struct outer_call leave(struct arch_caller caller) {
    struct outer_call left = {.caller = caller, .site = caller};
    struct thread_state *t = state_of_calls();
    if (t && t->n_outer && t->outer[t->n_outer - 1].caller.sp == caller.sp) {
        left = pop(t);
        if (t->n_outer) {
            pass_on(&t->outer[t->n_outer - 1], &left);
        }
        set_phase_after(t);
    }
    return left;
}

void *outer_end_alloc(size_t size, struct arch_caller caller, void *p) {
    struct outer_call left = leave(caller);
    if (p && left.claimed != p && place_of(&left, p) == OUTER_RECORDED) {
        if (LIKELY(hook_is_ready(thread_current))) {
            hook_alloc(p, size, left.site);
        } else {
            hook_alloc_slow(p, size, left.site, caller.sp);
        }
    }
    return p;
}

void *outer_end_realloc(size_t size, struct arch_caller caller, void *old, void *p, bool keeps) {
    if (!p && old && keeps) {
        leave(caller);
        hook_undo_free(old);
        return NULL;
    }
    return outer_end_alloc(size, caller, p);
}

void outer_end_free(struct arch_caller caller) {
    leave(caller);
}

/* The personality routine of functions with an outer call (Itanium C++ ABI, exception handling, 1.6.3): nothing is caught here, and the only
 * thing to clean up is the innermost record. */
_Unwind_Reason_Code outer_unwound(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                  struct _Unwind_Exception *exception, struct _Unwind_Context *context);

__attribute__((used)) _Unwind_Reason_Code outer_unwound(int version, _Unwind_Action actions, _Unwind_Exception_Class class,
                                                        struct _Unwind_Exception *exception,
                                                        struct _Unwind_Context *context) {
    (void)version;
    (void)class;
    (void)exception;
    (void)context;
    struct thread_state *t = state_of_calls();
    if ((actions & _UA_CLEANUP_PHASE) && t && t->n_outer) {
        t->n_outer--;
        set_phase_after(t);
    }
    return _URC_CONTINUE_UNWIND;
}
