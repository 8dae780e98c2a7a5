/* unwind_step.c - the rare kinds of frames; see unwind_step.h. */
#include "unwind_step.h"

#include "sys.h"

enum { OWN_STEP_MAX = 1 << 26 }; /* what lies further below the known part of the own stack is taken for another one */

static uint64_t page_of(uint64_t address) {
    return address & ~(uint64_t)(ARCH_PAGE_BYTES - 1);
}

/* Whether the thread's own stack reaches down to an address: then every page in between can be read. */
static COLD bool extend_own(struct unwind_bounds *bounds, uint64_t low) {
    if (low >= bounds->own_high || (low < bounds->own_low && bounds->own_low - low > OWN_STEP_MAX)) {
        return false;
    }
    if (bounds->gap > low && !sys_is_readable(bounds->gap)) {
        return false; /* as before */
    }
    bounds->gap = 0;
    while (low < bounds->own_low) {
        uint64_t page = page_of(bounds->own_low - 1);
        if (!sys_is_readable(page)) {
            bounds->gap = page;
            return false;
        }
        bounds->own_low = page;
    }
    return true;
}

COLD bool unwind_begin_elsewhere(struct unwind_bounds *bounds, uint64_t sp) {
    bounds->low = bounds->high = 0;
    return !extend_own(bounds, sp);
}

COLD bool unwind_ask(struct unwind_bounds *bounds, uint64_t low, uint64_t high) {
    if (high <= bounds->own_high && extend_own(bounds, low)) {
        return true;
    }
    if (low < bounds->low || low > bounds->high) {
        bounds->low = bounds->high = page_of(low); /* begin with this stack */
    }
    while (bounds->high < high) {
        if (!sys_is_readable(bounds->high)) {
            return false;
        }
        bounds->high += ARCH_PAGE_BYTES;
    }
    return true;
}

/* A realigned frame: the CFA is kept in memory below fp, the caller's fp at fp. */
static enum unwind_result step_deref(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    uint64_t slot = c->fp - cfi_rule_offset(rule);
    if (!unwind_is_plausible(c->fp + 8, c->sp, bounds->own_high) || (slot & 7) || slot < c->sp ||
        !unwind_can_read(bounds, c->sp, c->fp + 8)) {
        return UNWIND_END;
    }
    uint64_t cfa = unwind_word(slot);
    if (!unwind_is_plausible(cfa, c->sp, bounds->own_high) || !unwind_can_read(bounds, c->sp, cfa)) {
        return UNWIND_END_HALF;
    }
    c->fp = unwind_word(c->fp);
    c->ip = unwind_word(cfa - ARCH_RA_BELOW_CFA);
    c->sp = cfa;
    return c->ip != 0 ? UNWIND_CALLER : UNWIND_END_READ;
}

/* What a signal interrupted. */
static enum unwind_result step_signal(struct unwind_cursor *c, struct unwind_bounds *bounds) {
    struct arch_signal_slots slots = arch_signal_slots(c->sp);
    if (!unwind_can_read(bounds, c->sp, c->sp + ARCH_SIGNAL_FRAME_BYTES)) {
        return UNWIND_END;
    }
    c->fp = unwind_word(slots.fp);
    c->ip = unwind_word(slots.ip) + 1; /* lookups are at ip - 1; this is the very instruction */
    c->sp = unwind_word(slots.sp);
    return c->ip > 1 ? UNWIND_CALLER : UNWIND_END_READ;
}

/* No CFI: a frame pointer chain, as long as it stays on the thread's own stack. */
static enum unwind_result step_guess(struct unwind_cursor *c, struct unwind_bounds *bounds) {
    uint64_t frame = c->fp;
    if (frame < c->sp || (frame & 7) || frame + 16 > bounds->own_high || !unwind_can_read(bounds, c->sp, frame + 16)) {
        return UNWIND_END;
    }
    c->fp = unwind_word(frame);
    c->ip = unwind_word(frame + 8);
    c->sp = frame + 16;
    return c->ip > UNWIND_LOWEST_CODE ? UNWIND_CALLER : UNWIND_END_READ;
}

NOINLINE enum unwind_result unwind_step_rare(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    switch (cfi_rule_kind(rule)) {
    case CFI_FP_DEREF:
        return step_deref(c, rule, bounds);
    case CFI_SIGNAL:
        return step_signal(c, bounds);
    case CFI_GUESS:
        return step_guess(c, bounds);
    case CFI_COMPLEX:
        return rule == CFI_NO_ENTRY && c->fp == 0 ? UNWIND_END : UNWIND_CUT;
    default:
        return UNWIND_END;
    }
}

NOINLINE struct unwind_read unwind_words_rare(const struct unwound_frame *frame, const struct unwind_cursor *after) {
    uint64_t fp = frame->at.fp;
    struct arch_signal_slots slots;
    switch (cfi_rule_kind(frame->rule)) {
    case CFI_FP_DEREF:
        return (struct unwind_read){.n = 3,
                                    .fp_word = 1 << 1,
                                    .word = {{.address = fp - cfi_rule_offset(frame->rule), .value = after->sp},
                                             {.address = fp, .value = after->fp},
                                             {.address = after->sp - ARCH_RA_BELOW_CFA, .value = after->ip}}};
    case CFI_SIGNAL:
        slots = arch_signal_slots(frame->at.sp);
        return (struct unwind_read){.n = 3,
                                    .fp_word = 1 << 0,
                                    .word = {{.address = slots.fp, .value = after->fp},
                                             {.address = slots.ip, .value = after->ip - 1},
                                             {.address = slots.sp, .value = after->sp}}};
    case CFI_GUESS:
        return (struct unwind_read){.n = 2,
                                    .fp_word = 1 << 0,
                                    .word = {{.address = fp, .value = after->fp}, {.address = fp + 8, .value = after->ip}}};
    default:
        return (struct unwind_read){0};
    }
}
