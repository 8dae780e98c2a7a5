/* live_map.c - see live_map.h. */
#include "live_map.h"

#include <string.h>
#include <sys/mman.h>

#include "memory.h"

enum {
    ADDRESS_BITS = 47, /* user addresses of x86-64 and aarch64 unless asked for higher ones */
    FIRST_LEAVES = 64,
    FLAT_MAX = 256,
    EMPTY_MAX = 4096, /* leaves touched between two commits up to which empty ones are kept: 8 MiB */
};

#define FLAT_PAGES ((uint64_t)1 << (ADDRESS_BITS - LIVE_PAGE_SHIFT))

static const size_t leaf_bytes = sizeof(struct live_block) * LIVE_LEAF_SLOTS;

static uint32_t n_flat; /* of all maps: each takes a thousandth of the address space */

void live_map_init(struct live_map *map, bool want_flat) {
    *map = (struct live_map){0};
    map->flat = want_flat && n_flat < FLAT_MAX ? memory_try_map(FLAT_PAGES * sizeof *map->flat) : NULL;
    if (map->flat) {
        n_flat++;
        map->cap_pages = FLAT_PAGES;
        /* Heaps are far apart: a huge page here would be 2 MiB for a few hundred bytes. */
        madvise(map->flat, FLAT_PAGES * sizeof *map->flat, MADV_NOHUGEPAGE);
    }
    map->cap_leaves = FIRST_LEAVES;
    map->leaves = memory_map(leaf_bytes * map->cap_leaves);
    map->states = memory_map(sizeof *map->states * map->cap_leaves);
    map->others_by_page = memory_map(sizeof *map->others_by_page << LIVE_FILTER_BITS);
    map->n_leaves = 1;
}

void live_map_free(struct live_map *map) {
    n_flat -= map->flat != NULL;
    memory_unmap(map->flat, FLAT_PAGES * sizeof *map->flat);
    memory_unmap(map->leaves, leaf_bytes * map->cap_leaves);
    memory_unmap(map->states, sizeof *map->states * map->cap_leaves);
    memory_unmap(map->others_by_page, sizeof *map->others_by_page << LIVE_FILTER_BITS);
    address_map_free(&map->far_leaves);
    address_map_free(&map->others);
    memory_unmap(map->touched_leaves, map->cap_touched * sizeof *map->touched_leaves);
    *map = (struct live_map){0};
}

uint32_t live_map_leaf_slow(const struct live_map *map, uint64_t page) {
    return address_map_find(&map->far_leaves, page).info;
}

struct live_block live_map_find(const struct live_map *map, uint64_t address) {
    struct live_block block = *live_map_place(map, live_map_leaf(map, address), address);
    return block.info != 0 && live_map_is_aligned(address) ? block : address_map_find(&map->others, address);
}

static void leaves_grow(struct live_map *map) {
    uint32_t cap = map->cap_leaves * 2;
    if (cap == 0) { /* 2^32 leaves are 8 TiB */
        memory_die();
    }
    map->leaves = memory_grow(map->leaves, leaf_bytes * map->cap_leaves, leaf_bytes * cap);
    map->states = memory_grow(map->states, sizeof *map->states * map->cap_leaves, sizeof *map->states * cap);
    map->cap_leaves = cap;
}

uint32_t live_map_leaf_new(struct live_map *map, uint64_t page) {
    uint32_t leaf = map->free_leaf;
    if (leaf != 0) {
        map->free_leaf = (uint32_t)map->states[leaf].next_free;
    } else {
        if (map->n_leaves == map->cap_leaves) {
            leaves_grow(map);
        }
        leaf = map->n_leaves++;
    }
    map->states[leaf] = (struct live_leaf_state){.page = page};
    if (page < map->cap_pages) {
        map->flat[page] = leaf; /* NOLINT(clang-analyzer-core.NullDereference): without it cap_pages is 0 */
    } else {
        address_map_put(&map->far_leaves, page, (struct live_block){.info = leaf});
    }
    return leaf;
}

/* The leaf is all zero already: every block that was in it has been taken. */
void live_map_leaf_release(struct live_map *map, uint32_t leaf) {
    struct live_leaf_state *state = &map->states[leaf];
    if (state->page < map->cap_pages) {
        map->flat[state->page] = 0;
    } else {
        address_map_take(&map->far_leaves, state->page);
    }
    state->touched = 0;
    state->next_free = map->free_leaf;
    map->free_leaf = leaf;
}

void live_map_leaf_emptied(struct live_map *map, uint32_t leaf) {
    if (map->ops && map->ops->is_kept && map->n_touched < EMPTY_MAX) {
        return; /* its touched lines say that it is empty */
    }
    if (map->ops) {
        journal_op_word(map->ops, JOURNAL_OP_CLEAR, 0, map->states[leaf].page);
    }
    live_map_leaf_release(map, leaf);
}

struct live_block live_map_put_other(struct live_map *map, uint64_t address, struct live_block block) {
    struct live_block before = live_map_take(map, address); /* whichever kind it was */
    address_map_put(&map->others, address, block);
    if (map->ops) {
        journal_op_word(map->ops, JOURNAL_OP_PUT, 0, address);
        journal_op_block(map->ops, block.info | (uint64_t)block.birth_ms << 32);
    }
    uint16_t *count = &map->others_by_page[live_map_filter_index(address)];
    *count += *count != UINT16_MAX;
    return before;
}

struct live_block live_map_take_other(struct live_map *map, uint64_t address) {
    struct live_block block = address_map_take(&map->others, address);
    if (block.info != 0) {
        if (map->ops) {
            journal_op_word(map->ops, JOURNAL_OP_TAKE, 0, address);
        }
        uint16_t *count = &map->others_by_page[live_map_filter_index(address)];
        *count -= *count != UINT16_MAX; /* once saturated it stays: only the short cut is lost */
    }
    return block;
}

void live_map_each_place(struct live_map *map, void (*visit)(void *context, struct live_block *block), void *context) {
    for (uint32_t leaf = 1; leaf < map->n_leaves; leaf++) {
        struct live_block *places = live_map_place(map, leaf, 0);
        uint32_t n_left = map->states[leaf].n_alive;
        for (uint32_t i = 0; n_left != 0 && i < LIVE_LEAF_SLOTS; i++) {
            if (places[i].info != 0) {
                visit(context, &places[i]);
                n_left--;
            }
        }
    }
    for (uint64_t i = 0; map->others.n != 0 && i < (uint64_t)1 << map->others.bits; i++) {
        if (map->others.entries[i].block.info != 0) {
            visit(context, &map->others.entries[i].block);
        }
    }
}

struct look {
    void (*visit)(void *context, struct live_block block);
    void *context;
};

static void look_at(void *context, struct live_block *block) {
    const struct look *look = context;
    look->visit(look->context, *block);
}

void live_map_each(const struct live_map *map, void (*visit)(void *context, struct live_block block), void *context) {
    struct live_map same = *map; /* its blocks are only looked at */
    struct look look = {.visit = visit, .context = context};
    live_map_each_place(&same, look_at, &look);
}

uint64_t live_map_memory(const struct live_map *map) {
    return (uint64_t)map->n_leaves * leaf_bytes + (map->others.bits ? sizeof *map->others.entries << map->others.bits : 0);
}

void live_map_copy(struct live_map *to, const struct live_map *from) {
    live_map_init(to, true);
    for (uint32_t leaf = 1; leaf < from->n_leaves; leaf++) {
        if (from->states[leaf].n_alive == 0) {
            continue;
        }
        uint32_t made = live_map_leaf_new(to, from->states[leaf].page);
        to->states[made].n_alive = from->states[leaf].n_alive;
        memcpy(live_map_place(to, made, 0), live_map_place(from, leaf, 0), leaf_bytes);
    }
    for (uint64_t i = 0; from->others.n != 0 && i < (uint64_t)1 << from->others.bits; i++) {
        const struct address_entry *e = &from->others.entries[i];
        if (e->block.info != 0) {
            live_map_put_other(to, e->address, e->block);
        }
    }
}
