/* outer_call.c - see outer_call.h. */
#include "outer_call.h"

#include <errno.h>

#include "hook.h"
#include "sys.h"

void outer_drop_left(struct thread_state *t, uint64_t sp) {
    while (t->outer && (uint64_t)t->outer < sp && !sys_on_alternate_stack()) {
        t->outer = t->outer->previous;
    }
}

bool outer_has_freed(const struct thread_state *t, const void *p) {
    for (const struct outer_call *call = t->outer; call; call = call->previous) {
        if (call->freed == p) {
            return true;
        }
    }
    return false;
}

void outer_claim(struct thread_state *t, void *p, size_t *size, struct arch_caller *caller) {
    struct outer_call *outermost = NULL;
    for (struct outer_call *call = t->outer; call; call = call->previous) {
        if (call->is_alloc) {
            outermost = call;
        }
    }
    if (!outermost || outermost->recorded || *size < outermost->size) {
        return;
    }
    *size = outermost->size;
    *caller = outermost->caller;
    for (struct outer_call *call = t->outer; call; call = call->previous) {
        call->recorded = p;
    }
}

void outer_begin(struct outer_call *call, size_t size, struct arch_caller caller, void *freed, bool is_alloc) {
    int saved = errno;
    struct thread_state *t = thread_current;
    if (UNLIKELY(!hook_is_ready(t))) {
        t = hook_state_slow((uint64_t)(call + 1)); /* drops whatever was left at this very place of the stack */
    }
    *call = (struct outer_call){.caller = caller, .size = size, .is_alloc = is_alloc};
    if (freed) {
        hook_free(freed); /* on record before the enclosing call is this one */
    }
    if (t) {
        call->t = t;
        call->freed = freed;
        call->previous = t->outer;
        t->outer = call;
        atomic_store_explicit(&t->phase, THREAD_OUTER, memory_order_relaxed);
    }
    errno = saved;
}

static void leave(struct outer_call *call) {
    struct thread_state *t = call->t;
    if (!t) {
        return;
    }
    if (t->outer == call) {
        t->outer = call->previous;
    }
    atomic_store_explicit(&t->phase, t->outer ? THREAD_OUTER : THREAD_READY, memory_order_relaxed);
}

void *outer_end_alloc(struct outer_call *call, void *p) {
    leave(call);
    if (p && call->recorded != p) {
        hook_alloc(p, call->size, call->caller);
    }
    return p;
}

void *outer_end_realloc(struct outer_call *call, void *p, bool keeps) {
    void *freed = call->freed;
    if (!p && freed && keeps) {
        leave(call);
        hook_undo_free(freed);
        return NULL;
    }
    return outer_end_alloc(call, p);
}

void outer_end_free(struct outer_call *call) {
    leave(call);
}
