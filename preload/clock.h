/* clock.h - the stamps that order events across threads: the TSC where it is stable, else CLOCK_MONOTONIC, or a counter (quiet.h).
 *
 * Two forms, because order is what the stamps are for: clock_after() is not older than what the thread has seen (an
 * allocation that returned), clock_before() not younger than what it will do (a free that is about to happen).
 */
#ifndef SEEP_CLOCK_H
#define SEEP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "arch.h"
#include "attributes.h"

extern HIDDEN bool clock_is_tsc; /* set before the first stamp; never again after clock_leave_tsc() */

/* The program is about to forbid the TSC to the calling thread: from here on no thread's hooks read it. Stamps go on as the next numbers of the ring's
 * counter, which the collector raises; they are as fine as its polls then, and their order is exact. */
void clock_leave_tsc(void);

/* Where stamps are not the TSC: CLOCK_MONOTONIC, or the next number of the ring's counter where hooks must make no system call, or the TSC is forbidden. */
uint64_t clock_other(void);

ALWAYS_INLINE uint64_t clock_after(void) {
    return LIKELY(clock_is_tsc) ? arch_tsc_after() : clock_other();
}

ALWAYS_INLINE uint64_t clock_before(void) {
    return LIKELY(clock_is_tsc) ? arch_tsc_before() : clock_other();
}

#endif
