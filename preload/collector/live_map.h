/* live_map.h - which blocks are alive: address -> {info, birth}.
 *
 *   page number ──directory──► leaf id ──► leaf: 256 live_blocks, one for each 16 bytes of the page
 *                                          (small blocks at multiples of 16: nearly all)
 *   everything else (4096 bytes and more, other alignments) ──► address_map
 *
 * A page table instead of a hash: 1-3 ns an event against 8-17, because neighbours share cache lines. The directory is a
 * flat array over 47 bits of address space, mapped without reservation; where that is refused (RLIMIT_AS, strict
 * overcommit) or an address lies above, an address_map finds the leaf. A leaf goes back to a free list when its last
 * block is gone, so memory follows what is alive, not what ever was. Large blocks stay out of the leaves: a leaf for each
 * of their pages would cost 2 KiB for one entry.
 * What has changed since the last commit is known by lines, and told in words of journal_ops.h (live_changes.c).
 * Memory   2 KiB for each page with a small block, 32 bytes for each other block; 4 bytes of directory per page
 */
#ifndef SEEP_COLLECTOR_LIVE_MAP_H
#define SEEP_COLLECTOR_LIVE_MAP_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address_map.h"
#include "attributes.h"
#include "journal_ops.h"

enum {
    LIVE_PAGE_SHIFT = 12,
    LIVE_GRANULE_SHIFT = 4,
    LIVE_LEAF_SLOTS = 1 << (LIVE_PAGE_SHIFT - LIVE_GRANULE_SHIFT),
    LIVE_LARGE_BYTES = 4096, /* blocks from this size on are kept in the hash */
    LIVE_FILTER_BITS = 14,
    LIVE_LINE_SLOTS = 8, /* places in a cache line of a leaf */
};

static_assert(LIVE_LEAF_SLOTS / LIVE_LINE_SLOTS == 32, "a bit for each line");

struct live_leaf_state {
    uint32_t n_alive; /* 0 in one that is kept until the next live_map_tell_changes(): it may be wanted again */
    uint32_t touched; /* lines, a bit each, since the last one */
    union {
        uint64_t page;
        uint64_t next_free; /* leaf id while on the free list */
    };
};

struct live_map {
    uint32_t *flat;     /* page -> leaf id, NULL if refused */
    uint64_t cap_pages; /* entries of flat */
    struct live_block *leaves;
    struct live_leaf_state *states;
    uint32_t n_leaves; /* ids handed out, leaf 0 included: it is always empty, so a missing page needs no test */
    uint32_t cap_leaves;
    uint32_t free_leaf;            /* 0 = none */
    struct address_map far_leaves; /* page -> {leaf id} where flat does not reach */
    struct address_map others;     /* blocks that leaves do not hold */
    uint16_t *others_by_page;      /* filter: how many of `others` fall on a hash of their page; saturates */
    struct journal_ops *ops;       /* where changes are told; NULL = nowhere */
    uint32_t *touched_leaves;      /* ids */
    uint32_t n_touched, cap_touched;
};

/* Make an empty map. want_flat false: as if the flat directory had been refused (for tests). */
void live_map_init(struct live_map *map, bool want_flat);
void live_map_free(struct live_map *map);

/* What a copy will take, in bytes; without the directory's few pages. */
uint64_t live_map_memory(const struct live_map *map);

/* Make another map of the same blocks. */
void live_map_copy(struct live_map *to, const struct live_map *from);

/* Call visit for every live block, in no order. It may change the block's birth. */
void live_map_each_place(struct live_map *map, void (*visit)(void *context, struct live_block *block), void *context);

/* The same, to look at. */
void live_map_each(const struct live_map *map, void (*visit)(void *context, struct live_block block), void *context);

/* Tell what has changed since the last call, or everything; see journal_ops.h. */
void live_map_tell_changes(struct live_map *map);
void live_map_tell_all(struct live_map *map, struct journal_ops *ops);

/* Put the told lines of a leaf in the place of what was there: n_words words behind the page. infos: the highest that there is. Returns how many
 * words they are, or -1 where they make no sense. */
int live_map_take_lines(struct live_map *map, uint64_t page, uint32_t lines, const uint64_t *words, size_t n_words,
                        uint32_t infos);
void live_map_clear_page(struct live_map *map, uint64_t page);

/* The block that is alive at the address, {0} if none. */
struct live_block live_map_find(const struct live_map *map, uint64_t address);

COLD uint32_t live_map_leaf_slow(const struct live_map *map, uint64_t page);
COLD uint32_t live_map_leaf_new(struct live_map *map, uint64_t page);
COLD void live_map_note_leaf(struct live_map *map, uint32_t leaf);
/* The leaf is empty. */
COLD void live_map_leaf_emptied(struct live_map *map, uint32_t leaf);
void live_map_leaf_release(struct live_map *map, uint32_t leaf);
struct live_block live_map_put_other(struct live_map *map, uint64_t address, struct live_block block);
struct live_block live_map_take_other(struct live_map *map, uint64_t address);

ALWAYS_INLINE uint32_t live_map_leaf(const struct live_map *map, uint64_t address) {
    uint64_t page = address >> LIVE_PAGE_SHIFT;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): without it cap_pages is 0 */
    return LIKELY(page < map->cap_pages) ? map->flat[page] : live_map_leaf_slow(map, page);
}

ALWAYS_INLINE struct live_block *live_map_place(const struct live_map *map, uint32_t leaf, uint64_t address) {
    return &map->leaves[(size_t)leaf * LIVE_LEAF_SLOTS + ((address >> LIVE_GRANULE_SHIFT) & (LIVE_LEAF_SLOTS - 1))];
}

ALWAYS_INLINE bool live_map_is_aligned(uint64_t address) {
    return (address & ((1u << LIVE_GRANULE_SHIFT) - 1)) == 0;
}

ALWAYS_INLINE uint32_t live_map_filter_index(uint64_t address) {
    return (uint32_t)(((address >> LIVE_PAGE_SHIFT) * 0x9E3779B97F4A7C15u) >> (64 - LIVE_FILTER_BITS));
}

/* Ask for the cache line that an event at the address will need. */
ALWAYS_INLINE void live_map_prefetch(const struct live_map *map, uint64_t address) {
    uint64_t page = address >> LIVE_PAGE_SHIFT;
    if (LIKELY(page < map->cap_pages)) {
        __builtin_prefetch(live_map_place(map, map->flat[page], address), 1);
    }
}

/* The line of that address has changed. The form is one that is compiled to a bit operation: this is what the journal costs with each event. */
ALWAYS_INLINE void live_map_touch(struct live_map *map, uint32_t leaf, uint64_t address) {
    enum { LINE_SHIFT = LIVE_GRANULE_SHIFT + 3 };
    struct live_leaf_state *state = &map->states[leaf];
    uint32_t touched = state->touched;
    if (UNLIKELY(touched == 0)) {
        live_map_note_leaf(map, leaf);
    }
    state->touched = touched | 1u << ((uint32_t)(address >> LINE_SHIFT) & 31);
}

/* Take the block at the address out of the map. Returns it, or {0} if none is alive there. */
ALWAYS_INLINE struct live_block live_map_take(struct live_map *map, uint64_t address) {
    uint32_t leaf = live_map_leaf(map, address);
    struct live_block *place = live_map_place(map, leaf, address);
    struct live_block block = *place;
    if (UNLIKELY(block.info == 0 || !live_map_is_aligned(address))) {
        return live_map_take_other(map, address);
    }
    *place = (struct live_block){0};
    live_map_touch(map, leaf, address);
    if (UNLIKELY(--map->states[leaf].n_alive == 0)) {
        live_map_leaf_emptied(map, leaf);
    }
    return block;
}

/* Put a block of `size` bytes at the address. Returns the block that was alive there ({0} = none): it has ended unseen. */
ALWAYS_INLINE struct live_block live_map_put(struct live_map *map, uint64_t address, uint64_t size,
                                             struct live_block block) {
    if (UNLIKELY(size >= LIVE_LARGE_BYTES || !live_map_is_aligned(address))) {
        return live_map_put_other(map, address, block);
    }
    uint32_t leaf = live_map_leaf(map, address);
    if (UNLIKELY(leaf == 0)) {
        leaf = live_map_leaf_new(map, address >> LIVE_PAGE_SHIFT);
    }
    struct live_block *place = live_map_place(map, leaf, address);
    struct live_block before = *place;
    *place = block;
    live_map_touch(map, leaf, address);
    if (LIKELY(before.info == 0)) {
        map->states[leaf].n_alive++;
        if (UNLIKELY(map->others_by_page[live_map_filter_index(address)] != 0)) {
            return live_map_take_other(map, address);
        }
    }
    return before;
}

#endif
