/* sites.c - see sites.h. Each block is filled, so that what another goroutine finds in it tells whether it is the one that was passed. */
#include "sites.h"

#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

#define SITE __attribute__((noinline, noclone))

SITE static void *filled(void *p, size_t n) {
    return memset(p, (int)(n & 0x7f), n);
}

SITE void *site_passed(size_t n) {
    return filled(malloc(n), n);
}

SITE void *site_deep(size_t n) {
    return filled(malloc(n), n);
}

SITE void *site_callback(size_t n) {
    return filled(malloc(n), n);
}

SITE void *site_told(size_t n) {
    return filled(malloc(n), n);
}

SITE void *site_locked(size_t n) {
    return filled(malloc(n), n);
}

SITE long call_back(long n) {
    return goCallback(n) + 1;
}
