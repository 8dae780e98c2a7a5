/* odd_frame_pointer.c - generated code, which no CFI covers, calls malloc with a frame pointer that is none: -8, -16, and others that look as if
 * a frame might be there. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static void allocate(void) {
    void *volatile p = malloc(30);
    free(p);
}

/* push rbp; mov rbp, FP; mov rax, FUNCTION; call rax; pop rbp; ret */
static void (*generate(uint8_t *code, uint64_t fp))(void) {
    static const uint8_t parts[] = {0x55, 0x48, 0xbd, 0, 0, 0, 0, 0, 0,    0,    0,    0x48, 0xb8,
                                    0,    0,    0,    0, 0, 0, 0, 0, 0xff, 0xd0, 0x5d, 0xc3};
    void (*function)(void) = allocate;
    memcpy(code, parts, sizeof parts);
    memcpy(code + 3, &fp, sizeof fp);
    memcpy(code + 13, &function, sizeof function);
    memcpy(&function, &code, sizeof function);
    return function;
}

int main(void) {
    uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t here = (uint64_t)__builtin_frame_address(0);
    const uint64_t fps[] = {
        -8ull, -16ull, -24ull, 0, 8, 16, 4096, here + 3, here + (1ull << 20), 1ull << 63, (1ull << 47) - 16, 1ull << 47};
    for (size_t i = 0; i < sizeof fps / sizeof fps[0]; i++) {
        generate(code, fps[i])();
    }
    puts("done");
    fprintf(stderr, "calls %zu\n", sizeof fps / sizeof fps[0]);
    return 0;
}
