/* outer_call.c - see outer_call.h. */
#include "outer_call.h"

#include <errno.h>
#include <unwind.h>

#include "hook.h"
#include "sys.h"

void outer_drop_left(struct thread_state *t, uint64_t sp) {
    while (t->n_outer && t->outer[t->n_outer - 1].caller.sp <= sp && !sys_on_alternate_stack()) {
        t->n_outer--;
    }
}

bool outer_has_freed(const struct thread_state *t, const void *p) {
    for (uint32_t i = 0; i < t->n_outer; i++) {
        if (t->outer[i].freed == p) {
            return true;
        }
    }
    return false;
}

void outer_claim(struct thread_state *t, void *p, size_t *size, struct arch_caller *caller) {
    uint32_t outermost = 0;
    while (outermost < t->n_outer && !t->outer[outermost].is_alloc) {
        outermost++;
    }
    if (outermost == t->n_outer || t->outer[outermost].recorded || *size < t->outer[outermost].size) {
        return;
    }
    *size = t->outer[outermost].size;
    *caller = t->outer[outermost].caller;
    for (uint32_t i = 0; i < t->n_outer; i++) {
        t->outer[i].recorded = p;
    }
}

void outer_begin(size_t size, struct arch_caller caller, void *freed, bool is_alloc) {
    int saved = errno;
    if (freed) {
        hook_free(freed); /* on record before the enclosing call is this one */
    }
    struct thread_state *t = thread_current;
    if (!hook_is_ready(t)) {
        t = hook_state_slow(caller.sp); /* drops whatever was left at this very place of the stack */
    }
    if (t) {
        if (t->n_outer == OUTER_CALLS_MAX) {
            t->n_outer = 0; /* nothing nests as deep: they were left, on stacks that cannot be compared */
        }
        t->outer[t->n_outer++] = (struct outer_call){.caller = caller, .size = size, .freed = freed, .is_alloc = is_alloc};
        atomic_store_explicit(&t->phase, THREAD_OUTER, memory_order_relaxed);
    }
    errno = saved;
}

/* Take the call of that caller off the thread's list. Returns the block that is on record through it, NULL if none. */
static void *leave(struct arch_caller caller) {
    struct thread_state *t = thread_current;
    if (t && atomic_load_explicit(&t->phase, memory_order_relaxed) == THREAD_BUSY) {
        t = t->nested ? hook_state_slow(caller.sp - 1) : NULL;
    }
    if (!t || !t->n_outer || t->outer[t->n_outer - 1].caller.sp != caller.sp) {
        return NULL;
    }
    void *recorded = t->outer[--t->n_outer].recorded;
    atomic_store_explicit(&t->phase, t->n_outer ? THREAD_OUTER : THREAD_READY, memory_order_relaxed);
    return recorded;
}

void *outer_end_alloc(size_t size, struct arch_caller caller, void *p) {
    if (leave(caller) != p && p) {
        hook_alloc(p, size, caller);
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
    struct thread_state *t = thread_current;
    if ((actions & _UA_CLEANUP_PHASE) && t && t->n_outer) {
        t->n_outer--;
        if (atomic_load_explicit(&t->phase, memory_order_relaxed) == THREAD_OUTER && !t->n_outer) {
            atomic_store_explicit(&t->phase, THREAD_READY, memory_order_relaxed);
        }
    }
    return _URC_CONTINUE_UNWIND;
}
