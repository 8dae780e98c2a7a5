/* unwind_reuse.c - the default backend: unwind only what is new since the thread's last capture; kept_stack.h says why that is exact.
 *
 * Budget at typical stacks (python: 19 frames deep): 2 to 3 frames unwound, some 15 words compared, as many nodes looked up as frames unwound.
 */
#include "capture.h"
#include "kept_stack.h"
#include "ring_file.h"
#include "stack_intern.h"
#include "unwind_step.h"

/* Find how far outwards the words of a kept frame still hold. Returns the number of outer words that were not reached: 0 = all hold. */
ALWAYS_INLINE uint32_t compare_words(const struct kept_stack *kept, uint32_t n_words) {
    while (n_words > 0) {
        const struct kept_word *word = &kept->words[n_words - 1];
        if (*(const volatile uint64_t *)word->address != word->value) { /* NOLINT(performance-no-int-to-ptr) */
            break;
        }
        n_words--;
    }
    return n_words;
}

ALWAYS_INLINE bool is_state_of(const struct kept_frame *frame, const struct unwind_cursor *c) {
    return frame->sp == c->sp && frame->ip == c->ip && (!frame->is_fp_live || frame->fp == c->fp);
}

/* Whether the frame's own step, given its caller's need, uses the fp that it was entered with. */
static bool needs_fp(const struct unwound_frame *frame, bool caller_needs) {
    enum cfi_kind kind = cfi_rule_kind(frame->rule);
    if (kind == CFI_SP) {
        return !frame->read.fp_word && caller_needs;
    }
    return kind != CFI_SIGNAL && kind != CFI_END;
}

/* Put a newly unwound frame on top of the kept ones. */
static void keep(struct kept_stack *kept, const struct unwound_frame *frame, uint32_t stack) {
    bool caller_needs_fp = kept->n_frames > 0 && kept->frames[kept->n_frames - 1].is_fp_live;
    uint32_t n_words = kept->n_words;
    for (uint32_t i = frame->read.n; i-- > 0;) { /* what was read first is compared first: it stands last */
        if ((frame->read.fp_word >> i & 1) && !caller_needs_fp) {
            continue;
        }
        kept->words[n_words] = frame->read.word[i];
        kept->word_frame[n_words++] = kept->n_frames;
    }
    kept->n_words = n_words;
    kept->frames[kept->n_frames++] = (struct kept_frame){
        .ip = frame->at.ip,
        .sp = frame->at.sp,
        .fp = frame->at.fp,
        .stack = stack,
        .n_words = n_words,
        .is_fp_live = needs_fp(frame, caller_needs_fp),
    };
}

/* Unwind until the state of a kept frame is met whose words hold. Returns the frames unwound; *n_kept is what is left of the kept ones. */
static uint32_t unwind_new(struct thread_state *t, struct arch_caller caller, uint32_t *n_kept) {
    const struct kept_stack *kept = &t->kept;
    struct unwind_cursor c = {.ip = caller.ip, .sp = caller.sp, .fp = caller.fp};
    uint32_t n_candidates = kept->n_frames;
    uint32_t n = 0;
    for (;;) {
        while (n_candidates > 0 && kept->frames[n_candidates - 1].sp < c.sp) {
            n_candidates--;
        }
        if (n_candidates > 0 && is_state_of(&kept->frames[n_candidates - 1], &c)) {
            uint32_t left = compare_words(kept, kept->frames[n_candidates - 1].n_words);
            if (LIKELY(left == 0)) {
                *n_kept = n_candidates;
                return n;
            }
            n_candidates = kept->word_frame[left - 1]; /* frames outside of the step that read it may still stand */
        }
        struct unwound_frame *frame = &t->unwound[n++];
        frame->at = c;
        frame->rule = cfi_rule(c.ip);
        if (!unwind_step(&c, frame->rule, &t->bounds, &frame->read) || n == FRAMES_MAX) {
            *n_kept = 0;
            return n;
        }
    }
}

uint32_t capture_by_reuse(struct thread_state *t, struct arch_caller caller) {
    struct kept_stack *kept = &t->kept;
    uint32_t root = stack_root();
    if (UNLIKELY(kept->root != root)) {
        kept->root = root;
        kept->n_frames = 0;
    }
    uint32_t n_kept;
    uint32_t n = unwind_new(t, caller, &n_kept);
    if (UNLIKELY(n == FRAMES_MAX || n_kept + n > FRAMES_MAX)) {
        kept->n_frames = 0;
        return capture_by_cfi(t, caller);
    }
    kept->n_frames = n_kept;
    kept->n_words = n_kept ? kept->frames[n_kept - 1].n_words : 0;
    uint32_t stack = n_kept ? kept->frames[n_kept - 1].stack : root;
    while (n > 0) {
        const struct unwound_frame *frame = &t->unwound[--n];
        uint32_t child = stack_child_memo(&t->memo, stack, frame->at.ip);
        if (UNLIKELY(!child)) {
            ring_count_lost(RING_LOST_STACKS, 1);
            kept->n_frames = 0;
            return stack;
        }
        stack = child;
        keep(kept, frame, stack);
    }
    return stack;
}

const struct unwinder_ops unwinder_reuse = {.name = "reuse", .init = NULL, .capture = capture_by_reuse};
