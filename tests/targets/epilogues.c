/* epilogues.c - a handler that allocates at every instruction of plain functions, their prologues and epilogues too: there a saved
 * register may already stand below the stack pointer. */
#include "single_step.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 100 };

static int n_steps;

static void on_step(int number) {
    (void)number;
    n_steps++;
    void *volatile p = malloc(30);
    free(p);
}

/* As GCC has it: after the pop there is no word on fp, whose rule goes on naming the slot. Main's frame is found through fp. */
void work(void);
__asm__("work:\n"
        "    .cfi_startproc\n"
        "    push %rbp\n    .cfi_adjust_cfa_offset 8\n    .cfi_rel_offset rbp, 0\n"
        "    xor %ebp, %ebp\n    nop\n"
        "    pop %rbp\n    .cfi_adjust_cfa_offset -8\n"
        "    nop\n    ret\n"
        "    .cfi_endproc\n");

__attribute__((optimize("no-omit-frame-pointer"))) int main(void) {
    struct sigaction action = {.sa_handler = on_step};
    sigaction(SIGTRAP, &action, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        STEP_BEGIN();
        work();
        STEP_END();
    }
    fprintf(stderr, "calls %d\n", n_steps);
    return n_steps < ROUNDS * 5;
}
