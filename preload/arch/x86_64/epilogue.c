/* epilogue.c (x86-64) - the end of a function, as Go's compiler and its assembly write it, and what its runtime does to return to another stack.
 *
 * Source: Intel SDM vol. 2, chapter 2 (prefixes, ModR/M, SIB) and ADD, MOV, MOVUPS, POP, RET.
 */
#include <string.h>

#include "arch.h"

enum {
    REX = 0x40, /* 0100WRXB */
    REX_W = 8,
    REX_R = 4,
    REX_B = 1,
    SP_OR_SIB = 4, /* in ModR/M and SIB: rsp, or that a SIB follows */
    SIB_OF_SP = 0x24,
    FP = 5,
    SI = 6,
    DI = 7,
    OP_ADD_8 = 0x83,
    OP_ADD_32 = 0x81,
    OP_MOV = 0x8b,
    OP_POP = 0x58,
    OP_RET = 0xc3,
    OP_CALL = 0xe8,
    OP_SUB = 0x2b,
    OP_TWO_BYTES = 0x0f,
    OP_MOVUPS = 0x10,
    INSTRUCTION_BYTES_MAX = 15,
    SLOT_MAX = 512,
};

/* Where the reading has come to. */
struct reading {
    const uint8_t *p;
    uint64_t above_sp; /* how far the stack pointer has moved */
    uint64_t fp_at;    /* above the first stack pointer, where fp was loaded from, and 1; 0 = it was not */
    bool is_return;
};

static int32_t as_signed(uint8_t byte) {
    return (byte ^ 0x80) - 0x80;
}

/* An operand disp(%rsp), behind its opcode. Returns its register's number, -1 if it is another operand. */
static int read_operand(struct reading *r, unsigned rex, uint64_t *displacement) {
    unsigned mod = r->p[0] >> 6, reg = r->p[0] >> 3 & 7;
    int32_t wide;
    if ((r->p[0] & 7) != SP_OR_SIB || r->p[1] != SIB_OF_SP || (rex & REX_B) || mod == 3) {
        return -1;
    }
    r->p += 2;
    *displacement = 0;
    if (mod == 1) {
        *displacement = (uint64_t)(int64_t)as_signed(*r->p++);
    } else if (mod == 2) {
        memcpy(&wide, r->p, sizeof wide);
        *displacement = (uint64_t)(int64_t)wide;
        r->p += sizeof wide;
    }
    return (int)(reg | (rex & REX_R ? 8 : 0));
}

/* add $n, %rsp. */
static bool read_add(struct reading *r, uint8_t opcode) {
    int32_t n;
    if (*r->p++ != 0xc4) {
        return false;
    }
    if (opcode == OP_ADD_8) {
        n = as_signed(*r->p++);
    } else {
        memcpy(&n, r->p, sizeof n);
        r->p += sizeof n;
    }
    r->above_sp += (uint64_t)(int64_t)n;
    return n > 0;
}

/* mov disp(%rsp), %register, of 4 or 8 bytes. */
static bool read_mov(struct reading *r, unsigned rex) {
    uint64_t displacement;
    int reg = read_operand(r, rex, &displacement);
    if (reg == FP) {
        r->fp_at = r->above_sp + displacement + 1;
        return (rex & REX_W) != 0;
    }
    return reg >= 0 && reg != SP_OR_SIB;
}

static bool read_pop(struct reading *r, unsigned reg) {
    if (reg == FP) {
        r->fp_at = r->above_sp + 1;
    }
    r->above_sp += 8;
    return reg != SP_OR_SIB;
}

static bool read_instruction(struct reading *r) {
    uint64_t unused;
    unsigned rex = (*r->p & 0xf0) == REX ? *r->p++ : 0;
    uint8_t opcode = *r->p++;
    switch (opcode) {
    case OP_ADD_8:
    case OP_ADD_32:
        return rex == (REX | REX_W) && read_add(r, opcode);
    case OP_MOV:
        return read_mov(r, rex);
    case OP_TWO_BYTES:
        return *r->p++ == OP_MOVUPS && read_operand(r, rex, &unused) >= 0;
    case OP_RET:
        r->is_return = true;
        return rex == 0;
    default:
        return (opcode & 0xf8) == OP_POP && read_pop(r, (opcode & 7u) | (rex & REX_B ? 8 : 0));
    }
}

bool arch_read_epilogue(const uint8_t *pc, uint32_t n, struct arch_epilogue *epilogue) {
    struct reading r = {.p = pc};
    while (!r.is_return) {
        if (r.p + INSTRUCTION_BYTES_MAX > pc + n || !read_instruction(&r)) {
            return false;
        }
    }
    uint64_t cfa = r.above_sp + 8;
    uint64_t fp_at = r.fp_at - 1;
    if (r.fp_at && (fp_at >= r.above_sp || fp_at % 8)) {
        return false;
    }
    *epilogue = (struct arch_epilogue){.cfa_above_sp = cfa, .fp_below_cfa = r.fp_at ? cfa - fp_at : 0};
    return cfa % 8 == 0;
}

/* mov disp(%rsp), %register or sub disp(%rsp), %register, of 8 bytes. */
static bool read_word(struct reading *r, uint8_t opcode, int reg, uint64_t *displacement) {
    return *r->p++ == (REX | REX_W) && *r->p++ == opcode && read_operand(r, REX, displacement) == reg;
}

/* mov disp(%rsp), %rdi; mov 8(%rdi), %rsi; sub disp(%rsp), %rsi. The first may stand behind an instruction that loads where g is kept. */
static bool is_by_depth(const uint8_t *pc, uint64_t *slot) {
    static const uint8_t stack_end_of_g[] = {0x48, 0x8b, 0x77, 0x08};
    uint64_t g_slot;
    bool has_address = memcmp(pc, "\x48\xc7\xc1", 3) == 0 || memcmp(pc, "\x48\x8b\x0d", 3) == 0;
    struct reading r = {.p = has_address ? pc + 7 : pc};
    if (!read_word(&r, OP_MOV, DI, &g_slot) || memcmp(r.p, stack_end_of_g, sizeof stack_end_of_g) != 0) {
        return false;
    }
    r.p += sizeof stack_end_of_g;
    return read_word(&r, OP_SUB, SI, slot) && g_slot == *slot + 8;
}

/* mov disp(%rsp), %rsi; mov %rsi, %rsp. */
static bool is_by_sp(const uint8_t *pc, uint64_t *slot) {
    struct reading r = {.p = pc};
    return read_word(&r, OP_MOV, SI, slot) && memcmp(r.p, "\x48\x89\xf4", 3) == 0;
}

enum arch_go_call arch_read_go_call(const uint8_t *pc, uint64_t *slot) {
    if (pc[0] == OP_POP || (pc[0] == OP_CALL && pc[5] == OP_RET)) {
        return ARCH_GO_CALL_FOR_GOOD;
    }
    if (is_by_depth(pc, slot)) {
        return *slot < SLOT_MAX && *slot % 8 == 0 ? ARCH_GO_CALL_BY_DEPTH : ARCH_GO_CALL;
    }
    if (is_by_sp(pc, slot)) {
        return *slot < SLOT_MAX && *slot % 8 == 0 ? ARCH_GO_CALL_BY_SP : ARCH_GO_CALL;
    }
    return memcmp(pc - 2, "\xff\xd7", 2) == 0 ? ARCH_GO_CALL_ON_G0 : ARCH_GO_CALL;
}
