/* cfi_program.c - running the programs of call frame information; see cfi_program.h. */
#include "cfi_program.h"

#include <string.h>

#include "arch.h"

enum { REMEMBERED_MAX = 8, REGISTER_NOT_FOLLOWED = 255 };

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
        set_place(m, reg, CFI_AT_CFA, cfi_read_sleb(r) * align);
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
        cfi_read_sleb(r);
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
        define_cfa(m, reg, cfi_read_sleb(r) * align);
        return true;
    case CFA_DEF_REGISTER:
        define_cfa(m, varint_get(r), m->row.cfa_offset);
        return true;
    case CFA_DEF_OFFSET:
        m->row.cfa_offset = (int32_t)varint_get(r);
        return true;
    case CFA_DEF_OFFSET_SF:
        m->row.cfa_offset = (int32_t)(cfi_read_sleb(r) * align);
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
        return cfi_read_fixed(r, 1) * unit;
    case CFA_ADVANCE_2:
        return cfi_read_fixed(r, 2) * unit;
    case CFA_ADVANCE_4:
        return cfi_read_fixed(r, 4) * unit;
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
