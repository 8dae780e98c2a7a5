/* kept_stack.h - a thread's last call stack, with the evidence that it is still there.
 *
 * An unwinder is a function of (ip, sp, fp where an outer frame needs it), the CFI of the mapped modules, and the words of memory that it
 * reads. So the last stack is kept as frames with that state, and as the flat list of (address, value) that was read on
 * the way out. If a new capture reaches the state of a kept frame, and the words from there outwards still hold their values, then unwinding
 * on would give the same frames again: the kept id is the answer. It does not matter how the stack came to be so; longjmp,
 * exceptions, coroutines and reused stack memory change nothing. Without comparing the words, 25 % of cc1's stacks come out wrong.
 *
 * Words are compared from the innermost outwards. A word is looked at only when all inner ones agree, which means that unwinding would read
 * that very address now: so comparing touches no memory that unwinding would not.
 *
 *    frames   [0] outermost   ...   [n_frames - 1] innermost        words   [0] read last  ...  [n_words - 1] read first
 *    frames[i].n_words = number of words that lead outwards from frame i
 */
#ifndef SEEP_KEPT_STACK_H
#define SEEP_KEPT_STACK_H

#include <stdbool.h>
#include <stdint.h>

enum { KEPT_WORDS_PER_FRAME = 3 };

struct kept_frame {
    uint64_t ip, sp, fp;
    uint32_t stack;      /* id of the stack that ends here */
    uint32_t n_words;    /* words[0..n_words) lead from here to the outermost frame */
    uint32_t is_fp_live; /* an outer frame, or this one, is found through fp */
    uint32_t unused;
};

struct kept_word {
    uint64_t address, value;
};

/* What is followed from frame to frame. */
struct unwind_cursor {
    uint64_t ip, sp, fp;
};

/* What may be read. The thread's own stack stays as long as the thread; any other (a coroutine's, an alternate signal stack) may go at any
 * time, and where it ends is unknown, so its pages are asked about anew in each capture. */
struct unwind_bounds {
    uint64_t own_low,
        own_high;       /* the thread's own stack, as far down as a stack that ended in order has shown it to be one */
    uint64_t low, high; /* pages elsewhere, found readable in this capture */
    bool is_cut;        /* something in it could not be asked about, because hooks must be quiet */
    bool is_away;       /* this capture has met Go's code */
};

/* A frame just unwound: its state and its rule. With its caller's state they tell which words the step read. */
struct unwound_frame {
    struct unwind_cursor at;
    uint32_t rule;
};

struct kept_stack {
    uint32_t n_frames, n_words;
    uint32_t root;             /* the epoch's root that it stands on */
    bool is_elsewhere;         /* it begins on another stack than the thread's own */
    bool is_cut;               /* its outermost frames are not known */
    bool is_full;              /* and that only for want of room: a shorter stack may have them */
    struct kept_frame *frames; /* frames[-1] is never met: its sp is the highest there can be */
    struct kept_word *words;   /* words[-1] never holds */
    uint32_t *word_frame;      /* the frame that the word led outwards from */
};

#endif
