/* arch.h (x86-64) - everything about the machine that the shim needs: the clock, the caller's registers, the CFI columns,
 * the signal frame. Another architecture is another folder with a header of this name and the same names in it.
 *
 * Source: System V ABI, AMD64 supplement (stack layout, DWARF register numbers figure 3.36; A.2, the kernel's calls); Intel SDM vol. 2, RDTSCP.
 */
#ifndef SEEP_ARCH_H
#define SEEP_ARCH_H

#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

#include "attributes.h"

/* DWARF numbers of the registers that unwinding follows. */
enum {
    ARCH_DWARF_FP = 6,     /* rbp */
    ARCH_DWARF_SP = 7,     /* rsp */
    ARCH_DWARF_RA = 16,    /* rip */
    ARCH_RA_BELOW_CFA = 8, /* the return address stands right below the CFA */
    ARCH_PAGE_BYTES = 4096,
    ARCH_RED_ZONE_BYTES = 128,     /* below sp, not touched by signals */
    ARCH_SIGNAL_FRAME_BYTES = 256, /* of the kernel's signal frame, as far as registers stand in it */
};

/* The registers that a caller has right after its call returned. */
struct arch_caller {
    uint64_t ip; /* the return address */
    uint64_t sp;
    uint64_t fp;
};

/* The caller of the function that this is used in; the compiler gives that function a frame pointer. */
#define ARCH_CALLER() arch_caller_of((const uint64_t *)__builtin_frame_address(0))

/* The caller of the function with that frame address. */
ALWAYS_INLINE struct arch_caller arch_caller_of(const uint64_t *frame) {
    return (struct arch_caller){.ip = frame[1], .sp = (uint64_t)(frame + 2), .fp = frame[0]};
}

/* Whether the TSC runs at one rate on all cores through all power states (CPUID 80000007h EDX bit 8) and rdtscp exists. */
static inline bool arch_has_stable_tsc(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(0x80000007, &a, &b, &c, &d) || !(d & (1u << 8))) {
        return false;
    }
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (d & (1u << 27));
}

/* A stamp that is not older than anything this thread has seen before: rdtscp waits for earlier loads. */
ALWAYS_INLINE uint64_t arch_tsc_after(void) {
    uint32_t low, high, core;
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(core)::"memory");
    return (uint64_t)high << 32 | low;
}

/* A stamp that is older than anything this thread does visibly from here on: stores leave the core in order, after it. And not older than what it has
 * seen: without lfence the TSC is read before a load that is still under way has brought the very block that is freed here, so that the free would stand
 * before the allocation of another thread. (Intel SDM vol. 2, RDTSC) */
ALWAYS_INLINE uint64_t arch_tsc_before(void) {
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

/* A system call, by nobody's function: what the kernel returns, a negative error number on failure. errno is not touched. */
ALWAYS_INLINE long arch_syscall(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define ARCH_TEXT_OF(number) ARCH_TEXT(number)
#define ARCH_TEXT(word)      #word

/* Define syscall(): jump on to what `next`, a variable of this library, points to; for the calls that may fork, and while that is NULL, to what
 * choose(number, first argument, second argument) returns. Registers and stack are left as the caller has them: what is called may return in a child
 * with another stack, or twice on one.
 * Cost: a load, four comparisons, a jump. */
#define ARCH_DEFINE_SYSCALL(next, choose)                                                                                  \
    __asm__(".pushsection .text\n"                                                                                         \
            ".globl syscall\n"                                                                                             \
            ".type syscall, @function\n"                                                                                   \
            "syscall:\n"                                                                                                   \
            "    .cfi_startproc\n"                                                                                         \
            "    endbr64\n"                                                                                                \
            "    mov " #next "(%rip), %r11\n"                                                                              \
            "    test %r11, %r11\n"                                                                                        \
            "    jz 1f\n"                                                                                                  \
            "    cmp $" ARCH_TEXT_OF(                                                                                      \
                __NR_clone) ", %edi\n"                                                                                     \
                            "    je 1f\n"                                                                                  \
                            "    cmp $" ARCH_TEXT_OF(                                                                      \
                                __NR_fork) ", %edi\n"                                                                      \
                                           "    je 1f\n"                                                                   \
                                           "    cmp $" ARCH_TEXT_OF(                                                       \
                                               __NR_clone3) ", %edi\n"                                                     \
                                                            "    je 1f\n"                                                  \
                                                            "    jmp *%r11\n"                                              \
                                                            "1:  push %rdi\n    push %rsi\n    push %rdx\n    push "       \
                                                            "%rcx\n    push %r8\n    push %r9\n    sub $8, %rsp\n"         \
                                                            "    .cfi_adjust_cfa_offset 56\n"                              \
                                                            "    call " #choose "\n"                                       \
                                                            "    mov %rax, %r11\n"                                         \
                                                            "    add $8, %rsp\n    pop %r9\n    pop %r8\n    pop %rcx\n  " \
                                                            "  pop %rdx\n    pop %rsi\n    pop %rdi\n"                     \
                                                            "    .cfi_adjust_cfa_offset -56\n"                             \
                                                            "    jmp *%r11\n"                                              \
                                                            "    .cfi_endproc\n"                                           \
                                                            ".size syscall, . - syscall\n"                                 \
                                                            ".popsection\n")

/* Define a function of six arguments at most, none of them in a vector register, that jumps on to what choose() returns, with the stack and the arguments as the
 * caller left them: what is jumped to takes the caller for its own. */
#define ARCH_DEFINE_JUMP(name, choose)                                                                                     \
    __asm__(".pushsection .text\n"                                                                                         \
            ".globl " #name "\n"                                                                                           \
            ".type " #name ", @function\n" #name ":\n"                                                                     \
            "    .cfi_startproc\n"                                                                                         \
            "    endbr64\n"                                                                                                \
            "    push %rdi\n    push %rsi\n    push %rdx\n    push %rcx\n    push %r8\n    push %r9\n    sub $8, %rsp\n"   \
            "    .cfi_adjust_cfa_offset 56\n"                                                                              \
            "    call " #choose "\n"                                                                                       \
            "    mov %rax, %r11\n"                                                                                         \
            "    add $8, %rsp\n    pop %r9\n    pop %r8\n    pop %rcx\n    pop %rdx\n    pop %rsi\n    pop %rdi\n"         \
            "    .cfi_adjust_cfa_offset -56\n"                                                                             \
            "    jmp *%r11\n"                                                                                              \
            "    .cfi_endproc\n"                                                                                           \
            ".size " #name ", . - " #name "\n"                                                                             \
            ".popsection\n")

/* One turn of a loop that waits for another core. */
ALWAYS_INLINE void arch_pause(void) {
    __builtin_ia32_pause();
}

_Static_assert(__builtin_offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP]) + 8 <= ARCH_SIGNAL_FRAME_BYTES, "frame");

/* Where the kernel's signal frame at sp (its ucontext) keeps the registers of the code that was interrupted. */
struct arch_signal_slots {
    uint64_t ip, sp, fp; /* addresses */
};

ALWAYS_INLINE struct arch_signal_slots arch_signal_slots(uint64_t sp) {
    const ucontext_t *context = (const ucontext_t *)sp; /* NOLINT(performance-no-int-to-ptr) */
    return (struct arch_signal_slots){
        .ip = (uint64_t)&context->uc_mcontext.gregs[REG_RIP],
        .sp = (uint64_t)&context->uc_mcontext.gregs[REG_RSP],
        .fp = (uint64_t)&context->uc_mcontext.gregs[REG_RBP],
    };
}

/* Whether pc is at the code by which a signal handler returns: mov $__NR_rt_sigreturn, %rax; syscall (no CFI in some runtimes). */
static inline bool arch_is_sigreturn(const uint8_t *pc) {
    static const uint8_t code[9] = {0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05};
    return __builtin_memcmp(pc, code, sizeof code) == 0;
}

/* What Go's runtime does behind a call that was made on another stack than the caller's, as the code at the return address shows it. */
enum arch_go_call {
    ARCH_GO_CALL, /* none of these */
    ARCH_GO_CALL_FOR_GOOD, /* does not come back: runtime.mcall drops the argument (pop %rax) and is no epilogue, runtime.morestack aborts
                              (call; ret: compiled code would drop a frame before) */
    ARCH_GO_CALL_ON_G0, /* runtime.systemstack (call *%rdi) */
    ARCH_GO_CALL_BY_DEPTH, /* runtime.asmcgocall: loads g, and subtracts its depth from the end of its stack; depth at slot, g behind it */
    ARCH_GO_CALL_BY_SP, /* the same on the thread's stack: loads its sp, at slot */
};

/* pc: where there is code for 5 bytes before and 32 behind. slot: bytes above sp, less than 512. Context: cold */
enum arch_go_call arch_read_go_call(const uint8_t *pc, uint64_t *slot);

/* The way from an instruction to the function's return, where that is a straight line. */
struct arch_epilogue {
    uint64_t cfa_above_sp; /* bytes */
    uint64_t fp_below_cfa; /* where the caller's fp is loaded from; 0 = fp is unchanged */
};

/* Read n bytes of code at pc: instructions that load registers from the stack, that add to the stack pointer, and the return.
 * Returns whether it is that and nothing else. Context: cold */
bool arch_read_epilogue(const uint8_t *pc, uint32_t n, struct arch_epilogue *epilogue);

#endif
