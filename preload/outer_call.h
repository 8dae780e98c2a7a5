/* outer_call.h - allocator functions that may call malloc or free through the hooks: one block, one event.
 *
 * libstdc++'s operator new calls malloc, jemalloc's does not. So what is called first says what it is about to do, and the
 * hooks inside it act on that: an allocation inside is recorded as the outer call's (its size, its caller), a free of the
 * very block that the outer call frees is not recorded twice, and at the end the outer call records what nobody inside has.
 * Whatever else happens inside (a new handler, a signal handler) is recorded as usual.
 *
 * The record is kept in the thread's state. A function that uses one states OUTER_CALL_PERSONALITY, so that an exception on its way
 * through (bad_alloc) ends the call: the personality routine does that itself, without landing pad, resume or any runtime of C++.
 * A call may also carry tags (trace_format.h) for what happens inside: the functions that a program has given to OpenSSL know nothing of file and
 * line. The first block that is given out inside takes the one, the first that is given back the other.
 *
 * A call left by longjmp is dropped when a later hook finds its stack above it, or finds too many open.
 */
#ifndef SEEP_OUTER_CALL_H
#define SEEP_OUTER_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "arch.h"
#include "attributes.h"

struct thread_state;

enum { OUTER_CALLS_MAX = 6, OUTER_RECORDED = 4 };

struct outer_call {
    struct arch_caller caller; /* of the function: names the call */
    struct arch_caller
        site; /* what its block is recorded with: its caller's, or that of the call around it that wants the same block */
    size_t size;
    size_t slack; /* how much more than size the function may ask malloc for */
    void *freed;  /* block that the call gives back, on record already; NULL if none, or if it has been given out again */
    void *recorded[OUTER_RECORDED]; /* blocks given out inside that are alive, newest first: on record already */
    void *claimed;                  /* the one that was recorded as the call's own, while it is alive */
    uint64_t alloc_tag, free_tag;   /* 0 = none, or taken */
    bool is_alloc;                  /* it gives out a block */
    bool is_claimed;                /* there has been such a one */
};

/* Register outer_unwound() for exceptions that pass through this function (DW_EH_PE_pcrel | DW_EH_PE_sdata4). */
#define OUTER_CALL_PERSONALITY() __asm__ volatile(".cfi_personality 0x1b, outer_unwound")

/* Begin a call that gives out size bytes at an alignment (0: malloc's). freed: a block that it gives back first, recorded right now unless an
 * enclosing call has done so; NULL if none. */
void outer_begin_alloc(size_t size, size_t alignment, struct arch_caller caller, void *freed);

/* Begin a call that only gives back. */
void outer_begin_free(struct arch_caller caller, void *freed);

/* Begin a call that may give out and give back anything, or nothing: only its tags are of use. */
void outer_begin_tagged(struct arch_caller caller, uint64_t alloc_tag, uint64_t free_tag);

/* End of a call of that size and caller that gave out p (NULL: it failed). Returns p. */
void *outer_end_alloc(size_t size, struct arch_caller caller, void *p);

/* End of a reallocation of `old`. Failing, it has kept the old block if `keeps`. Returns p. */
void *outer_end_realloc(size_t size, struct arch_caller caller, void *old, void *p, bool keeps);

/* End of a call that only gave back, or is only there for its tags. */
void outer_end_free(struct arch_caller caller);

/* For the hooks inside: drop calls that have been left, with sp the running hook's. */
void outer_drop_left(struct thread_state *t, uint64_t sp);

/* For the hooks inside: p is given back. Returns whether that is on record through an enclosing call. */
bool outer_has_freed(struct thread_state *t, const void *p);

/* For the hooks inside: take the tag for a block given back; 0 = there is none. */
uint64_t outer_take_free_tag(struct thread_state *t);

/* The same for one given out. */
uint64_t outer_take_alloc_tag(struct thread_state *t);

/* For the hooks inside: p was given out; replace size and caller by the innermost call's if the block is that call's. */
void outer_claim(struct thread_state *t, void *p, size_t *size, struct arch_caller *caller);

#endif
