/* estimate.h - what sampled allocations stand for, and how far an estimate may be off.
 *
 * With a sampling interval of B bytes an allocation of s bytes is recorded with probability p = 1 - exp(-s / B), independently of the others
 * (preload/sample.h). So each recorded one counts 1 / p times: sums of that are unbiased, whatever the sizes. The variance of such a
 * sum is estimated without bias by the sum of (1 - p) / p^2 over what was recorded; for bytes, times s^2.
 * Source: Horvitz and Thompson, JASA 47 (1952), for independent inclusion (Poisson sampling).
 */
#ifndef SEEP_ESTIMATE_H
#define SEEP_ESTIMATE_H

#include <stdint.h>

enum { ESTIMATE_INTERVAL_BITS_MAX = 40 }; /* larger intervals are damage */

/* Figures of a set of sampled allocations, as far as they are no whole numbers: see struct cost. */
struct estimate {
    uint64_t n_samples; /* allocations recorded */
    double calls, unreleased_blocks, temporary;
    /* Variances; a standard error is the root. */
    double var_calls, var_allocated_bytes, var_peak_bytes, var_unreleased_bytes, var_unreleased_blocks, var_temporary;
};

/* What one recorded allocation of that size counts for: 1 / p. interval > 0; an empty block counts as a byte, as for the recorder. */
double estimate_weight(uint64_t size_bytes, uint64_t interval);

/* The nearest whole number; numbers beyond 64 bits, from forged traces, become the largest. */
uint64_t estimate_round(double v);

/* What is recorded of one info: how many allocations, and how many of them were alive at the peak, are unreleased, were temporary. */
struct estimate_counts {
    uint64_t calls, live_at_peak, live, temporary;
};

/* Add what these stand for. */
void estimate_add_info(struct estimate *sum, uint64_t size_bytes, uint64_t interval, struct estimate_counts n);

void estimate_add(struct estimate *sum, const struct estimate *e);

#endif
