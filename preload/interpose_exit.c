/* interpose_exit.c - the ends of a process that exit() has no part in: the status is noted before, as the collector is nobody's parent
 * and may come too late for the kernel's word. Context: as _exit itself: any, async-signal-safe, also in a vfork child */
#include <stdlib.h>
#include <unistd.h>

#include "interpose.h"
#include "lifecycle.h"
#include "real.h"
#include "sys.h"

static _Noreturn void leave(void (*next)(int status), int status) {
    lifecycle_note_exit(status);
    if (next) {
        next(status);
    }
    sys_exit(status); /* a libc of another make */
}

EXPORT _Noreturn void _exit(int status) {
    leave(REAL(_exit), status);
}

EXPORT _Noreturn void _Exit(int status) {
    leave(REAL(_exit), status);
}

EXPORT _Noreturn void quick_exit(int status) {
    leave(REAL(quick_exit), status);
}
