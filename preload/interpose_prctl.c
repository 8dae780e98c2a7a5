/* interpose_prctl.c - prctl(PR_SET_TSC): a program that forbids itself the time stamp counter would be killed by the next hook, which reads it.
 * Everything else goes straight through. Context: as prctl itself */
#include <stdarg.h>
#include <sys/prctl.h>

#include "clock.h"
#include "interpose.h"
#include "real.h"

EXPORT int prctl(int option, ...) {
    va_list rest;
    va_start(rest, option);
    unsigned long a = va_arg(rest, unsigned long), b = va_arg(rest, unsigned long), c = va_arg(rest, unsigned long),
                  d = va_arg(rest, unsigned long);
    va_end(rest);
    if (option == PR_SET_TSC && (int)a == PR_TSC_SIGSEGV) {
        clock_leave_tsc();
    }
    return REAL(prctl)(option, a, b, c, d);
}
