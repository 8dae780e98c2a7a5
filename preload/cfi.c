/* cfi.c - from .eh_frame to a rule; see cfi.h. Everything here is cold: once per ip. */
#include "cfi.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "arch.h"
#include "cfi_program.h"
#include "go_rule.h"
#include "modules.h"

_Atomic uint64_t cfi_front[1 << CFI_FRONT_BITS];
static _Atomic uint64_t cfi_cache[1 << CFI_CACHE_BITS];

static_assert(CFI_FRONT_RULE_BITS + CFI_IP_BITS - CFI_FRONT_BITS == 64, "a front entry is full");

enum { HDR_TABLE_ENCODING = 0x3b /* DW_EH_PE_datarel | DW_EH_PE_sdata4 */ };

static uint32_t encode(enum cfi_kind kind, uint64_t offset, uint64_t fp_slot) {
    if (offset % 8 || fp_slot % 8 || offset / 8 >= 1u << CFI_OFFSET_BITS || fp_slot / 8 >= 1u << (32 - CFI_FP_SLOT_SHIFT)) {
        return CFI_COMPLEX;
    }
    return kind | (uint32_t)(offset / 8) << CFI_KIND_BITS | (uint32_t)(fp_slot / 8) << CFI_FP_SLOT_SHIFT;
}

/* A row as a rule, where one word can hold it. */
static uint32_t encode_row(const struct cfi_row *row, uint64_t pc) {
    if (row->ra.how == CFI_AT_NOWHERE) {
        return CFI_END;
    }
    if (row->ra.how != CFI_AT_CFA || row->ra.offset != -ARCH_RA_BELOW_CFA) {
        return CFI_COMPLEX;
    }
    int64_t sp_offset;
    if (row->cfa_expression) {
        int64_t below;
        if (cfi_is_deref_of_fp(row, &below) && below < 0) {
            return encode(CFI_FP_DEREF, (uint64_t)-below, 0);
        }
        return cfi_expression_as_sp(row, pc, &sp_offset) && sp_offset > 0 ? encode(CFI_SP, (uint64_t)sp_offset, 0)
                                                                          : (uint32_t)CFI_COMPLEX;
    }
    if (row->cfa_offset <= 0 || (row->cfa_register != ARCH_DWARF_SP && row->cfa_register != ARCH_DWARF_FP)) {
        return CFI_COMPLEX;
    }
    uint64_t fp_slot = 0;
    if (row->fp.how == CFI_AT_CFA && row->fp.offset < 0) {
        fp_slot = (uint64_t)-row->fp.offset;
    } else if (row->fp.how != CFI_AT_SAME && row->fp.how != CFI_AT_NOWHERE) {
        return CFI_COMPLEX;
    }
    return encode(row->cfa_register == ARCH_DWARF_SP ? CFI_SP : CFI_FP, (uint64_t)row->cfa_offset, fp_slot);
}

/* The table of an .eh_frame_hdr: pairs of (function start, FDE), both relative to the header, sorted. */
static const uint8_t *find_fde(const uint8_t *hdr, uint64_t pc) {
    struct byte_reader r = byte_reader_over(hdr, 64);
    const uint8_t *head = byte_reader_take(&r, 4);
    if (head[0] != 1 || head[3] != HDR_TABLE_ENCODING) {
        return NULL;
    }
    cfi_read_encoded(&r, head[1], (uint64_t)hdr);
    uint64_t n = cfi_read_encoded(&r, head[2], (uint64_t)hdr);
    if (r.is_failed) {
        return NULL;
    }
    const uint8_t *pairs = r.p;
    int64_t wanted = (int64_t)(pc - (uint64_t)hdr);
    uint64_t low = 0;
    uint64_t high = n; /* pairs before low start at or before pc, from high on after it */
    int32_t pair[2];
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        memcpy(pair, pairs + middle * sizeof pair, sizeof pair);
        if (pair[0] <= wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return NULL;
    }
    memcpy(pair, pairs + (low - 1) * sizeof pair, sizeof pair);
    return hdr + pair[1];
}

uint32_t cfi_compute(const uint8_t *eh_frame_hdr, uint64_t pc) {
    const uint8_t *fde_bytes = find_fde(eh_frame_hdr, pc);
    struct cfi_fde fde;
    if (!fde_bytes || !cfi_parse_fde(fde_bytes, pc, &fde)) {
        return CFI_NO_ENTRY;
    }
    if (fde.is_signal_frame) {
        return CFI_SIGNAL;
    }
    struct cfi_row row;
    return cfi_run(&fde, pc, &row) ? encode_row(&row, pc) : (uint32_t)CFI_COMPLEX;
}

static uint32_t compute_anywhere(uint64_t pc) {
    struct module_view module;
    if (!module_find(pc, &module)) {
        return CFI_GUESS;
    }
    uint32_t rule = module.eh_frame_hdr ? cfi_compute(module.eh_frame_hdr, pc) : (uint32_t)CFI_NO_ENTRY;
    if (rule == CFI_NO_ENTRY && pc + 10 < module.code_end && arch_is_sigreturn((const uint8_t *)pc + 1)) {
        return CFI_SIGNAL; /* a runtime's own signal return, without CFI */
    }
    bool is_go = rule == CFI_NO_ENTRY && pc + 1 < module.code_end && module_is_go(pc);
    return is_go ? go_rule(pc + 1, module.code_start, module.code_end) : rule;
}

static COLD uint32_t rule_slow(uint64_t ip, uint64_t mixed) {
    uint32_t rule = compute_anywhere(ip - 1);
    atomic_store_explicit(&cfi_cache[mixed >> 32], mixed << 32 | rule, memory_order_relaxed);
    return rule;
}

/* Enter a rule in the front, if its numbers are small enough. */
static void put_in_front(uint64_t mixed, uint32_t rule) {
    uint32_t kind_and_offset = rule & ((1u << CFI_FP_SLOT_SHIFT) - 1), slot = rule >> CFI_FP_SLOT_SHIFT;
    if (kind_and_offset >> CFI_FRONT_SLOT_SHIFT || slot >> (CFI_FRONT_RULE_BITS - CFI_FRONT_SLOT_SHIFT)) {
        return;
    }
    uint64_t entry = mixed << CFI_FRONT_RULE_BITS | slot << CFI_FRONT_SLOT_SHIFT | kind_and_offset;
    atomic_store_explicit(&cfi_front[mixed >> (CFI_IP_BITS - CFI_FRONT_BITS)], entry, memory_order_relaxed);
}

NOINLINE uint32_t cfi_rule_behind(uint64_t ip, uint64_t mixed) {
    uint64_t entry = atomic_load_explicit(&cfi_cache[mixed >> 32], memory_order_relaxed);
    bool is_cached = (uint32_t)(entry >> 32) == (uint32_t)mixed && (uint32_t)entry != CFI_NONE;
    uint32_t rule = LIKELY(is_cached) ? (uint32_t)entry : rule_slow(ip, mixed);
    put_in_front(mixed, rule);
    return rule;
}

void cfi_forget(void) {
    for (uint32_t i = 0; i < 1u << CFI_CACHE_BITS; i++) {
        atomic_store_explicit(&cfi_cache[i], 0, memory_order_relaxed);
    }
    for (uint32_t i = 0; i < 1u << CFI_FRONT_BITS; i++) {
        atomic_store_explicit(&cfi_front[i], 0, memory_order_relaxed);
    }
}
