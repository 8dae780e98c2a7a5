/* unwind_step.c - the rare kinds of frames; see unwind_step.h. */
#include "unwind_step.h"

#include <stdatomic.h>

#include "quiet.h"
#include "sys.h"

enum {
    STATIC_TLS_MAX = 256 << 10, /* what lies between a thread's control block and its outermost frame */
    GUESS_BYTES_MAX = 1 << 20,  /* frames without CFI are taken to be no larger */
    GO_FRAME_BYTES_MAX = 1024,  /* of runtime.cgocall */
    DISTANCE_BITS = 16,
    NO_FP = 1, /* leads nowhere */
};

static uint64_t page_of(uint64_t address) {
    return address & ~(uint64_t)(ARCH_PAGE_BYTES - 1);
}

/* When quiet, nobody can be asked: what is readable is where hooks are running, up to the caller's own return address. */
COLD void unwind_begin_elsewhere(struct unwind_bounds *bounds, uint64_t sp) {
    bounds->low = bounds->high = 0;
    bounds->is_cut = false;
    if (quiet_is_on) {
        bounds->low = page_of((uint64_t)__builtin_frame_address(0));
        bounds->high = page_of(sp - 1) + ARCH_PAGE_BYTES;
    }
}

COLD bool unwind_ask(struct unwind_bounds *bounds, uint64_t low, uint64_t high) {
    for (uint64_t page = page_of(low); page < high; page += ARCH_PAGE_BYTES) {
        bool is_known = (page >= bounds->low && page < bounds->high) || unwind_is_own(bounds, page, page + ARCH_PAGE_BYTES);
        if (is_known) {
            continue;
        }
        if (quiet_is_on || !sys_is_readable(page)) {
            bounds->is_cut = quiet_is_on;
            return false;
        }
        bounds->low = page == bounds->high ? bounds->low : page;
        bounds->high = page + ARCH_PAGE_BYTES;
    }
    return low < high;
}

COLD bool unwind_settle(struct unwind_bounds *bounds, uint64_t sp, const struct unwound_frame *outermost) {
    if (quiet_is_on && bounds->own_low < bounds->own_high) {
        return false; /* known from the start, exactly */
    }
    uint64_t known = bounds->own_low < bounds->own_high ? bounds->own_low : bounds->own_high - STATIC_TLS_MAX;
    uint64_t end = outermost->at.sp;
    if (cfi_rule_kind(outermost->rule) != CFI_END || sp > end || end < known || end >= bounds->own_high) {
        return false;
    }
    bounds->own_low = page_of(sp);
    return true;
}

/* A realigned frame: the CFA is kept in memory below fp, the caller's fp at fp. */
static enum unwind_result step_deref(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    uint64_t slot = c->fp - cfi_rule_offset(rule);
    if (!unwind_is_plausible(c->fp + 8, c->sp, bounds->own_high) || (slot & 7) || slot < c->sp ||
        !unwind_can_read(bounds, slot, slot + 8) || !unwind_can_read(bounds, c->fp, c->fp + 8)) {
        return UNWIND_END;
    }
    uint64_t cfa = unwind_word(slot);
    if (!unwind_is_plausible(cfa, c->sp, bounds->own_high) || !unwind_can_read(bounds, cfa - ARCH_RA_BELOW_CFA, cfa)) {
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
    if (frame < c->sp || frame - c->sp > GUESS_BYTES_MAX || (frame & 7) || frame > bounds->own_high - 16 ||
        !unwind_can_read(bounds, frame, frame + 16)) {
        return UNWIND_END;
    }
    c->fp = unwind_word(frame);
    c->ip = unwind_word(frame + 8);
    c->sp = frame + 16;
    return c->ip > UNWIND_LOWEST_CODE ? UNWIND_CALLER : UNWIND_END_READ;
}

/* Whether a frame that Go's code leads to can be read. */
static bool can_read_beyond(struct unwind_bounds *bounds, uint64_t low, uint64_t high) {
    return quiet_is_on ? unwind_is_own(bounds, low, high) : unwind_can_read(bounds, low, high);
}

/* By frame pointers, to Go's code. */
static enum unwind_result step_go_chain(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    uint64_t frame = c->fp;
    if (frame == 0) {
        return UNWIND_END;
    }
    if ((frame & 7) || (frame < c->sp && rule != CFI_GO_CHAIN_ANY) || !can_read_beyond(bounds, frame, frame + 16)) {
        return UNWIND_CUT;
    }
    struct unwind_cursor caller = {.ip = unwind_word(frame + 8), .sp = frame + 16, .fp = unwind_word(frame)};
    if (!cfi_rule_is_go(cfi_rule(caller.ip))) {
        return UNWIND_CUT;
    }
    *c = caller;
    return UNWIND_CALLER;
}

/* How far the fp of asmcgocall's caller lies above the sp there: the same in each call from one place. {ip, distance} of the last place met; 0 = none. */
static _Atomic uint64_t known_distance;

/* The fp of asmcgocall's caller at ip, sp. fp: what C has preserved, which leads elsewhere if the stack has been moved since. */
static uint64_t fp_of_caller(uint64_t ip, uint64_t sp, uint64_t fp) {
    uint64_t distance = fp - sp;
    if (distance < GO_FRAME_BYTES_MAX) {
        atomic_store_explicit(&known_distance, ip << DISTANCE_BITS | distance, memory_order_relaxed);
        return fp;
    }
    uint64_t known = atomic_load_explicit(&known_distance, memory_order_relaxed);
    return known >> DISTANCE_BITS == ip ? sp + (known & ((1u << DISTANCE_BITS) - 1)) : NO_FP;
}

/* From runtime.asmcgocall to its caller, on whichever stack that is. */
static enum unwind_result step_go_switch(struct unwind_cursor *c, uint64_t slot, bool is_by_depth,
                                         struct unwind_bounds *bounds) {
    uint64_t at = c->sp + slot;
    if (!can_read_beyond(bounds, at, at + 16)) {
        return UNWIND_CUT;
    }
    uint64_t sp = unwind_word(at);
    if (is_by_depth) {
        uint64_t stack_end_of_g = unwind_word(at + 8) + 8;
        if ((stack_end_of_g & 7) || !can_read_beyond(bounds, stack_end_of_g, stack_end_of_g + 8)) {
            return UNWIND_CUT;
        }
        sp = unwind_word(stack_end_of_g) - sp;
    }
    uint64_t ip = (sp & 7) || !can_read_beyond(bounds, sp, sp + 8) ? 0 : unwind_word(sp);
    if (!cfi_rule_is_go(cfi_rule(ip))) {
        return UNWIND_CUT;
    }
    *c = (struct unwind_cursor){.ip = ip, .sp = sp + 8, .fp = is_by_depth ? fp_of_caller(ip, sp, c->fp) : c->fp};
    return UNWIND_CALLER;
}

/* Up the stack, from where a function's end is known. */
static enum unwind_result step_go_frame(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    uint64_t cfa = c->sp + cfi_rule_offset(rule) - 8, fp_slot = cfi_rule_fp_slot(rule);
    if (!unwind_is_plausible(cfa, c->sp, bounds->own_high) || !can_read_beyond(bounds, c->sp, cfa)) {
        return UNWIND_CUT;
    }
    if (fp_slot) {
        c->fp = unwind_word(cfa - fp_slot);
    }
    c->ip = unwind_word(cfa - ARCH_RA_BELOW_CFA);
    c->sp = cfa;
    return c->ip > UNWIND_LOWEST_CODE ? UNWIND_CALLER : UNWIND_END_HALF;
}

/* Go's code, on any stack; see go_rule.h. */
static enum unwind_result step_go(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    if (!bounds->is_away && !quiet_is_on) {
        bounds->low = bounds->high = 0; /* found in an earlier capture, if this one began on the own stack */
    }
    bounds->is_away = true;
    if (cfi_rule_offset(rule) != cfi_rule_offset(CFI_GO_CHAIN)) {
        return step_go_frame(c, rule, bounds);
    }
    uint64_t of_sp = cfi_rule_fp_slot(CFI_GO_BY_SP), of_depth = cfi_rule_fp_slot(CFI_GO_BY_DEPTH),
             slot = cfi_rule_fp_slot(rule);
    if (slot >= of_depth) {
        bool is_by_depth = slot < of_sp;
        return step_go_switch(c, slot - (is_by_depth ? of_depth : of_sp), is_by_depth, bounds);
    }
    return rule == CFI_GO_END ? UNWIND_END : step_go_chain(c, rule, bounds);
}

NOINLINE enum unwind_result unwind_step_rare(struct unwind_cursor *c, uint32_t rule, struct unwind_bounds *bounds) {
    switch (cfi_rule_kind(rule)) {
    case CFI_FP_DEREF:
        return step_deref(c, rule, bounds);
    case CFI_SIGNAL:
        return step_signal(c, bounds);
    case CFI_GUESS:
        return cfi_rule_is_go(rule) ? step_go(c, rule, bounds) : step_guess(c, bounds);
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
