/* cut_stacks.c - callers that cannot be unwound: assembly without CFI in a program that has some, and a frame behind a register that is
 * not followed. Each allocates a thousand times, below one such frame and below a thousand. */
#include <stdio.h>
#include <stdlib.h>

enum { CALLS = 1000 };

void call_without_cfi(void (*function)(void));
void call_behind_rbx(void (*function)(void));

__asm__(".text\n"
        "call_without_cfi:\n"
        "    sub $24, %rsp\n    call *%rdi\n    add $24, %rsp\n    ret\n"
        "call_behind_rbx:\n"
        "    .cfi_startproc\n"
        "    push %rbx\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset rbx, 0\n"
        "    mov %rsp, %rbx\n    .cfi_def_cfa_register rbx\n"
        "    and $-64, %rsp\n    call *%rdi\n    mov %rbx, %rsp\n    .cfi_def_cfa_register rsp\n"
        "    pop %rbx\n    .cfi_adjust_cfa_offset -8\n    ret\n"
        "    .cfi_endproc\n");

__attribute__((noinline)) static void allocate(void) {
    void *volatile p = malloc(10);
    free(p);
}

static void allocate_often(void) {
    for (int i = 0; i < CALLS; i++) {
        allocate();
    }
}

int main(void) {
    call_without_cfi(allocate_often);
    call_behind_rbx(allocate_often);
    for (int i = 0; i < CALLS; i++) {
        call_without_cfi(allocate);
        call_behind_rbx(allocate);
    }
    allocate_often();
    fprintf(stderr, "calls %d\n", 5 * CALLS);
    return 0;
}
