/* unwind_step.c - the rare kinds of frames; see unwind_step.h. */
#include "unwind_step.h"

#include "ring_file.h"
#include "sys.h"

COLD bool unwind_extend(struct unwind_bounds *bounds, uint64_t sp, uint64_t end) {
    if (sp <= bounds->low || sp > bounds->high) { /* another stack than before */
        bounds->low = bounds->high = (sp - 1) & ~(uint64_t)(ARCH_PAGE_BYTES - 1);
    }
    while (bounds->high < end) {
        if (!sys_is_readable(bounds->high)) {
            return false;
        }
        bounds->high += ARCH_PAGE_BYTES;
    }
    return true;
}

/* A realigned frame: the CFA is kept in memory below fp, the caller's fp at fp. */
static bool step_deref(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds, struct unwind_read *read) {
    uint64_t slot = c->fp - cfi_rule_offset(rule);
    if (!unwind_is_plausible(c->fp + 8, c->sp, bounds->stack_high) || (slot & 7) || slot < c->sp ||
        !unwind_can_read(bounds, c->sp, c->fp + 8)) {
        return false;
    }
    uint64_t cfa = unwind_word(slot, read);
    if (!unwind_is_plausible(cfa, c->sp, bounds->stack_high) || !unwind_can_read(bounds, c->sp, cfa)) {
        return false;
    }
    c->fp = unwind_fp_word(c->fp, read);
    c->ip = unwind_word(cfa - ARCH_RA_BELOW_CFA, read);
    c->sp = cfa;
    return c->ip != 0;
}

/* What a signal interrupted. */
static bool step_signal(struct unwind_cursor *c, struct unwind_bounds *bounds, struct unwind_read *read) {
    struct arch_signal_slots slots = arch_signal_slots(c->sp);
    if (!unwind_can_read(bounds, c->sp, c->sp + ARCH_SIGNAL_FRAME_BYTES)) {
        return false;
    }
    c->fp = unwind_fp_word(slots.fp, read);
    c->ip = unwind_word(slots.ip, read) + 1; /* lookups are at ip - 1; this is the very instruction */
    c->sp = unwind_word(slots.sp, read);
    return c->ip > 1;
}

/* No CFI: a frame pointer chain, as long as it stays on the thread's own stack. */
static bool step_guess(struct unwind_cursor *c, struct unwind_bounds *bounds, struct unwind_read *read) {
    uint64_t frame = c->fp;
    if (frame < c->sp || (frame & 7) || frame + 16 > bounds->stack_high || !unwind_can_read(bounds, c->sp, frame + 16)) {
        return false;
    }
    c->fp = unwind_fp_word(frame, read);
    c->ip = unwind_word(frame + 8, read);
    c->sp = frame + 16;
    return c->ip > UNWIND_LOWEST_CODE;
}

NOINLINE bool unwind_step_rare(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds,
                               struct unwind_read *read) {
    switch (cfi_rule_kind(rule)) {
    case CFI_FP_DEREF:
        return step_deref(c, rule, bounds, read);
    case CFI_SIGNAL:
        return step_signal(c, bounds, read);
    case CFI_GUESS:
        return step_guess(c, bounds, read);
    case CFI_COMPLEX:
        ring_count_lost(RING_LOST_CUT_STACKS, 1);
        return false;
    default:
        return false;
    }
}
