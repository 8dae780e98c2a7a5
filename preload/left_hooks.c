/* left_hooks.c - see left_hooks.h. */
#include "left_hooks.h"

#include "elf_object.h"
#include "ring_file.h"
#include "thread_state.h"
#include "unwind_step.h"

static bool is_busy(const struct thread_state *t) {
    return atomic_load_explicit(&t->phase, memory_order_relaxed) == THREAD_BUSY;
}

/* Whether a hook that has not ended began at [low, high] on the stack. */
static bool has_hook(uint64_t low, uint64_t high) {
    for (const struct thread_state *t = thread_current; t; t = t->nested) {
        if (is_busy(t) && low <= t->hook_sp && t->hook_sp <= high) {
            return true;
        }
    }
    return false;
}

/* Go outwards, and look at each run of frames of this library's own that is behind a signal frame: an interrupted hook is such a run, and one alone.
 * Returns how many hooks are on the stack still. */
static uint32_t count_on_stack(struct arch_caller caller) {
    struct unwind_bounds bounds = thread_current->bounds;
    struct unwind_cursor c = {.ip = caller.ip, .sp = caller.sp, .fp = caller.fp};
    struct elf_object own;
    if (!elf_object_at((uint64_t)left_hooks_count, &own, false)) {
        return 0;
    }
    bool is_interrupted = false;
    uint64_t low = 0; /* where the run begins that is being walked along */
    uint32_t n = 0;
    enum unwind_result result = UNWIND_CALLER;
    unwind_begin(&bounds, c.sp);
    for (uint32_t i = 0; result == UNWIND_CALLER && i < RING_FRAMES_MAX; i++) {
        bool is_own = is_interrupted && c.ip > own.start && c.ip <= own.end;
        if (is_own && !low) {
            low = c.sp;
        } else if (!is_own && low) {
            n += has_hook(low, c.sp);
            low = 0;
        }
        uint32_t rule = cfi_rule(c.ip);
        is_interrupted |= cfi_rule_kind(rule) == CFI_SIGNAL;
        result = unwind_step(&c, rule, &bounds);
    }
    return n;
}

void left_hooks_count(struct arch_caller caller) {
    uint32_t n_busy = 0;
    for (const struct thread_state *t = thread_current; t; t = t->nested) {
        n_busy += is_busy(t);
    }
    if (n_busy > 0) {
        ring_count_lost(RING_LOST_ABANDONED, n_busy - count_on_stack(caller));
    }
}
