/* stack_neighbour.c - a coroutine on a stack made by hand, which ends where another mapping begins; that goes away while the coroutine
 * lives. Whoever unwinds must not go by what could be read before.
 *
 * usage: stack_neighbour [thread]     thread: the coroutine belongs to a thread whose own stack is right above, with no guard page between */
#include "switch_stack.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_BYTES = 65536 };

static void *main_sp, *coroutine_sp;

__asm__(/* Right before the function that the stack ends with: the rule found for that "return address" is this one. */
        "large_frame:\n"
        "    .cfi_startproc\n"
        "    sub $520, %rsp\n    .cfi_adjust_cfa_offset 520\n    nop\n"
        "    .cfi_endproc\n"
        "leave_coroutine:\n"
        "    ud2\n");

void leave_coroutine(void);

/* Two frames of unlike sizes, so that what is kept of one capture helps the next in part. */
#define ALLOCATES(name, frame_bytes)                                                                                       \
    __attribute__((noinline)) static void name(void) {                                                                     \
        volatile char frame[frame_bytes];                                                                                  \
        frame[0] = 1;                                                                                                      \
        void *volatile p = malloc(frame_bytes);                                                                            \
        free(p);                                                                                                           \
        __asm__ volatile("" ::"r"(frame) : "memory");                                                                      \
    }
ALLOCATES(allocate_small, 64)
ALLOCATES(allocate_large, 200)

__attribute__((noinline)) static void enter_coroutine(void) {
    for (int i = 0; i < 3; i++) {
        allocate_small();
        allocate_large();
        switch_stack(&coroutine_sp, main_sp);
    }
    abort();
}

/* Three stacks side by side: the coroutine's, its neighbour's, and, above both, perhaps this thread's own. */
static void *run(void *region) {
    char *stack = region;
    coroutine_sp = switch_prepare(stack + STACK_BYTES, enter_coroutine, leave_coroutine);
    switch_stack(&main_sp, coroutine_sp);
    munmap(stack + STACK_BYTES, STACK_BYTES);
    switch_stack(&main_sp, coroutine_sp);
    return NULL;
}

int main(int argc, char **argv) {
    (void)argv;
    char *region = mmap(NULL, (size_t)8 * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (argc > 1) {
        pthread_attr_t attributes;
        pthread_t thread;
        pthread_attr_init(&attributes);
        pthread_attr_setstack(&attributes, region + (size_t)2 * STACK_BYTES, (size_t)6 * STACK_BYTES);
        if (pthread_create(&thread, &attributes, run, region) != 0) {
            return 1;
        }
        pthread_join(thread, NULL);
    } else {
        run(region);
    }
    fprintf(stderr, "calls 4\n");
    puts("back");
    return 0;
}
