/* address_map.c - see address_map.h. */
#include "address_map.h"

#include "attributes.h"
#include "memory.h"

enum { FIRST_BITS = 8 };

#define GOLDEN 0x9E3779B97F4A7C15u /* 2^64 / golden ratio */

ALWAYS_INLINE uint64_t place_of(const struct address_map *map, uint64_t address) {
    return (address * GOLDEN) >> (64 - map->bits);
}

ALWAYS_INLINE uint64_t places_mask(const struct address_map *map) {
    return ((uint64_t)1 << map->bits) - 1;
}

/* The place of the address, or the empty place where it would go. */
ALWAYS_INLINE uint64_t probe(const struct address_map *map, uint64_t address) {
    uint64_t mask = places_mask(map), i = place_of(map, address);
    while (map->entries[i].block.info != 0 && map->entries[i].address != address) {
        i = (i + 1) & mask;
    }
    return i;
}

static void grow(struct address_map *map) {
    struct address_map old = *map;
    map->bits = old.bits ? old.bits + 1 : FIRST_BITS;
    map->entries = memory_map(sizeof *map->entries << map->bits);
    if (old.bits == 0) {
        return;
    }
    for (uint64_t i = 0; i <= places_mask(&old); i++) {
        if (old.entries[i].block.info != 0) {
            map->entries[probe(map, old.entries[i].address)] = old.entries[i];
        }
    }
    memory_unmap(old.entries, sizeof *old.entries << old.bits);
}

struct live_block address_map_find(const struct address_map *map, uint64_t address) {
    return map->n ? map->entries[probe(map, address)].block : (struct live_block){0};
}

struct live_block address_map_put(struct address_map *map, uint64_t address, struct live_block block) {
    if (map->bits == 0 || map->n * 2 > places_mask(map)) {
        grow(map);
    }
    struct address_entry *e = &map->entries[probe(map, address)];
    struct live_block before = e->block;
    map->n += before.info == 0;
    e->address = address;
    e->block = block;
    return before;
}

struct live_block address_map_take(struct address_map *map, uint64_t address) {
    if (map->n == 0) {
        return (struct live_block){0};
    }
    uint64_t mask = places_mask(map), hole = probe(map, address);
    struct live_block taken = map->entries[hole].block;
    if (taken.info == 0) {
        return taken;
    }
    for (uint64_t i = (hole + 1) & mask; map->entries[i].block.info != 0; i = (i + 1) & mask) {
        /* An entry may fill the hole unless its own place lies behind the hole on the way to i. */
        uint64_t home = place_of(map, map->entries[i].address);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->entries[hole] = map->entries[i];
            hole = i;
        }
    }
    map->entries[hole] = (struct address_entry){0};
    map->n--;
    return taken;
}

void address_map_free(struct address_map *map) {
    if (map->bits) {
        memory_unmap(map->entries, sizeof *map->entries << map->bits);
    }
    *map = (struct address_map){0};
}
