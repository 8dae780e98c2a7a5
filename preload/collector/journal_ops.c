/* journal_ops.c - see journal_ops.h. */
#include "journal_ops.h"

#include "memory.h"

enum { FIRST_WORDS = 4096 };

void journal_ops_free(struct journal_ops *ops) {
    memory_unmap(ops->words, ops->cap * sizeof *ops->words);
    *ops = (struct journal_ops){0};
}

void journal_ops_clear(struct journal_ops *ops) {
    ops->n = 0;
    ops->has_target = false;
}

uint64_t *journal_ops_reserve(struct journal_ops *ops, size_t n) {
    size_t cap = ops->cap ? ops->cap : FIRST_WORDS;
    while (cap < ops->n + n) {
        cap *= 2;
    }
    if (cap > ops->cap) {
        ops->words = memory_grow(ops->words, ops->cap * sizeof *ops->words, cap * sizeof *ops->words);
        ops->cap = cap;
    }
    return ops->words + ops->n;
}

void journal_op(struct journal_ops *ops, enum journal_op op, uint32_t number) {
    if (ops->is_kept) {
        *journal_ops_reserve(ops, 1) = (uint64_t)op << JOURNAL_OP_SHIFT | number;
        ops->n++;
    }
}

void journal_op_block(struct journal_ops *ops, uint64_t word) {
    if (ops->is_kept) {
        *journal_ops_reserve(ops, 1) = word;
        ops->n++;
    }
}

void journal_op_word(struct journal_ops *ops, enum journal_op op, uint32_t number, uint64_t word) {
    journal_op(ops, op, number);
    journal_op_block(ops, word);
}

void journal_ops_target(struct journal_ops *ops, uint32_t id) {
    if (!ops->has_target || ops->target != id) {
        journal_op(ops, JOURNAL_OP_TARGET, id);
        ops->target = id;
        ops->has_target = ops->is_kept;
    }
}
