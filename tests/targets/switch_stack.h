/* switch_stack.h - coroutines as small libraries make them: save the registers, take another stack, go on there. */
#ifndef SWITCH_STACK_H
#define SWITCH_STACK_H

#include <stddef.h>

enum { SWITCH_SAVED_REGISTERS = 6 };

/* Leave this stack, its pointer in *save, for one that was left so or made by switch_prepare(). */
void switch_stack(void **save, void *to);

__asm__(".globl switch_stack\n"
        "switch_stack:\n"
        "    .cfi_startproc\n"
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
        "    ret\n"
        "    .cfi_endproc\n");

/* A stack that ends at `end`, on which `enter` runs and returns to `leave`. Returns what switch_stack() takes. */
static inline void *switch_prepare(void *end, void (*enter)(void), void (*leave)(void)) {
    void **sp = end;
    *--sp = (void *)leave;
    *--sp = (void *)enter;
    for (int i = 0; i < SWITCH_SAVED_REGISTERS; i++) {
        *--sp = NULL;
    }
    return sp;
}

#endif
