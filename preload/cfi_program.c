/* cfi_program.c - see cfi_program.h. */
#include "cfi_program.h"

#include <string.h>

#include "arch.h"

enum { ENTRY_BYTES_MAX = 1 << 24, REMEMBERED_MAX = 8, OPERANDS_MAX = 8, REGISTER_NOT_FOLLOWED = 255 };

/* Pointer encodings (LSB 5.0, table 10-4 and 10-5). */
enum {
    PE_OMIT = 0xff,
    PE_FORM = 0x0f,
    PE_ABSOLUTE = 0x00,
    PE_ULEB = 0x01,
    PE_U2 = 0x02,
    PE_U4 = 0x03,
    PE_U8 = 0x04,
    PE_SLEB = 0x09,
    PE_S2 = 0x0a,
    PE_S4 = 0x0b,
    PE_S8 = 0x0c,
    PE_BASE = 0x70,
    PE_PCREL = 0x10,
    PE_DATAREL = 0x30,
    PE_INDIRECT = 0x80,
};

/* Operations of call frame programs (DWARF 5, table 7.29; the two GNU ones from GCC). */
enum {
    CFA_ADVANCE = 0x40, /* these three carry an operand in their low 6 bits */
    CFA_OFFSET = 0x80,
    CFA_RESTORE = 0xc0,
    CFA_NOP = 0x00,
    CFA_SET_LOC = 0x01,
    CFA_ADVANCE_1 = 0x02,
    CFA_ADVANCE_2 = 0x03,
    CFA_ADVANCE_4 = 0x04,
    CFA_OFFSET_EXTENDED = 0x05,
    CFA_RESTORE_EXTENDED = 0x06,
    CFA_UNDEFINED = 0x07,
    CFA_SAME_VALUE = 0x08,
    CFA_REGISTER = 0x09,
    CFA_REMEMBER = 0x0a,
    CFA_RESTORE_STATE = 0x0b,
    CFA_DEF = 0x0c,
    CFA_DEF_REGISTER = 0x0d,
    CFA_DEF_OFFSET = 0x0e,
    CFA_DEF_EXPRESSION = 0x0f,
    CFA_EXPRESSION = 0x10,
    CFA_OFFSET_EXTENDED_SF = 0x11,
    CFA_DEF_SF = 0x12,
    CFA_DEF_OFFSET_SF = 0x13,
    CFA_VAL_OFFSET = 0x14,
    CFA_VAL_OFFSET_SF = 0x15,
    CFA_VAL_EXPRESSION = 0x16,
    CFA_GNU_ARGS_SIZE = 0x2e,
    CFA_GNU_NEGATIVE_OFFSET = 0x2f,
};

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

static int64_t sleb_get(struct byte_reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t *p = byte_reader_take(r, 1);
        if (!p) {
            return 0;
        }
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (!(*p & 0x80)) {
            bool is_negative = (*p & 0x40) && shift + 7 < 64;
            return (int64_t)(is_negative ? v | ~0ull << (shift + 7) : v);
        }
    }
    r->is_failed = true;
    return 0;
}

/* n little-endian bytes as an unsigned number. */
static uint64_t fixed_get(struct byte_reader *r, unsigned n) {
    uint64_t v = 0;
    const uint8_t *p = byte_reader_take(r, n);
    if (p) {
        memcpy(&v, p, n);
    }
    return v;
}

uint64_t cfi_read_encoded(struct byte_reader *r, uint8_t encoding, uint64_t data_base) {
    if (encoding == PE_OMIT) {
        return 0;
    }
    uint64_t here = (uint64_t)r->p;
    uint64_t v;
    switch (encoding & PE_FORM) {
    case PE_ABSOLUTE:
    case PE_U8:
    case PE_S8:
        v = fixed_get(r, 8);
        break;
    case PE_ULEB:
        v = varint_get(r);
        break;
    case PE_U2:
        v = fixed_get(r, 2);
        break;
    case PE_U4:
        v = fixed_get(r, 4);
        break;
    case PE_SLEB:
        v = (uint64_t)sleb_get(r);
        break;
    case PE_S2:
        v = (uint64_t)(int64_t)(int16_t)fixed_get(r, 2);
        break;
    case PE_S4:
        v = (uint64_t)(int64_t)(int32_t)fixed_get(r, 4);
        break;
    default:
        r->is_failed = true;
        return 0;
    }
    switch (encoding & PE_BASE) {
    case PE_ABSOLUTE:
        break;
    case PE_PCREL:
        v += here;
        break;
    case PE_DATAREL:
        v += data_base;
        break;
    default:
        r->is_failed = true;
        return 0;
    }
    if ((encoding & PE_INDIRECT) && !r->is_failed) {
        memcpy(&v, (const void *)v, sizeof v); /* NOLINT: a slot of the module's own table */
    }
    return v;
}

/* The augmentation of a CIE: what a 'z' string promises. */
static bool parse_augmentation(struct byte_reader *r, const char *letters, struct cfi_fde *fde) {
    uint64_t n = varint_get(r);
    const uint8_t *data = byte_reader_take(r, n);
    if (!data) {
        return false;
    }
    struct byte_reader a = byte_reader_over(data, n);
    for (const char *c = letters; *c; c++) {
        switch (*c) {
        case 'R':
            fde->pointer_encoding = (uint8_t)fixed_get(&a, 1);
            break;
        case 'P': {
            uint8_t encoding = (uint8_t)fixed_get(&a, 1);
            cfi_read_encoded(&a, encoding & (uint8_t)~PE_INDIRECT, 0);
            break;
        }
        case 'L':
            fixed_get(&a, 1);
            break;
        case 'S':
            fde->is_signal_frame = true;
            break;
        case 'B':
            break;
        default:
            return false;
        }
    }
    return !a.is_failed;
}

static bool parse_cie(const uint8_t *cie_bytes, struct cfi_fde *fde, bool *has_augmentation) {
    uint32_t length;
    memcpy(&length, cie_bytes, sizeof length);
    if (length < 9 || length > ENTRY_BYTES_MAX) {
        return false;
    }
    struct byte_reader r = byte_reader_over(cie_bytes + 4, length);
    byte_reader_take(&r, 4); /* its id, 0 */
    uint8_t version = (uint8_t)fixed_get(&r, 1);
    const char *letters = (const char *)r.p;
    const uint8_t *nul = memchr(r.p, 0, byte_reader_left(&r));
    if ((version != 1 && version != 3) || !nul) {
        return false;
    }
    r.p = nul + 1;
    fde->code_align = varint_get(&r);
    fde->data_align = sleb_get(&r);
    uint64_t ra = version == 1 ? fixed_get(&r, 1) : varint_get(&r);
    fde->pointer_encoding = PE_ABSOLUTE;
    fde->is_signal_frame = false;
    *has_augmentation = letters[0] == 'z';
    if (ra != ARCH_DWARF_RA || (*has_augmentation && !parse_augmentation(&r, letters + 1, fde)) ||
        (!*has_augmentation && letters[0])) {
        return false;
    }
    fde->cie_program = r.p;
    fde->cie_end = r.end;
    return !r.is_failed;
}

bool cfi_parse_fde(const uint8_t *fde_bytes, uint64_t pc, struct cfi_fde *fde) {
    uint32_t length;
    uint32_t back;
    memcpy(&length, fde_bytes, sizeof length);
    if (length < 12 || length > ENTRY_BYTES_MAX) {
        return false; /* also 0xffffffff, the 64-bit form, which no linker writes here */
    }
    struct byte_reader r = byte_reader_over(fde_bytes + 4, length);
    memcpy(&back, r.p, sizeof back);
    bool has_augmentation;
    if (!parse_cie(r.p - back, fde, &has_augmentation)) {
        return false;
    }
    byte_reader_take(&r, sizeof back);
    fde->start = cfi_read_encoded(&r, fde->pointer_encoding, 0);
    uint64_t n_code_bytes = cfi_read_encoded(&r, fde->pointer_encoding & PE_FORM, 0);
    if (has_augmentation) {
        byte_reader_take(&r, varint_get(&r));
    }
    fde->program = r.p;
    fde->end = r.end;
    return !r.is_failed && pc >= fde->start && pc - fde->start < n_code_bytes;
}

/* A program being run. */
struct machine {
    const struct cfi_fde *fde;
    struct cfi_row row;
    struct cfi_row initial; /* after the CIE's program: what "restore" goes back to */
    uint64_t at, wanted;    /* the row is right from `at` on; stop before it passes `wanted` */
    unsigned n_remembered;
    struct cfi_row remembered[REMEMBERED_MAX];
};

static struct cfi_place *place_of(struct cfi_row *row, uint64_t reg) {
    return reg == ARCH_DWARF_FP ? &row->fp : reg == ARCH_DWARF_RA ? &row->ra : NULL;
}

static void set_place(struct machine *m, uint64_t reg, enum cfi_where how, int64_t offset) {
    struct cfi_place *place = place_of(&m->row, reg);
    if (place) {
        *place = (struct cfi_place){.how = (uint8_t)how, .offset = (int32_t)offset};
    }
}

static void restore_place(struct machine *m, uint64_t reg) {
    struct cfi_place *place = place_of(&m->row, reg);
    if (place) {
        *place = *place_of(&m->initial, reg);
    }
}

static void set_expression(struct machine *m, struct byte_reader *r, uint64_t reg, enum cfi_where how) {
    uint64_t n = varint_get(r);
    const uint8_t *expression = byte_reader_take(r, n);
    set_place(m, reg, how, 0);
    struct cfi_place *place = place_of(&m->row, reg);
    if (place && n <= UINT16_MAX) {
        place->expression = expression;
        place->expression_bytes = (uint16_t)n;
    }
}

static void define_cfa(struct machine *m, uint64_t reg, int64_t offset) {
    m->row.cfa_register = reg < REGISTER_NOT_FOLLOWED ? (uint8_t)reg : REGISTER_NOT_FOLLOWED;
    m->row.cfa_offset = (int32_t)offset;
    m->row.cfa_expression = NULL;
}

static bool define_cfa_expression(struct machine *m, struct byte_reader *r) {
    uint64_t n = varint_get(r);
    m->row.cfa_expression = byte_reader_take(r, n);
    m->row.cfa_expression_bytes = (uint16_t)n;
    return n <= UINT16_MAX && m->row.cfa_expression;
}

static bool remember(struct machine *m) {
    if (m->n_remembered == REMEMBERED_MAX) {
        return false;
    }
    m->remembered[m->n_remembered++] = m->row;
    return true;
}

static bool restore_state(struct machine *m) {
    if (m->n_remembered == 0) {
        return false;
    }
    m->row = m->remembered[--m->n_remembered];
    return true;
}

/* The operations without an operand in the code byte that move no location. Returns false for one not known. */
static bool run_extended(struct machine *m, struct byte_reader *r, uint8_t op) {
    int64_t align = m->fde->data_align;
    uint64_t reg;
    switch (op) {
    case CFA_NOP:
        return true;
    case CFA_OFFSET_EXTENDED:
        reg = varint_get(r);
        set_place(m, reg, CFI_AT_CFA, (int64_t)varint_get(r) * align);
        return true;
    case CFA_OFFSET_EXTENDED_SF:
        reg = varint_get(r);
        set_place(m, reg, CFI_AT_CFA, sleb_get(r) * align);
        return true;
    case CFA_GNU_NEGATIVE_OFFSET:
        reg = varint_get(r);
        set_place(m, reg, CFI_AT_CFA, -(int64_t)varint_get(r) * align);
        return true;
    case CFA_RESTORE_EXTENDED:
        restore_place(m, varint_get(r));
        return true;
    case CFA_UNDEFINED:
        set_place(m, varint_get(r), CFI_AT_NOWHERE, 0);
        return true;
    case CFA_SAME_VALUE:
        set_place(m, varint_get(r), CFI_AT_SAME, 0);
        return true;
    case CFA_REGISTER:
    case CFA_VAL_OFFSET:
        reg = varint_get(r);
        varint_get(r);
        set_place(m, reg, CFI_AT_ELSEWHERE, 0);
        return true;
    case CFA_VAL_OFFSET_SF:
        reg = varint_get(r);
        sleb_get(r);
        set_place(m, reg, CFI_AT_ELSEWHERE, 0);
        return true;
    case CFA_REMEMBER:
        return remember(m);
    case CFA_RESTORE_STATE:
        return restore_state(m);
    case CFA_DEF:
        reg = varint_get(r);
        define_cfa(m, reg, (int64_t)varint_get(r));
        return true;
    case CFA_DEF_SF:
        reg = varint_get(r);
        define_cfa(m, reg, sleb_get(r) * align);
        return true;
    case CFA_DEF_REGISTER:
        define_cfa(m, varint_get(r), m->row.cfa_offset);
        return true;
    case CFA_DEF_OFFSET:
        m->row.cfa_offset = (int32_t)varint_get(r);
        return true;
    case CFA_DEF_OFFSET_SF:
        m->row.cfa_offset = (int32_t)(sleb_get(r) * align);
        return true;
    case CFA_DEF_EXPRESSION:
        return define_cfa_expression(m, r);
    case CFA_EXPRESSION:
        set_expression(m, r, varint_get(r), CFI_AT_EXPRESSION);
        return true;
    case CFA_VAL_EXPRESSION:
        set_expression(m, r, varint_get(r), CFI_AT_ELSEWHERE);
        return true;
    case CFA_GNU_ARGS_SIZE:
        varint_get(r);
        return true;
    default:
        return false;
    }
}

/* How far an operation advances the location; sets *is_advance. */
static uint64_t advance_of(struct machine *m, struct byte_reader *r, uint8_t op, bool *is_advance) {
    uint64_t unit = m->fde->code_align;
    *is_advance = true;
    if ((op & 0xc0) == CFA_ADVANCE) {
        return (op & 0x3f) * unit;
    }
    switch (op) {
    case CFA_ADVANCE_1:
        return fixed_get(r, 1) * unit;
    case CFA_ADVANCE_2:
        return fixed_get(r, 2) * unit;
    case CFA_ADVANCE_4:
        return fixed_get(r, 4) * unit;
    case CFA_SET_LOC:
        return cfi_read_encoded(r, m->fde->pointer_encoding, 0) - m->at;
    default:
        *is_advance = false;
        return 0;
    }
}

static bool run_program(struct machine *m, const uint8_t *program, const uint8_t *end) {
    struct byte_reader r = byte_reader_over(program, (size_t)(end - program));
    while (byte_reader_left(&r) && !r.is_failed) {
        uint8_t op = *r.p++;
        bool is_advance;
        uint64_t advance = advance_of(m, &r, op, &is_advance);
        if (is_advance) {
            if (m->at + advance > m->wanted) {
                return true;
            }
            m->at += advance;
        } else if ((op & 0xc0) == CFA_OFFSET) {
            set_place(m, op & 0x3f, CFI_AT_CFA, (int64_t)varint_get(&r) * m->fde->data_align);
        } else if ((op & 0xc0) == CFA_RESTORE) {
            restore_place(m, op & 0x3f);
        } else if (!run_extended(m, &r, op)) {
            return false;
        }
    }
    return !r.is_failed;
}

bool cfi_run(const struct cfi_fde *fde, uint64_t pc, struct cfi_row *row) {
    struct machine m;
    memset(&m, 0, offsetof(struct machine, remembered));
    m.fde = fde;
    m.at = fde->start;
    m.wanted = pc;
    m.row.fp.how = CFI_AT_SAME;
    m.row.ra = (struct cfi_place){.how = CFI_AT_CFA, .offset = -ARCH_RA_BELOW_CFA};
    m.initial = m.row;
    if (!run_program(&m, fde->cie_program, fde->cie_end)) {
        return false;
    }
    m.initial = m.row;
    if (!run_program(&m, fde->program, fde->end)) {
        return false;
    }
    *row = m.row;
    return true;
}

bool cfi_is_deref_of_fp(const struct cfi_row *row, int64_t *below) {
    struct byte_reader r = byte_reader_over(row->cfa_expression, row->cfa_expression_bytes);
    uint64_t base = fixed_get(&r, 1);
    *below = sleb_get(&r);
    bool is_deref =
        base == OP_BREG0 + ARCH_DWARF_FP && fixed_get(&r, 1) == OP_DEREF && !r.is_failed && byte_reader_left(&r) == 0;
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
            stack[n++] = (struct operand){.v = (int64_t)fixed_get(&r, 1)};
        } else if (op == OP_BREG0 + ARCH_DWARF_SP) {
            stack[n++] = (struct operand){.is_sp = true, .v = sleb_get(&r)};
        } else if (op == OP_BREG0 + ARCH_DWARF_RA) {
            stack[n++] = (struct operand){.v = (int64_t)pc + sleb_get(&r)};
        } else {
            return false;
        }
    }
    *offset = n == 1 ? stack[0].v : 0;
    return n == 1 && stack[0].is_sp && !r.is_failed;
}
