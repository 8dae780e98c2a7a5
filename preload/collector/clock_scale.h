/* clock_scale.h - from stamps of the ring's clock to nanoseconds since the start of the trace.
 *
 * The rate of the TSC is not told by the system, so it is measured: the ring holds both clocks at the start, and the
 * longer the trace runs, the better the quotient. A better rate takes effect from a stamp on which everything older has
 * been merged, so time never runs backwards and never jumps.
 */
#ifndef SEEP_COLLECTOR_CLOCK_SCALE_H
#define SEEP_COLLECTOR_CLOCK_SCALE_H

#include <stdbool.h>
#include <stdint.h>

struct clock_scale {
    bool is_tsc;
    uint64_t start_stamp, start_mono_ns;
    uint64_t base_stamp, base_ns; /* base_stamp is base_ns after the start */
    double ns_per_tick;
    uint64_t next_refine_ns; /* CLOCK_MONOTONIC at which a better rate is worth while */
};

uint64_t clock_mono_ns(void);

/* Read the clock that stamps events, after every earlier load. */
uint64_t clock_stamp(bool is_tsc);

/* Let a moment pass while waiting for another core. */
void clock_pause(void);

/* Wait until a reading made at read_ns (CLOCK_MONOTONIC) is that many ns old. */
void clock_settle(uint64_t read_ns, uint64_t ns);

void clock_scale_init(struct clock_scale *c, bool is_tsc, uint64_t start_stamp, uint64_t start_mono_ns);

/* Nanoseconds since the start; 0 for anything before it. */
uint64_t clock_scale_ns(const struct clock_scale *c, uint64_t stamp);

/* The first stamp at which the clock shows `ns` or more. */
uint64_t clock_scale_stamp(const struct clock_scale *c, uint64_t ns);

/* Take a better rate where one can be had; merged_stamp: no stamp below it will be asked for again. */
void clock_scale_refine(struct clock_scale *c, uint64_t merged_stamp);

/* Ticks per second. */
uint64_t clock_scale_rate(const struct clock_scale *c);

#endif
