/* unwind_step.h - from a frame to its caller: one cached rule and two or three loads.
 *
 * Memory is read where CFI says that the caller's registers are. CFI of a running function is right by construction of the
 * program's exceptions, except at the end of a stack that was made by hand; so no step goes downwards, none leaves the thread's own stack,
 * and elsewhere each page is asked for before it is read, in every capture. Only code without CFI is guessed at, by frame pointers, and
 * only below the end of the thread's own stack.
 *
 * What a step read need not be noted: each word went into the caller's state, so they can be told afterwards, for the frames that
 * are to be kept (kept_stack.h).
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

enum unwind_result {
    UNWIND_CALLER = 0,   /* the cursor stands at the caller */
    UNWIND_END_READ = 1, /* the words of the rule, now in the cursor, say that there is no caller */
    UNWIND_END = 2,      /* no caller; nothing was read */
    UNWIND_END_HALF = 3, /* no caller; only some of the words were read, and the cursor does not have them */
    UNWIND_CUT = 4,      /* there is a caller, but no telling where; nothing was read */
};

/* The words that a step read, in reading order. */
struct unwind_read {
    uint32_t n;
    uint32_t fp_word; /* 1 << index of the one that is only the caller's fp; 0 = none */
    struct kept_word word[KEPT_WORDS_PER_FRAME];
};

/* Frames of the rare kinds. */
enum unwind_result unwind_step_rare(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds);

/* What the step from such a frame read; `after` is the cursor behind it. Not for steps that ended with UNWIND_END or UNWIND_END_HALF.
 * A step of the usual kinds reads the caller's fp at its slot, if there is one, and then the caller's ip right below the CFA. */
struct unwind_read unwind_words_rare(const struct unwound_frame *frame, const struct unwind_cursor *after);

ALWAYS_INLINE bool unwind_is_own(const struct unwind_bounds *bounds, uint64_t low, uint64_t high) {
    return LIKELY(low - bounds->own_low < bounds->own_high - bounds->own_low) && high <= bounds->own_high;
}

/* The rare half of unwind_begin(). */
void unwind_begin_elsewhere(struct unwind_bounds *bounds, uint64_t sp);

/* Begin a capture at sp. Returns whether that is elsewhere than on the known part of the thread's own stack. */
ALWAYS_INLINE bool unwind_begin(struct unwind_bounds *bounds, uint64_t sp) {
    bool is_elsewhere = UNLIKELY(!unwind_is_own(bounds, sp, sp + 8));
    if (is_elsewhere) {
        unwind_begin_elsewhere(bounds, sp);
    }
    return is_elsewhere;
}

/* A capture that began elsewhere, at sp, and met no signal frame, has come to this outermost frame: if that is the one of the thread's own stack,
 * all from sp to there is own. Returns whether it is. */
bool unwind_settle(struct unwind_bounds *bounds, uint64_t sp, const struct unwound_frame *outermost);

/* The rare half of unwind_can_read(). */
bool unwind_ask(struct unwind_bounds *bounds, uint64_t low, uint64_t high);

/* Whether [low, high), a few words, can be read. */
ALWAYS_INLINE bool unwind_can_read(struct unwind_bounds *bounds, uint64_t low, uint64_t high) {
    return LIKELY(unwind_is_own(bounds, low, high)) || unwind_ask(bounds, low, high);
}

ALWAYS_INLINE uint64_t unwind_word(uint64_t address) {
    return *(const volatile uint64_t *)address; /* NOLINT(performance-no-int-to-ptr) */
}

/* Whether the caller's frame may begin at cfa: above sp, aligned, and not beyond the own stack if this frame is on it. */
ALWAYS_INLINE bool unwind_is_plausible(uint64_t cfa, uint64_t sp, uint64_t stack_high) {
    return cfa > sp && cfa - sp < UNWIND_FRAME_BYTES_MAX && !(cfa & 7) && (sp >= stack_high || cfa <= stack_high);
}

/* Go to the caller's frame by the rule of c->ip. */
ALWAYS_INLINE enum unwind_result unwind_step(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    enum cfi_kind kind = cfi_rule_kind(rule);
    if (UNLIKELY(kind > CFI_FP)) {
        return unwind_step_rare(c, rule, bounds);
    }
    uint64_t cfa = (kind == CFI_SP ? c->sp : c->fp) + cfi_rule_offset(rule);
    uint64_t fp_slot = cfi_rule_fp_slot(rule);
    uint64_t lowest = cfa - (fp_slot ? fp_slot : ARCH_RA_BELOW_CFA);
    /* Interrupted after `pop fp`, a function has its caller's fp below sp, where a signal leaves it alone (the red zone). */
    if (UNLIKELY(!unwind_is_plausible(cfa, c->sp, bounds->own_high) || lowest + ARCH_RED_ZONE_BYTES < c->sp) ||
        !unwind_can_read(bounds, lowest, cfa)) {
        return UNWIND_END;
    }
    if (fp_slot) {
        c->fp = unwind_word(cfa - fp_slot);
    }
    c->ip = unwind_word(cfa - ARCH_RA_BELOW_CFA);
    c->sp = cfa;
    return LIKELY(c->ip != 0) ? UNWIND_CALLER : UNWIND_END_READ;
}

#endif
