/* cfi_entry.c - FDEs and CIEs, and the numbers they are made of; see cfi_program.h. */
#include "cfi_program.h"

#include <string.h>

#include "arch.h"

enum { ENTRY_BYTES_MAX = 1 << 24 };

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

int64_t cfi_read_sleb(struct byte_reader *r) {
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

uint64_t cfi_read_fixed(struct byte_reader *r, unsigned n) {
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
        v = cfi_read_fixed(r, 8);
        break;
    case PE_ULEB:
        v = varint_get(r);
        break;
    case PE_U2:
        v = cfi_read_fixed(r, 2);
        break;
    case PE_U4:
        v = cfi_read_fixed(r, 4);
        break;
    case PE_SLEB:
        v = (uint64_t)cfi_read_sleb(r);
        break;
    case PE_S2:
        v = (uint64_t)(int64_t)(int16_t)cfi_read_fixed(r, 2);
        break;
    case PE_S4:
        v = (uint64_t)(int64_t)(int32_t)cfi_read_fixed(r, 4);
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
            fde->pointer_encoding = (uint8_t)cfi_read_fixed(&a, 1);
            break;
        case 'P': {
            uint8_t encoding = (uint8_t)cfi_read_fixed(&a, 1);
            cfi_read_encoded(&a, encoding & (uint8_t)~PE_INDIRECT, 0);
            break;
        }
        case 'L':
            cfi_read_fixed(&a, 1);
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
    uint8_t version = (uint8_t)cfi_read_fixed(&r, 1);
    const char *letters = (const char *)r.p;
    const uint8_t *nul = memchr(r.p, 0, byte_reader_left(&r));
    if ((version != 1 && version != 3) || !nul) {
        return false;
    }
    r.p = nul + 1;
    fde->code_align = varint_get(&r);
    fde->data_align = cfi_read_sleb(&r);
    uint64_t ra = version == 1 ? cfi_read_fixed(&r, 1) : varint_get(&r);
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
