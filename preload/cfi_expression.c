/* cfi_expression.c - the few DWARF expressions that compilers and linkers emit for a CFA; see cfi_program.h. */
#include "cfi_program.h"

#include "arch.h"

enum { OPERANDS_MAX = 8 };

/* Operations of expressions (DWARF 5, table 7.9), as far as they are met in frame information. */
enum {
    OP_DEREF = 0x06,
    OP_CONST1U = 0x08,
    OP_AND = 0x1a,
    OP_PLUS = 0x22,
    OP_PLUS_UCONST = 0x23,
    OP_SHL = 0x24,
    OP_GE = 0x2a,
    OP_LIT0 = 0x30,
    OP_LIT31 = 0x4f,
    OP_BREG0 = 0x70,
};

bool cfi_is_deref_of_fp(const struct cfi_row *row, int64_t *below) {
    struct byte_reader r = byte_reader_over(row->cfa_expression, row->cfa_expression_bytes);
    uint64_t base = cfi_read_fixed(&r, 1);
    *below = cfi_read_sleb(&r);
    bool is_deref =
        base == OP_BREG0 + ARCH_DWARF_FP && cfi_read_fixed(&r, 1) == OP_DEREF && !r.is_failed && byte_reader_left(&r) == 0;
    const uint8_t *fp = row->fp.expression;
    return is_deref && row->fp.how == CFI_AT_EXPRESSION && row->fp.expression_bytes == 2 && fp &&
           fp[0] == OP_BREG0 + ARCH_DWARF_FP && fp[1] == 0;
}

/* A number, or sp plus a number. */
struct operand {
    bool is_sp;
    int64_t v;
};

static bool run_binary(struct operand *a, const struct operand *b, uint8_t op) {
    bool is_plus = op == OP_PLUS;
    if (b->is_sp && !(is_plus && !a->is_sp)) {
        return false;
    }
    if (a->is_sp && !is_plus) {
        return false;
    }
    a->is_sp |= b->is_sp;
    switch (op) {
    case OP_PLUS:
        a->v += b->v;
        return true;
    case OP_AND:
        a->v &= b->v;
        return true;
    case OP_GE:
        a->v = a->v >= b->v;
        return true;
    case OP_SHL:
        a->v = b->v >= 0 && b->v < 32 ? (int64_t)((uint64_t)a->v << b->v) : 0;
        return true;
    default:
        return false;
    }
}

bool cfi_expression_as_sp(const struct cfi_row *row, uint64_t pc, int64_t *offset) {
    struct byte_reader r = byte_reader_over(row->cfa_expression, row->cfa_expression_bytes);
    struct operand stack[OPERANDS_MAX];
    unsigned n = 0;
    while (byte_reader_left(&r) && !r.is_failed) {
        uint8_t op = *r.p++;
        if (op == OP_PLUS_UCONST && n >= 1) {
            stack[n - 1].v += (int64_t)varint_get(&r);
        } else if ((op == OP_PLUS || op == OP_AND || op == OP_GE || op == OP_SHL) && n >= 2) {
            n--;
            if (!run_binary(&stack[n - 1], &stack[n], op)) {
                return false;
            }
        } else if (n == OPERANDS_MAX) {
            return false;
        } else if (op >= OP_LIT0 && op <= OP_LIT31) {
            stack[n++] = (struct operand){.v = op - OP_LIT0};
        } else if (op == OP_CONST1U) {
            stack[n++] = (struct operand){.v = (int64_t)cfi_read_fixed(&r, 1)};
        } else if (op == OP_BREG0 + ARCH_DWARF_SP) {
            stack[n++] = (struct operand){.is_sp = true, .v = cfi_read_sleb(&r)};
        } else if (op == OP_BREG0 + ARCH_DWARF_RA) {
            stack[n++] = (struct operand){.v = (int64_t)pc + cfi_read_sleb(&r)};
        } else {
            return false;
        }
    }
    *offset = n == 1 ? stack[0].v : 0;
    return n == 1 && stack[0].is_sp && !r.is_failed;
}
