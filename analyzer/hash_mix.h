/* hash_mix.h - one number out of two, for the analyzer's hashes. */
#ifndef SEEP_HASH_MIX_H
#define SEEP_HASH_MIX_H

#include <stdint.h>

static inline uint64_t hash_mix(uint64_t a, uint64_t b) {
    uint64_t h = (a ^ (b * 0x9E3779B97F4A7C15u)) * 0xBF58476D1CE4E5B9u; /* multipliers of splitmix64 */
    return h ^ (h >> 29);
}

#endif
