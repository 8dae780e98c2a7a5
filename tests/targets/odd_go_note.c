/* odd_go_note.c - a C program with the note of Go's linker, and with a function without CFI whose frame pointer leads to words that are no frames: return addresses into
 * its own headers, its data, and a part of it that cannot be read.
 *
 * Prints how many blocks it took that way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

__asm__(".pushsection .note.go.buildid, \"a\", @note\n"
        ".balign 4\n"
        ".long 4, 8, 4\n"
        ".ascii \"Go\\0\\0\"\n"
        ".ascii \"an/odd/1\"\n"
        ".popsection\n");

/* What follows the call is no epilogue, so the chain is taken. */
void *take_with_frame(const unsigned long *frame);
__asm__(".text\n"
        ".globl take_with_frame\n"
        ".type take_with_frame, @function\n"
        "take_with_frame:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    mov %rdi, %rbp\n"
        "    sub $8, %rsp\n"
        "    mov $77, %edi\n"
        "    call malloc@PLT\n"
        "    xor %ecx, %ecx\n"
        "    add $8, %rsp\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size take_with_frame, . - take_with_frame\n");

extern char __executable_start[];

static char gap[3 * 4096] __attribute__((aligned(4096)));

int main(void) {
    int n = 0;
    char *const places[] = {__executable_start + 16, gap + 10, gap + 4096 + 10, gap + 2 * 4096 - 3, gap + 2 * 4096 + 1};
    if (mprotect(gap + 4096, 4096, PROT_NONE) != 0) {
        return 2;
    }
    for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
        volatile unsigned long words[4] = {0};
        words[0] = (unsigned long)&words[2];
        words[1] = (unsigned long)places[i];
        void *p = take_with_frame((const unsigned long *)words);
        n += p != NULL;
        free(p);
    }
    printf("%d\n", n);
    return 0;
}
