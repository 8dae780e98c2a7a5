/* clock.h - the stamps that order events across threads: the TSC where it is stable, else CLOCK_MONOTONIC.
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
#include "sys.h"

extern HIDDEN bool clock_is_tsc; /* set once, before the first stamp */

ALWAYS_INLINE uint64_t clock_after(void) {
    return LIKELY(clock_is_tsc) ? arch_tsc_after() : sys_mono_ns();
}

ALWAYS_INLINE uint64_t clock_before(void) {
    return LIKELY(clock_is_tsc) ? arch_tsc_before() : sys_mono_ns();
}

#endif
