/* go_rule.c - see go_rule.h. Cold: once per ip. */
#include "go_rule.h"

#include "arch.h"
#include "cfi.h"

enum { EPILOGUE_BYTES_MAX = 256, CALL_BYTES_MAX = 5 };

uint32_t go_rule(uint64_t ip, uint64_t start, uint64_t end) {
    static const uint32_t rules[] = {
        [ARCH_GO_CALL] = CFI_GO_CHAIN,           [ARCH_GO_CALL_FOR_GOOD] = CFI_GO_END,
        [ARCH_GO_CALL_ON_G0] = CFI_GO_CHAIN_ANY, [ARCH_GO_CALL_BY_DEPTH] = CFI_GO_BY_DEPTH,
        [ARCH_GO_CALL_BY_SP] = CFI_GO_BY_SP,
    };
    const uint8_t *code = (const uint8_t *)ip; /* NOLINT(performance-no-int-to-ptr) */
    if (ip - start < CALL_BYTES_MAX || end - ip < EPILOGUE_BYTES_MAX) {
        return CFI_GO_CHAIN;
    }
    struct arch_epilogue epilogue;
    if (arch_read_epilogue(code, EPILOGUE_BYTES_MAX, &epilogue)) {
        uint64_t offset = (epilogue.cfa_above_sp + 8) / 8, slot = epilogue.fp_below_cfa / 8;
        bool fits = offset < 1u << CFI_OFFSET_BITS && slot < 1u << (32 - CFI_FP_SLOT_SHIFT);
        return fits ? CFI_GUESS | (uint32_t)offset << CFI_KIND_BITS | (uint32_t)slot << CFI_FP_SLOT_SHIFT
                    : (uint32_t)CFI_GO_CHAIN;
    }
    uint64_t slot = 0;
    enum arch_go_call call = arch_read_go_call(code, &slot);
    bool has_slot = call == ARCH_GO_CALL_BY_DEPTH || call == ARCH_GO_CALL_BY_SP;
    return rules[call] + (has_slot ? (uint32_t)(slot / 8) << CFI_FP_SLOT_SHIFT : 0);
}
