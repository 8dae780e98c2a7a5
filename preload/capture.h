/* capture.h - the call stack of an allocation, as return addresses in the thread's scratch.
 *
 * hook -> [capture] -> stack_intern -> event_buf
 *
 * Backends are one const ops struct each. They return the id of the whole stack: one that recognizes the outer part of the thread's last stack
 * has only the inner frames to intern.
 */
#ifndef SEEP_CAPTURE_H
#define SEEP_CAPTURE_H

#include <stdint.h>

#include "arch.h"
#include "attributes.h"
#include "config.h"
#include "thread_state.h"

struct unwinder_ops {
    const char *name;
    /* Prepare, once; may allocate (the caller ignores the hooks meanwhile). Returns 0 or a negative error. NULL: nothing to do. */
    int (*init)(void);
    /* Return the id of the caller's stack, its own address innermost. Context: any thread, inside malloc, async-signal-safe. */
    uint32_t (*capture)(struct thread_state *t, struct arch_caller caller);
};

extern HIDDEN const struct unwinder_ops unwinder_reuse, unwinder_cfi, unwinder_libunwind, unwinder_verify;

/* The backend in use; the default one until capture_choose() has run. */
extern HIDDEN const struct unwinder_ops *capture_ops;

/* Switch to the configured backend. A backend that cannot start is named on stderr and the default one stays.
 * Context: once, from the constructor, not from a hook. */
void capture_choose(enum option_unwinder wanted);

/* The stack id of an allocation. The default backend is called directly, so that it can be inlined. */
uint32_t capture_by_reuse(struct thread_state *t, struct arch_caller caller);
ALWAYS_INLINE uint32_t capture_stack(struct thread_state *t, struct arch_caller caller) {
    return LIKELY(capture_ops == &unwinder_reuse) ? capture_by_reuse(t, caller) : capture_ops->capture(t, caller);
}

#endif
