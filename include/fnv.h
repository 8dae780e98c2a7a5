/* fnv.h - a hash of a few bytes, for tables of names: FNV-1a.
 *
 * Source   Fowler, Noll, Vo; draft-eastlake-fnv
 */
#ifndef SEEP_FNV_H
#define SEEP_FNV_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t fnv64(const void *bytes, size_t n) {
    const uint8_t *b = (const uint8_t *)bytes;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * 0x100000001b3u;
    }
    return h;
}

/* Folded, where 32 bits are enough. */
static inline uint32_t fnv32(const void *bytes, size_t n) {
    uint64_t h = fnv64(bytes, n);
    return (uint32_t)(h ^ h >> 32);
}

#endif
