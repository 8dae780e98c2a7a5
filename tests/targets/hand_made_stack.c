/* hand_made_stack.c - a coroutine as small libraries make them: its entry returns into a plain C function that stands at the very top of its
 * stack, with nothing readable above. Unwinding finds a rule for that address that means another frame. */
#include "switch_stack.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_BYTES = 65536, GUARD_BYTES = 4096 };

static void *main_sp, *coroutine_sp;

/* Stands before leave_coroutine in the file and has a large frame. */
__attribute__((noinline, used)) static void neighbour(void) {
    volatile char large[512];
    large[0] = 1;
    __asm__ volatile("" ::"r"(large) : "memory");
    abort();
}

__attribute__((noinline)) static void leave_coroutine(void) {
    void *unused;
    switch_stack(&unused, main_sp);
}

__attribute__((noinline)) static void enter_coroutine(void) {
    void *volatile p = malloc(77);
    free(p);
    switch_stack(&coroutine_sp, main_sp);
    abort();
}

int main(void) {
    char *stack = mmap(NULL, STACK_BYTES + GUARD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(stack + STACK_BYTES, GUARD_BYTES, PROT_NONE);
    coroutine_sp = switch_prepare(stack + STACK_BYTES, enter_coroutine, leave_coroutine);
    switch_stack(&main_sp, coroutine_sp);
    puts("back");
    return 0;
}
