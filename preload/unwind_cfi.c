/* unwind_cfi.c - seep's own unwinder without memory: every capture goes all the way out. The yardstick of unwind_reuse.c. */
#include "capture.h"
#include "stack_intern.h"
#include "unwind_step.h"

uint32_t unwind_cfi(uint64_t *ip, uint32_t cap, struct arch_caller caller, struct unwind_bounds *bounds) {
    struct unwind_cursor c = {.ip = caller.ip, .sp = caller.sp, .fp = caller.fp};
    uint32_t n = 0;
    do {
        ip[n++] = c.ip;
    } while (n < cap && unwind_step(&c, cfi_rule(c.ip), bounds) == UNWIND_CALLER);
    return n;
}

uint32_t capture_by_cfi(struct thread_state *t, struct arch_caller caller) {
    t->n_frames = unwind_cfi(t->frame_ip, FRAMES_MAX, caller, &t->bounds);
    return capture_intern(t);
}

const struct unwinder_ops unwinder_cfi = {.name = "cfi", .init = NULL, .capture = capture_by_cfi};
