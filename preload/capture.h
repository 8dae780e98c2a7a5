/* capture.h - the call stack of an allocation, as return addresses in the thread's scratch.
 *
 * hook -> [capture] -> stack_intern -> event_buf
 *
 * Backends are one const ops struct each. A capture hands over only frames that are new to it, on top of a stack that is known already:
 * (base, frame_ip[0..n_frames)). A backend that keeps nothing between captures gives the root as base and all frames; one
 * that recognizes the outer part of the last stack gives that part's id and the inner frames alone.
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
    /* Prepare, once; may allocate (the caller ignores the hooks meanwhile). Returns 0 or a negative error. */
    int (*init)(void);
    /* Fill t->frame_ip and t->n_frames, innermost first, starting with the caller's own address.
     * Returns the id of the stack they stand on. Context: any thread, inside malloc, async-signal-safe. */
    uint32_t (*capture)(struct thread_state *t, struct arch_caller caller);
};

extern const struct unwinder_ops unwinder_cfi, unwinder_libunwind, unwinder_verify;

/* The backend in use; the CFI one until capture_choose() has run. */
extern const struct unwinder_ops *capture_ops;

/* Switch to the configured backend. A backend that cannot start is named on stderr and the CFI one stays.
 * Context: once, from the constructor, not from a hook. */
void capture_choose(enum config_unwinder wanted);

/* The stack id of an allocation. */
uint32_t capture_stack(struct thread_state *t, struct arch_caller caller);

/* Unwind by CFI into ip[0..cap). Returns the number of frames. Shared by the backends. */
uint32_t unwind_cfi(uint64_t *ip, uint32_t cap, struct arch_caller caller, uint64_t stack_high);

#endif
