/* unwind_reuse.c - the default backend: unwind only what is new since the thread's last capture; kept_stack.h says why that is exact.
 *
 * Budget at typical stacks (python: 19 frames deep): 2 to 3 frames unwound, some 15 words compared, as many nodes looked up as frames unwound.
 */
#include "capture.h"
#include "kept_stack.h"
#include "ring_file.h"
#include "stack_intern.h"
#include "unwind_step.h"

#ifndef REUSE_COMPARES
#define REUSE_COMPARES 1 /* 0 only in the test that shows that unwinder=verify notices */
#endif
static const bool is_comparing = REUSE_COMPARES;

/* Find how far outwards the words of a kept frame still hold. Returns the number of outer words that were not reached: 0 = all hold. */
ALWAYS_INLINE uint32_t compare_words(const struct kept_stack *kept, uint32_t n_words) {
    if (!is_comparing) {
        return 0;
    }
    const struct kept_word *word = kept->words + n_words;
    while (unwind_word(word[-1].address) == word[-1].value) { /* ends at the word that never holds */
        word--;
    }
    return (uint32_t)(word - kept->words);
}

/* The same on another stack than the thread's own, of which an outer part may have been unmapped since. */
static COLD uint32_t compare_words_asking(const struct kept_stack *kept, uint32_t n_words, struct unwind_bounds *bounds) {
    while (n_words > 0) {
        const struct kept_word *word = &kept->words[n_words - 1];
        if (!unwind_can_read(bounds, word->address, word->address + 8) || unwind_word(word->address) != word->value) {
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
ALWAYS_INLINE bool needs_fp(uint32_t rule, bool caller_needs) {
    enum cfi_kind kind = cfi_rule_kind(rule);
    if (LIKELY(kind == CFI_SP)) {
        return !cfi_rule_fp_slot(rule) && caller_needs;
    }
    return kind != CFI_SIGNAL && kind != CFI_END;
}

ALWAYS_INLINE void keep_word(struct kept_stack *kept, uint64_t address, uint64_t value) {
    uint32_t n = kept->n_words++;
    kept->words[n] = (struct kept_word){.address = address, .value = value};
    kept->word_frame[n] = kept->n_frames;
}

static COLD void keep_words_rare(struct kept_stack *kept, const struct unwound_frame *frame,
                                 const struct unwind_cursor *after, bool caller_needs_fp) {
    struct unwind_read read = unwind_words_rare(frame, after);
    for (uint32_t i = read.n; i-- > 0;) {
        if (!(read.fp_word >> i & 1) || caller_needs_fp) {
            keep_word(kept, read.word[i].address, read.word[i].value);
        }
    }
}

/* Put a newly unwound frame on top of the kept ones. What its step read first is compared first: it stands last. */
ALWAYS_INLINE void keep(struct kept_stack *kept, const struct unwound_frame *frame, bool has_read, uint32_t stack) {
    const struct unwind_cursor *after = &frame[1].at;
    bool caller_needs_fp = kept->n_frames > 0 && kept->frames[kept->n_frames - 1].is_fp_live;
    if (UNLIKELY(cfi_rule_kind(frame->rule) > CFI_FP || !has_read)) {
        if (has_read) {
            keep_words_rare(kept, frame, after, caller_needs_fp);
        }
    } else {
        uint64_t fp_slot = cfi_rule_fp_slot(frame->rule);
        keep_word(kept, after->sp - ARCH_RA_BELOW_CFA, after->ip);
        if (fp_slot && caller_needs_fp) {
            keep_word(kept, after->sp - fp_slot, after->fp);
        }
    }
    kept->frames[kept->n_frames++] = (struct kept_frame){
        .ip = frame->at.ip,
        .sp = frame->at.sp,
        .fp = frame->at.fp,
        .stack = stack,
        .n_words = kept->n_words,
        .is_fp_live = needs_fp(frame->rule, caller_needs_fp),
    };
}

/* What unwinding has found: n frames in t->unwound, and the state behind them in t->unwound[n]. */
struct found {
    uint32_t n;
    uint32_t n_kept;        /* kept frames that go on from there, 0 = the stack ends */
    enum unwind_result end; /* how, if it does */
    bool is_away;           /* it went through Go's code, perhaps over a stack of a goroutine's */
};

/* Unwind until the state of a kept frame is met whose words hold. */
ALWAYS_INLINE struct found unwind_new(struct thread_state *t, struct arch_caller caller) {
    const struct kept_stack *kept = &t->kept;
    struct unwound_frame *unwound = t->unwound;
    struct unwind_cursor c = {.ip = caller.ip, .sp = caller.sp, .fp = caller.fp};
    const struct kept_frame *candidates_end = kept->frames + kept->n_frames; /* those before may still be met */
    enum unwind_result end = UNWIND_END;
    uint32_t n = 0;
    for (;;) {
        while (candidates_end[-1].sp < c.sp) { /* ends at the frame that is never met */
            candidates_end--;
        }
        if (is_state_of(&candidates_end[-1], &c)) {
            uint32_t n_words = candidates_end[-1].n_words;
            uint32_t left = LIKELY(!kept->is_elsewhere) ? compare_words(kept, n_words)
                                                        : compare_words_asking(kept, n_words, &t->bounds);
            if (LIKELY(left == 0)) {
                break;
            }
            candidates_end = kept->frames + kept->word_frame[left - 1]; /* outside of the step that read it */
        }
        struct unwound_frame *frame = &unwound[n++];
        frame->at = c;
        frame->rule = cfi_rule(c.ip);
        end = unwind_step(&c, frame->rule, &t->bounds);
        if (UNLIKELY(end != UNWIND_CALLER || n == t->frames_cap)) {
            candidates_end = kept->frames;
            break;
        }
    }
    unwound[n].at = c;
    return (struct found){.n = n, .n_kept = (uint32_t)(candidates_end - kept->frames), .end = end};
}

/* Whether the scratch has room for all of the stack, and the kept part is not short of frames that there would be room for now. */
ALWAYS_INLINE bool fits(const struct thread_state *t, const struct found *found) {
    return found->n + found->n_kept < t->frames_cap && !(t->kept.is_full && found->n_kept > 0);
}

/* The stack does not fit the scratch. Returns whether it may do so in another attempt. */
static COLD bool make_room(struct thread_state *t) {
    bool had_kept = t->kept.n_frames > 0;
    t->kept.n_frames = 0;
    return thread_grow_scratch(t) || had_kept;
}

/* Put the new frames on the kept ones. Returns the stack's id. */
ALWAYS_INLINE uint32_t keep_found(struct thread_state *t, const struct found *found, uint32_t root) {
    struct kept_stack *kept = &t->kept;
    kept->n_frames = found->n_kept;
    kept->n_words = found->n_kept ? kept->frames[found->n_kept - 1].n_words : 0;
    uint32_t stack = found->n_kept ? kept->frames[found->n_kept - 1].stack : root;
    bool has_read = found->n_kept > 0 || found->end == UNWIND_END_READ; /* the outermost new frame's step */
    bool is_interrupted = false;
    for (uint32_t i = found->n; i-- > 0;) {
        uint32_t child = stack_child_memo(&t->memo, stack, t->unwound[i].at.ip);
        if (UNLIKELY(!child)) {
            ring_count_lost(RING_LOST_STACKS, 1);
            kept->n_frames = 0;
            return stack;
        }
        stack = child;
        is_interrupted |= cfi_rule_kind(t->unwound[i].rule) == CFI_SIGNAL;
        keep(kept, &t->unwound[i], has_read, stack);
        has_read = true;
    }
    if (UNLIKELY((found->n_kept == 0 && found->end == UNWIND_END_HALF) || is_interrupted || found->is_away)) {
        kept->n_frames =
            0; /* there is no telling by which words it ended; or the stack that was interrupted may be unmapped by then */
    }
    return stack;
}

/* Forget the kept stack where it says nothing about stacks that begin here. */
ALWAYS_INLINE void check_kept(struct thread_state *t, uint32_t root, bool is_elsewhere) {
    struct kept_stack *kept = &t->kept;
    if (UNLIKELY(kept->root != root || kept->is_elsewhere != is_elsewhere)) {
        t->bounds.is_cut = false;
        kept->root = root;
        kept->is_elsewhere = is_elsewhere;
        kept->n_frames = 0;
    }
}

uint32_t capture_by_reuse(struct thread_state *t, struct arch_caller caller) {
    struct kept_stack *kept = &t->kept;
    bool is_elsewhere = unwind_begin(&t->bounds, caller.sp);
    struct found found;
    uint32_t root;
    do {
        root = stack_root();
        check_kept(t, root, is_elsewhere);
        found = unwind_new(t, caller);
        found.is_away = t->bounds.is_away;
        t->bounds.is_away = false;
        /* The root changes when a module of this stack turns out to be another than before. */
    } while (UNLIKELY(stack_root() != root) || (UNLIKELY(!fits(t, &found)) && make_room(t)));
    if (UNLIKELY(found.n_kept == 0)) {
        kept->is_full = found.end == UNWIND_CALLER;
        kept->is_cut = kept->is_full || found.end == UNWIND_CUT || t->bounds.is_cut;
        t->bounds.is_cut = false;
    }
    if (UNLIKELY(kept->is_cut)) {
        ring_count_lost(RING_LOST_CUT_STACKS, 1);
    }
    uint32_t stack = keep_found(t, &found, root);
    if (UNLIKELY(is_elsewhere) && found.n_kept == 0 && kept->n_frames > 0 &&
        unwind_settle(&t->bounds, caller.sp, &t->unwound[found.n - 1])) {
        kept->is_elsewhere = false;
    }
    return stack;
}

const struct unwinder_ops unwinder_reuse = {.name = "reuse", .init = NULL, .capture = capture_by_reuse};
