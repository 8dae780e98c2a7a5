/* journal_ops.h - what happened to the live maps, as words for the journal (journal.h).
 *
 * Blocks in the leaves of a live map are not told of one by one: a leaf notes which of its cache lines have been touched, and at the commit
 * those are written as they are then. What came and went in between costs nothing. The rest is rare and stands in its order:
 *
 *   TARGET id                     what follows is about that target
 *   LEAF lines, page, masks, …    for each bit of `lines` a byte that says which of the line's 8 places hold a block; then these blocks
 *   CLEAR, page                   no block of the page is in a leaf any more
 *   PUT, address, block           a block that is not in a leaf
 *   TAKE, address                 it has ended
 *   FORK serial                   what is alive is copied for a child
 *   INHERIT serial, parent        it becomes what is alive in this target
 *   COPY serial … COPY_END        what stands between is such a copy
 *   FORGET                        nothing is alive any more
 *
 * A word: op << 32 | number. Blocks: info | birth << 32.
 */
#ifndef SEEP_COLLECTOR_JOURNAL_OPS_H
#define SEEP_COLLECTOR_JOURNAL_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum journal_op {
    JOURNAL_OP_TARGET = 1,
    JOURNAL_OP_LEAF = 2,
    JOURNAL_OP_CLEAR = 3,
    JOURNAL_OP_PUT = 4,
    JOURNAL_OP_TAKE = 5,
    JOURNAL_OP_FORK = 6,
    JOURNAL_OP_INHERIT = 7,
    JOURNAL_OP_COPY = 8,
    JOURNAL_OP_COPY_END = 9,
    JOURNAL_OP_FORGET = 10,
};

enum { JOURNAL_OP_SHIFT = 32 };

struct journal_ops {
    uint64_t *words;
    size_t n, cap;
    uint64_t copied_bytes; /* by forks: what doing them again costs */
    uint32_t target;       /* id that the words so far are about, */
    bool has_target;       /* if any */
    bool is_kept;          /* false: nothing is noted */
};

void journal_ops_free(struct journal_ops *ops);

/* Room for n more words; the caller adds what it used to ops->n. */
uint64_t *journal_ops_reserve(struct journal_ops *ops, size_t n);

/* Append an operation; word: what follows it. Nothing where none are kept. */
void journal_op(struct journal_ops *ops, enum journal_op op, uint32_t number);
void journal_op_word(struct journal_ops *ops, enum journal_op op, uint32_t number, uint64_t word);
void journal_op_block(struct journal_ops *ops, uint64_t word); /* another word */

/* What is appended from here on is about that target. */
void journal_ops_target(struct journal_ops *ops, uint32_t id);

/* Forget all words. */
void journal_ops_clear(struct journal_ops *ops);

#endif
