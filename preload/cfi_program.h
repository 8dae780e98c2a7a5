/* cfi_program.h - reading call frame information: FDEs, their programs, the few expressions that compilers emit there.
 *
 * Only what leads to the caller is followed: the CFA, the frame pointer, the return address.
 * Source: DWARF 5 section 6.4; LSB 5.0 section 10.6; GCC's dwarf2cfi.cc for the shapes of realigned frames.
 * Context  all of it: any thread, inside malloc, async-signal-safe; under 1 KB of stack.
 */
#ifndef SEEP_CFI_PROGRAM_H
#define SEEP_CFI_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "varint.h"

/* Where a register of the caller is. */
enum cfi_where {
    CFI_AT_SAME,       /* unchanged */
    CFI_AT_NOWHERE,    /* undefined; for the return address: no caller */
    CFI_AT_CFA,        /* in memory at CFA + offset */
    CFI_AT_EXPRESSION, /* in memory at what an expression says */
    CFI_AT_ELSEWHERE,  /* anything else */
};

struct cfi_place {
    uint8_t how; /* enum cfi_where */
    uint16_t expression_bytes;
    int32_t offset;
    const uint8_t *expression;
};

struct cfi_row {
    uint8_t cfa_register; /* DWARF number; 255 = one that is not followed */
    uint16_t cfa_expression_bytes;
    int32_t cfa_offset;
    const uint8_t *cfa_expression; /* NULL: register + offset */
    struct cfi_place fp, ra;
};

struct cfi_fde {
    const uint8_t *cie_program, *cie_end;
    const uint8_t *program, *end;
    uint64_t start; /* first pc */
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointer_encoding;
    bool is_signal_frame;
};

/* Read a signed LEB128; n little-endian bytes as an unsigned number. */
int64_t cfi_read_sleb(struct byte_reader *r);
uint64_t cfi_read_fixed(struct byte_reader *r, unsigned n);

/* Read a pointer in one of the DW_EH_PE encodings; data_base is what datarel is relative to. */
uint64_t cfi_read_encoded(struct byte_reader *r, uint8_t encoding, uint64_t data_base);

/* Read an FDE and its CIE. Returns false if it does not cover pc or is of a kind not known. */
MUST_CHECK bool cfi_parse_fde(const uint8_t *fde_bytes, uint64_t pc, struct cfi_fde *fde);

/* Run the CIE's and the FDE's program up to pc. Returns false at an operation that is not known. */
MUST_CHECK bool cfi_run(const struct cfi_fde *fde, uint64_t pc, struct cfi_row *row);

/* Whether the CFA is the word at fp + *below and the caller's fp is the word at fp. */
bool cfi_is_deref_of_fp(const struct cfi_row *row, int64_t *below);

/* Whether the CFA's expression amounts to sp + *offset for this pc (procedure linkage tables). */
bool cfi_expression_as_sp(const struct cfi_row *row, uint64_t pc, int64_t *offset);

#endif
