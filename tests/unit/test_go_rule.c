/* test_go_rule.c - the ends of functions that are read, byte by byte as Go's tools and gas write them, and those that must not be. */
#include <string.h>

#include "arch.h"
#include "cfi.h"
#include "go_rule.h"
#include "tap.h"

enum { BEFORE = 16, CODE_BYTES = 512 };

static uint8_t code[CODE_BYTES];

static uint32_t rule_of(const char *bytes, size_t n) {
    memset(code, 0xcc, sizeof code);
    memcpy(code + BEFORE, bytes, n);
    return go_rule((uint64_t)code + BEFORE, (uint64_t)code, (uint64_t)code + sizeof code);
}

#define RULE(bytes) rule_of(bytes, sizeof bytes - 1)

static void is_frame(const char *what, uint32_t rule, uint64_t cfa, uint64_t fp_slot) {
    bool is_right = cfi_rule_is_go(rule) && cfi_rule_offset(rule) == cfa + 8 && cfi_rule_fp_slot(rule) == fp_slot;
    if (!tap_ok(is_right, what)) {
        printf("# rule %x: CFA sp + %ld, fp %lu below\n", rule, (long)cfi_rule_offset(rule) - 8,
               (unsigned long)cfi_rule_fp_slot(rule));
    }
}

static uint32_t slot_rule(uint32_t rule, uint32_t slot) {
    return rule + (slot / 8 << CFI_FP_SLOT_SHIFT);
}

int main(void) {
    is_frame("crosscall2",
             RULE("\x48\x83\xc4\x18"     /* add $24, %rsp */
                  "\x48\x8b\x1c\x24"     /* mov (%rsp), %rbx */
                  "\x4c\x8b\x64\x24\x08" /* mov 8(%rsp), %r12 */
                  "\x48\x8b\x6c\x24\x28" /* mov 40(%rsp), %rbp */
                  "\x48\x83\xc4\x30"     /* add $48, %rsp */
                  "\xc3"),
             80, 16);
    is_frame("crosscall_amd64", RULE("\x41\x5f\x41\x5e\x41\x5d\x41\x5c\x5d\x5b\xc3"), 56,
             24); /* pop r15 r14 r13 r12 rbp rbx */
    is_frame("a compiled function", RULE("\x48\x8b\x44\x24\x10\x48\x8b\x6c\x24\x20\x48\x83\xc4\x28\xc3"), 48, 16);
    is_frame("a large frame", RULE("\x48\x8b\xac\x24\x00\x01\x00\x00\x48\x81\xc4\x08\x01\x00\x00\xc3"), 272, 16);
    is_frame("vector registers", RULE("\x0f\x10\x44\x24\x08\x44\x0f\x10\x7c\x24\x18\x48\x83\xc4\x28\xc3"), 48, 0);
    is_frame("nothing but the return", RULE("\xc3"), 8, 0);

    tap_ok(RULE("\x48\x83\xec\x18\xc3") == CFI_GO_CHAIN, "sub is not an end");
    tap_ok(RULE("\x48\x83\xc4\xf8\xc3") == CFI_GO_CHAIN, "nor is adding a negative number");
    tap_ok(RULE("\x48\x83\xc4\x04\xc3") == CFI_GO_CHAIN, "nor half a word");
    tap_ok(RULE("\x83\xc4\x18\xc3") == CFI_GO_CHAIN, "nor add to %esp");
    tap_ok(RULE("\x48\x8b\x45\x08\xc3") == CFI_GO_CHAIN, "a load by another register is no load of the stack's");
    tap_ok(RULE("\x49\x8b\x2c\x24\xc3") == CFI_GO_CHAIN, "nor is one by %r12");
    tap_ok(RULE("\x8b\x6c\x24\x08\xc3") == CFI_GO_CHAIN, "half of fp is not fp");
    tap_ok(RULE("\x48\x8b\x64\x24\x28\xc3") == CFI_GO_CHAIN, "the stack pointer from the stack");
    tap_ok(RULE("\x48\x83\xc4\x18\x5c\xc3") == CFI_GO_CHAIN, "pop %rsp");
    tap_ok(RULE("\x48\x8b\x6c\x24\x20\x48\x83\xc4\x18\xc3") == CFI_GO_CHAIN, "fp from the caller's frame");
    tap_ok(RULE("\x48\x83\xc4\x18\xeb\x10\xc3") == CFI_GO_CHAIN, "a jump");
    tap_ok(RULE("\xf0\xff\xff") == CFI_GO_CHAIN, "no code that is known");
    tap_ok(RULE("\xe8\x01\x02\x03\x04\x48\x83\xc4\x18\xc3") == CFI_GO_CHAIN, "two calls in a row");
    tap_ok(RULE("\x58\x48\x8d\x05\x01\x02\x03\x04\xff\xe0") == CFI_GO_END, "mcall");
    tap_ok(RULE("\xe8\x01\x02\x03\x04\xc3") == CFI_GO_END, "morestack");
    tap_ok(RULE("\x48\x8b\x7c\x24\x30\x48\x8b\x77\x08\x48\x2b\x74\x24\x28") == slot_rule(CFI_GO_BY_DEPTH, 40),
           "asmcgocall");
    tap_ok(RULE("\x48\xc7\xc1\xf8\xff\xff\xff\x48\x8b\x7c\x24\x30\x48\x8b\x77\x08\x48\x2b\x74\x24\x28") ==
               slot_rule(CFI_GO_BY_DEPTH, 40),
           "asmcgocall of an archive");
    tap_ok(RULE("\x48\x8b\x7c\x24\x08\x48\x8b\x77\x08\x48\x2b\x34\x24") == slot_rule(CFI_GO_BY_DEPTH, 0),
           "asmcgocall with less room");
    tap_ok(RULE("\x48\x8b\x7c\x24\x30\x48\x8b\x77\x08\x48\x2b\x74\x24\x20") == CFI_GO_CHAIN,
           "g elsewhere than behind the depth");
    tap_ok(RULE("\x48\x8b\x7c\x24\x30\x48\x8b\x77\x10\x48\x2b\x74\x24\x28") == CFI_GO_CHAIN, "another field of g");
    tap_ok(RULE("\x48\x8b\x74\x24\x28\x48\x89\xf4") == slot_rule(CFI_GO_BY_SP, 40), "asmcgocall on the thread's stack");
    tap_ok(RULE("\x48\x8b\xb4\x24\x00\x02\x00\x00\x48\x89\xf4") == CFI_GO_CHAIN, "a slot too far");
    memset(code, 0x58, sizeof code);
    code[sizeof code - 1] = 0xc3;
    tap_ok(go_rule((uint64_t)code + BEFORE, (uint64_t)code, (uint64_t)code + sizeof code) == CFI_GO_END,
           "an end that does not come");
    memset(code, 0xcc, sizeof code);
    memcpy(code, "\xff\xd7\xff\xd7", 4);
    tap_ok(go_rule((uint64_t)code + 2, (uint64_t)code - 3, (uint64_t)code + sizeof code) == CFI_GO_CHAIN_ANY,
           "systemstack");
    tap_ok(go_rule((uint64_t)code + 2, (uint64_t)code, (uint64_t)code + sizeof code) == CFI_GO_CHAIN,
           "nothing is read before the module");
    tap_ok(go_rule((uint64_t)(code + sizeof code - 1), (uint64_t)code, (uint64_t)code + sizeof code) == CFI_GO_CHAIN,
           "nor behind it");
    return tap_end();
}
