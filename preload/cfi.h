/* cfi.h - one step of unwinding, as a word: where the caller's registers are, given a return address.
 *
 * The rule of an ip is computed once from the module's .eh_frame and kept in one 64-bit word of a cache, with an exact tag:
 * multiplying by an odd number is a bijection of the 48-bit addresses, its low 16 bits are the place, the other 32 the tag.
 *
 *      63          32 31        20 19           3 2    0
 *     [ tag of the ip | fp slot / 8 | CFA offset / 8 | kind ]
 *
 * The hot ones lie scattered in its 512 KiB, each in a cache line of its own. So a small front, where the tag is longer and the rule
 * shorter, holds the latest: 32 KiB that stay in the cache.
 *
 *      63                  28 27        17 16           3 2    0
 *     [ longer tag of the ip | fp slot / 8 | CFA offset / 8 | kind ]      where slot and offset are that small
 *
 * Source: DWARF 5 section 6.4 (call frame information); Linux Standard Base 5.0, section 10.6 (.eh_frame, .eh_frame_hdr);
 * System V ABI AMD64 (return address below the CFA). Rejected: libunwind's cache, 4 to 10 times slower, locks.
 */
#ifndef SEEP_CFI_H
#define SEEP_CFI_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"

enum cfi_kind {
    CFI_NONE = 0,     /* a free place of the cache */
    CFI_SP = 1,       /* CFA = sp + offset */
    CFI_FP = 2,       /* CFA = fp + offset */
    CFI_FP_DEREF = 3, /* CFA = the word at fp - offset; the caller's fp is at fp (realigned frames, "DRAP") */
    CFI_SIGNAL = 4,   /* the frame that the kernel pushes for a signal handler */
    CFI_END = 5,      /* there is no caller */
    CFI_COMPLEX = 6,  /* a rule that the word cannot hold: the stack ends here and is counted as cut */
    CFI_GUESS = 7,    /* no module: a frame pointer chain, if it stays on the thread's own stack; or Go's code, see below */
};

enum {
    CFI_KIND_BITS = 3,
    CFI_OFFSET_BITS = 17,
    CFI_FP_SLOT_SHIFT = CFI_KIND_BITS + CFI_OFFSET_BITS,
    CFI_CACHE_BITS = 16,
    CFI_IP_BITS = 48,

    CFI_FRONT_BITS = 12,
    CFI_FRONT_OFFSET_BITS = 14,
    CFI_FRONT_SLOT_SHIFT = CFI_KIND_BITS + CFI_FRONT_OFFSET_BITS,
    CFI_FRONT_RULE_BITS = 28,

    /* Code of a module that its CFI does not cover: as CFI_COMPLEX, unless fp is 0, which marks the outermost frame (psABI AMD64 3.4.1). */
    CFI_NO_ENTRY = CFI_COMPLEX | 1 << CFI_KIND_BITS,

    /* Code of a module with Go in it that its CFI does not cover (go_rule.h). Those with a higher offset: CFA = sp + that offset less 8. */
    CFI_GO_CHAIN = CFI_GUESS | 1 << CFI_KIND_BITS,            /* by frame pointers, outwards */
    CFI_GO_CHAIN_ANY = CFI_GO_CHAIN | 1 << CFI_FP_SLOT_SHIFT, /* also to another stack that lies lower */
    CFI_GO_END = CFI_GO_CHAIN | 2 << CFI_FP_SLOT_SHIFT,       /* the caller has gone elsewhere */
    /* the caller's depth in its goroutine's stack is kept at sp + 8 * (fp slot - 64), the goroutine behind it */
    CFI_GO_BY_DEPTH = CFI_GO_CHAIN | 64 << CFI_FP_SLOT_SHIFT,
    CFI_GO_BY_SP = CFI_GO_CHAIN | 128 << CFI_FP_SLOT_SHIFT, /* the caller's sp is kept at sp + 8 * (fp slot - 128) */
};

extern HIDDEN _Atomic uint64_t cfi_front[1 << CFI_FRONT_BITS];

ALWAYS_INLINE enum cfi_kind cfi_rule_kind(uint32_t rule) {
    return (enum cfi_kind)(rule & ((1u << CFI_KIND_BITS) - 1));
}

/* Distance in bytes of the CFA from its base register. */
ALWAYS_INLINE uint64_t cfi_rule_offset(uint32_t rule) {
    return (uint64_t)(rule >> CFI_KIND_BITS & ((1u << CFI_OFFSET_BITS) - 1)) * 8;
}

/* How far below the CFA the caller's fp is saved, in bytes; 0 = fp is unchanged. */
ALWAYS_INLINE uint64_t cfi_rule_fp_slot(uint32_t rule) {
    return (uint64_t)(rule >> CFI_FP_SLOT_SHIFT) * 8;
}

/* Whether it is for Go's code. */
ALWAYS_INLINE bool cfi_rule_is_go(uint32_t rule) {
    return cfi_rule_kind(rule) == CFI_GUESS && cfi_rule_offset(rule) != 0;
}

/* Look in the cache, then compute and cache. Context: any thread, inside malloc, async-signal-safe; reads the module's tables, notes new modules. */
uint32_t cfi_rule_behind(uint64_t ip, uint64_t mixed);

/* The rule for return address ip. */
ALWAYS_INLINE uint32_t cfi_rule(uint64_t ip) {
    uint64_t mixed = ip * 0x9E3779B97F4Bu & ((1ull << CFI_IP_BITS) - 1);
    uint64_t entry = atomic_load_explicit(&cfi_front[mixed >> (CFI_IP_BITS - CFI_FRONT_BITS)], memory_order_relaxed);
    uint32_t rule = entry & ((1u << CFI_FRONT_RULE_BITS) - 1);
    if (LIKELY(((entry >> CFI_FRONT_RULE_BITS ^ mixed) << (64 - CFI_IP_BITS + CFI_FRONT_BITS)) == 0 && rule != CFI_NONE)) {
        uint32_t kind_and_offset = rule & ((1u << CFI_FRONT_SLOT_SHIFT) - 1);
        return kind_and_offset | rule >> CFI_FRONT_SLOT_SHIFT << CFI_FP_SLOT_SHIFT;
    }
    return cfi_rule_behind(ip, mixed);
}

/* Forget everything: modules have been unmapped. */
void cfi_forget(void);

/* Compute the rule for the instruction at pc from an .eh_frame_hdr, without cache or guess.
 * Returns the rule; CFI_NO_ENTRY where the table covers no such pc. For cfi.c and its test. */
uint32_t cfi_compute(const uint8_t *eh_frame_hdr, uint64_t pc);

#endif
