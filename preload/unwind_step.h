/* unwind_step.h - from a frame to its caller: one cached rule and two or three loads.
 *
 * Memory is read where CFI says that the caller's registers are. CFI of a running function is right by construction of the
 * program's exceptions, except at the end of a stack that was made by hand; so no step goes downwards, none leaves the thread's own stack,
 * and each page is asked for (once per thread and stack) before it is read. Only code without CFI is guessed at, by frame pointers,
 * and only within the thread's own stack.
 *
 * A step can note the words that it read, in reading order; see kept_stack.h for what that is good for.
 */
#ifndef SEEP_UNWIND_STEP_H
#define SEEP_UNWIND_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "attributes.h"
#include "cfi.h"
#include "kept_stack.h"

enum { UNWIND_FRAME_BYTES_MAX = 1 << 26, UNWIND_LOWEST_CODE = 4096 };

/* Frames of the rare kinds. Returns false at the end of the stack. */
bool unwind_step_rare(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds, struct unwind_read *read);

/* Whether [sp, end) can be read, asking the kernel about pages not known yet. */
bool unwind_extend(struct unwind_bounds *bounds, uint64_t sp, uint64_t end);

ALWAYS_INLINE bool unwind_can_read(struct unwind_bounds *bounds, uint64_t sp, uint64_t end) {
    return LIKELY(sp > bounds->low && end <= bounds->high) || unwind_extend(bounds, sp, end);
}

/* Load a word and note it where `read` is not NULL. */
ALWAYS_INLINE uint64_t unwind_word(uint64_t address, struct unwind_read *read) {
    uint64_t value = *(const volatile uint64_t *)address; /* NOLINT(performance-no-int-to-ptr) */
    if (read) {
        read->word[read->n++] = (struct kept_word){.address = address, .value = value};
    }
    return value;
}

/* The same for a word that is nothing but the caller's fp. */
ALWAYS_INLINE uint64_t unwind_fp_word(uint64_t address, struct unwind_read *read) {
    if (read) {
        read->fp_word = 1u << read->n;
    }
    return unwind_word(address, read);
}

/* Whether the caller's frame may begin at cfa: above sp, aligned, and not beyond the own stack if this frame is on it. */
ALWAYS_INLINE bool unwind_is_plausible(uint64_t cfa, uint64_t sp, uint64_t stack_high) {
    return cfa > sp && cfa - sp < UNWIND_FRAME_BYTES_MAX && !(cfa & 7) && (sp >= stack_high || cfa <= stack_high);
}

/* Go to the caller's frame by the rule of c->ip. Returns false at the end of the stack. */
ALWAYS_INLINE bool unwind_step(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds,
                               struct unwind_read *read) {
    if (read) {
        read->n = 0;
        read->fp_word = 0;
    }
    enum cfi_kind kind = cfi_rule_kind(rule);
    if (UNLIKELY(kind > CFI_FP)) {
        return unwind_step_rare(c, rule, bounds, read);
    }
    uint64_t cfa = (kind == CFI_SP ? c->sp : c->fp) + cfi_rule_offset(rule);
    uint64_t fp_slot = cfi_rule_fp_slot(rule);
    if (UNLIKELY(!unwind_is_plausible(cfa, c->sp, bounds->stack_high) || fp_slot > cfa - c->sp) ||
        !unwind_can_read(bounds, c->sp, cfa)) {
        return false;
    }
    if (fp_slot) {
        c->fp = unwind_fp_word(cfa - fp_slot, read);
    }
    c->ip = unwind_word(cfa - ARCH_RA_BELOW_CFA, read);
    c->sp = cfa;
    return c->ip != 0;
}

#endif
