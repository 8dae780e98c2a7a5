/* address_map.h - a growing hash from an address to a live block.
 *
 * Linear probing at no more than half load; removal shifts the followers back, so there are no tombstones and a lookup of
 * what is absent stays short. Used for blocks that the page leaves of live_map do not hold, and (with page numbers for
 * addresses and leaf ids for infos) as live_map's directory where a flat one is impossible.
 * Source: Knuth, TAOCP 3, 6.4, algorithm R (removal) and Fibonacci hashing.
 */
#ifndef SEEP_COLLECTOR_ADDRESS_MAP_H
#define SEEP_COLLECTOR_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

/* What is known of a block that is alive. */
struct live_block {
    uint32_t info; /* 0 = none */
    uint32_t birth_ms;
};

struct address_entry {
    uint64_t address;
    struct live_block block; /* info 0 = empty place */
};

struct address_map {
    struct address_entry *entries;
    uint32_t bits; /* log2 of places; 0 = none allocated yet */
    uint64_t n;
};

/* Return the block at the address, {0} if there is none. */
struct live_block address_map_find(const struct address_map *map, uint64_t address);

/* Set the block at the address; its info is not 0. Returns what was there before. */
struct live_block address_map_put(struct address_map *map, uint64_t address, struct live_block block);

/* Remove and return the block at the address, {0} if there is none. */
struct live_block address_map_take(struct address_map *map, uint64_t address);

void address_map_free(struct address_map *map);

#endif
