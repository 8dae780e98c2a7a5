/* static_program.c - linked statically: LD_PRELOAD cannot reach it. */
#include <stdio.h>

int main(void) {
    puts("static program");
    return 4;
}
