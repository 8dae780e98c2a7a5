/* single_step.h - have SIGTRAP raised after every instruction, from here to there. */
#ifndef SINGLE_STEP_H
#define SINGLE_STEP_H

enum { TRAP_FLAG = 0x100 };

#define STEP_BEGIN()                                                                                                       \
    __asm__ volatile("pushfq\n\t.cfi_adjust_cfa_offset 8\n\torl $0x100, (%%rsp)\n\tpopfq\n\t.cfi_adjust_cfa_offset -8" ::  \
                         : "memory", "cc")
#define STEP_END()                                                                                                         \
    __asm__ volatile(                                                                                                      \
        "pushfq\n\t.cfi_adjust_cfa_offset 8\n\tandl $~0x100, (%%rsp)\n\tpopfq\n\t.cfi_adjust_cfa_offset -8" ::             \
            : "memory", "cc")

#endif
