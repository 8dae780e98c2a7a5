/* sample_weight.h - what an allocation recorded by sampling stands for; the same for who adds up while recording and for who reads.
 *
 * With a sampling interval of B bytes an allocation of s bytes is recorded with probability p = 1 - exp(-s / B) and counts 1 / p times;
 * analyzer/estimate.h has the statistics.
 */
#ifndef SEEP_SAMPLE_WEIGHT_H
#define SEEP_SAMPLE_WEIGHT_H

#include <math.h>
#include <stdint.h>

/* What one recorded allocation of that size counts for: 1 / p. interval > 0; an empty block counts as a byte, as for the recorder. */
static inline double sample_weight(uint64_t size_bytes, uint64_t interval) {
    double bytes = size_bytes ? (double)size_bytes : 1;
    return -1 / expm1(-bytes / (double)interval);
}

/* The nearest whole number; numbers beyond 64 bits, from forged traces, become the largest. */
static inline uint64_t sample_round(double v) {
    return v < 0x1p63 ? (uint64_t)llround(v) : UINT64_MAX;
}

/* The bytes that a recorded block of that size stands for. interval 0: not sampled. */
static inline uint64_t sample_bytes_of(uint64_t size_bytes, uint64_t interval) {
    return interval ? sample_round((double)size_bytes * sample_weight(size_bytes, interval)) : size_bytes;
}

#endif
