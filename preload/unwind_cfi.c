/* unwind_cfi.c - seep's own unwinder without memory: every capture goes all the way out. The yardstick of unwind_reuse.c. */
#include "capture.h"
#include "ring_file.h"
#include "stack_intern.h"
#include "unwind_step.h"

static uint32_t capture(struct thread_state *t, struct arch_caller caller) {
    uint64_t *ip = thread_frame_ips(t);
    if (!ip) {
        ring_count_lost(RING_LOST_STACKS, 1);
        return stack_root();
    }
    struct unwind_cursor c = {.ip = caller.ip, .sp = caller.sp, .fp = caller.fp};
    struct unwound_frame last;
    bool is_interrupted = false;
    enum unwind_result result = UNWIND_CALLER;
    uint32_t n = 0;
    bool is_elsewhere = unwind_begin(&t->bounds, c.sp);
    t->bounds.is_cut = t->bounds.is_away = false;
    while (result == UNWIND_CALLER && n < RING_FRAMES_MAX) {
        ip[n++] = c.ip;
        last = (struct unwound_frame){.at = c, .rule = cfi_rule(c.ip)};
        is_interrupted |= cfi_rule_kind(last.rule) == CFI_SIGNAL;
        result = unwind_step(&c, last.rule, &t->bounds);
    }
    if (is_elsewhere && !is_interrupted && !t->bounds.is_away) {
        unwind_settle(&t->bounds, caller.sp, &last);
    }
    if (result == UNWIND_CUT || result == UNWIND_CALLER || t->bounds.is_cut) {
        ring_count_lost(RING_LOST_CUT_STACKS, 1);
    }
    t->bounds.is_away = false;
    return stack_intern(stack_root(), ip, n);
}

const struct unwinder_ops unwinder_cfi = {.name = "cfi", .init = NULL, .capture = capture};
