/* thread_state.h - what the hooks know of a thread: its place in the ring, its scratch, and what it is doing.
 *
 * One per thread, private memory straight from the kernel, found by one initial-exec TLS pointer. Its first page is wiped in a fork
 * child by the kernel, so `phase` is 0 there whatever way the child was made; the hooks' one unlikely branch then leads to
 * the slow path. The rest stays as it was: a hook that a signal handler interrupted to fork goes on with it in the child. States of dead threads are taken over by new ones: a new thread looks at a few old slots and asks
 * the kernel whether their owner still lives. So nothing has to run at thread exit, and allocations in any destructor, however late,
 * are still recorded.
 *
 * A hook that interrupts a hook (a signal handler that allocates) uses a second state, `nested`, with a slot of
 * its own; the two streams meet again by their stamps. So no event is ever held back or dropped for being nested.
 */
#ifndef SEEP_THREAD_STATE_H
#define SEEP_THREAD_STATE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch.h"
#include "attributes.h"
#include "kept_stack.h"
#include "outer_call.h"
#include "ring.h"
#include "sample.h"
#include "stack_intern.h"

enum { FRAMES_FIRST = 128 /* what the scratch begins with; 18 KiB */ };

enum thread_phase {
    THREAD_WIPED = 0,  /* memory of a fork child, or not set up */
    THREAD_READY = 1,  /* the next hook may record at once */
    THREAD_OUTER = 2,  /* inside an allocator function that may call malloc or free through the hooks; see outer_call.h */
    THREAD_BUSY = 3,   /* a hook is recording */
    THREAD_IGNORE = 4, /* the shim itself calls something that allocates: not the host's events */
};

struct thread_state {
    /* Every event. */
    _Atomic uint32_t phase;
    _Atomic uint32_t is_own; /* 1; so that a hook that goes on in a fork child does not end as THREAD_READY */
    uint64_t *limit;         /* no event starts behind this; NULL when there is no chunk, and so in a fork child */
    char rest_of_page[ARCH_PAGE_BYTES - 16]; /* the kernel wipes this page in a fork child, and no other */
    struct ring_slot *slot;
    uint64_t *cursor; /* next free word of the chunk */
    struct ring_chunk *chunk;
    uint64_t last_stamp;
    uint64_t hook_sp; /* stack pointer of the hook that is recording, 0 = none */
    struct unwind_bounds bounds;

    /* Rare. */
    uint32_t n_outer; /* allocator calls under way that may call the hooks, outermost first */
    struct outer_call outer[OUTER_CALLS_MAX];
    struct sample_state sample;
    struct thread_state *nested;
    uint32_t tid;
    uint32_t serial;

    /* Scratch of the capture, for stacks of up to frames_cap frames; it grows with the stacks that are met. */
    uint32_t frames_cap;
    struct unwound_frame *unwound; /* the new frames of one capture, innermost first, and what is behind */
    struct kept_stack kept;
    void *scratch;           /* what these lie in */
    uint64_t *frame_ip;      /* of the other backends; NULL = not needed yet */
    bool is_libunwind_ready; /* it allocates at a thread's first call only; hooks in later ones are a signal handler's */
    struct stack_memo memo;
};

static_assert(offsetof(struct thread_state, n_outer) <= ARCH_PAGE_BYTES + 80,
              "what every event touches fits two cache lines");

extern HIDDEN __thread struct thread_state *thread_current __attribute__((tls_model("initial-exec")));

/* Find or make the calling thread's state.
 *
 * Returns  NULL where the thread is not traced: a fork child, no memory, all slots taken (counted)
 * Context  any thread, inside malloc, async-signal-safe; system calls */
struct thread_state *thread_attach(void);

/* The state to record with when t is BUSY: t itself again if the busy hook was left for good by a jump out of
 * a signal handler, else its nested one. NULL if that cannot be had (counted). */
struct thread_state *thread_nested(struct thread_state *t, uint64_t sp);

/* Make the scratch larger and forget the kept stack. Returns false where it is at RING_FRAMES_MAX or there is no memory. Context: a hook of t. */
bool thread_grow_scratch(struct thread_state *t);

/* Room for RING_FRAMES_MAX return addresses; NULL if there is no memory. Context: a hook of t. */
uint64_t *thread_frame_ips(struct thread_state *t);

/* In a fork child with a new ring: tell its log how far each of the parent's threads had come when the memory was copied, as their states say. mark:
 * the stamp of the fork's mark; who has done nothing since is left out. Context: as below, and the parent's ring is still there */
void thread_states_log_cuts(uint64_t mark);

/* Whether the code at sp may be running on an alternate signal stack. When hooks must be quiet, it is not only where the stack is the thread's own. */
bool thread_may_be_on_alternate_stack(const struct thread_state *t, uint64_t sp);

/* In a fork child with a new ring: have the states of the parent's threads for those to come. Context: no other thread, no hook under way */
void thread_states_begin_child(void);

/* Before the first thread_attach(): prepare the table of states; is_quiet: and the states (as many as there is memory for).
 * Returns 0 or a negative error. */
MUST_CHECK int thread_states_init(bool is_quiet);

#endif
