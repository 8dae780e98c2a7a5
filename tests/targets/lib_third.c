/* lib_third.c - lib_first under another name, and with its code and tables a little further on. */
#include <stddef.h>

int lib_pad(int n);

int lib_pad(int n) {
    for (int i = 0; i < 100; i++) {
        n = n * 31 + i;
    }
    return n;
}

#define LIB_SITE site_third
#include "lib_first.c"
