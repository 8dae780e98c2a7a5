/* unwind_cfi.c - seep's own unwinder: one cached rule and two or three loads a frame.
 *
 * Memory is read where CFI says that the caller's registers are. CFI of a running function is right by construction of the
 * program's exceptions; still no step goes downwards, and on the thread's own stack none leaves it. Only code
 * without CFI is guessed at, by frame pointers, and only within the thread's own stack.
 */
#include "capture.h"
#include "cfi.h"
#include "ring_file.h"
#include "stack_intern.h"
#include "sys.h"

enum { FRAME_BYTES_MAX = 1 << 26, LOWEST_CODE = 4096 };

/* What is followed from frame to frame. */
struct cursor {
    uint64_t ip, sp, fp;
};

ALWAYS_INLINE uint64_t word_at(uint64_t address) {
    return *(const volatile uint64_t *)address; /* NOLINT(performance-no-int-to-ptr) */
}

/* Whether the caller's frame may end at cfa: above sp, aligned, and not beyond the own stack if the frame is on it. */
ALWAYS_INLINE bool is_plausible(uint64_t cfa, uint64_t sp, uint64_t stack_high) {
    return cfa > sp && cfa - sp < FRAME_BYTES_MAX && !(cfa & 7) && (sp >= stack_high || cfa <= stack_high);
}

/* Frames other than the plain ones. Returns false at the end of the stack. */
static NOINLINE bool step_rare(struct cursor *c, uint32_t rule, uint64_t stack_high) {
    switch (cfi_rule_kind(rule)) {
    case CFI_FP_DEREF: {
        uint64_t slot = c->fp - cfi_rule_offset(rule);
        if (!is_plausible(c->fp + 8, c->sp, stack_high) || (slot & 7) || slot < c->sp - 8) {
            return false;
        }
        uint64_t cfa = word_at(slot);
        if (!is_plausible(cfa, c->sp, stack_high)) {
            return false;
        }
        c->fp = word_at(c->fp);
        c->sp = cfa;
        c->ip = word_at(cfa - ARCH_RA_BELOW_CFA);
        return c->ip != 0;
    }
    case CFI_SIGNAL:
        arch_signal_frame(c->sp, &c->ip, &c->sp, &c->fp);
        c->ip++; /* lookups are at ip - 1; this is the very instruction */
        return c->ip > 1;
    case CFI_GUESS: {
        uint64_t frame = c->fp;
        if (frame < c->sp || (frame & 7) || frame + 16 > stack_high || !sys_is_readable(frame)) {
            return false;
        }
        c->fp = word_at(frame);
        c->ip = word_at(frame + 8);
        c->sp = frame + 16;
        return c->ip > LOWEST_CODE;
    }
    case CFI_COMPLEX:
        ring_count_lost(RING_LOST_CUT_STACKS, 1);
        return false;
    default:
        return false;
    }
}

/* Go to the caller's frame. Returns false at the end of the stack. */
ALWAYS_INLINE bool step(struct cursor *c, uint64_t stack_high) {
    uint32_t rule = cfi_rule(c->ip);
    enum cfi_kind kind = cfi_rule_kind(rule);
    if (UNLIKELY(kind > CFI_FP)) {
        return step_rare(c, rule, stack_high);
    }
    uint64_t cfa = (kind == CFI_SP ? c->sp : c->fp) + cfi_rule_offset(rule);
    if (UNLIKELY(!is_plausible(cfa, c->sp, stack_high))) {
        return false;
    }
    uint64_t fp_slot = cfi_rule_fp_slot(rule);
    if (fp_slot) {
        c->fp = word_at(cfa - fp_slot);
    }
    c->ip = word_at(cfa - ARCH_RA_BELOW_CFA);
    c->sp = cfa;
    return c->ip != 0;
}

uint32_t unwind_cfi(uint64_t *ip, uint32_t cap, struct arch_caller caller, uint64_t stack_high) {
    struct cursor c = {.ip = caller.ip, .sp = caller.sp, .fp = caller.fp};
    uint32_t n = 0;
    do {
        ip[n++] = c.ip;
    } while (n < cap && step(&c, stack_high));
    return n;
}

static uint32_t capture(struct thread_state *t, struct arch_caller caller) {
    t->n_frames = unwind_cfi(t->frame_ip, FRAMES_MAX, caller, t->stack_high);
    return stack_root();
}

const struct unwinder_ops unwinder_cfi = {.name = "cfi", .init = NULL, .capture = capture};
