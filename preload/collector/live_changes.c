/* live_changes.c - what changes in a live map, told to the journal and taken from it; see live_map.h and journal_ops.h. */
#include <string.h>

#include "live_map.h"
#include "memory.h"

enum {
    N_LINES = LIVE_LEAF_SLOTS / LIVE_LINE_SLOTS,
    MASKS_PER_WORD = 8,
    FIRST_TOUCHED = 256,
    LEAF_WORDS_MAX = 2 + N_LINES / MASKS_PER_WORD + LIVE_LEAF_SLOTS + 1, /* one is written that is not kept */
};

void live_map_note_leaf(struct live_map *map, uint32_t leaf) {
    if (!map->ops || !map->ops->is_kept) {
        return;
    }
    if (map->n_touched == map->cap_touched) {
        uint32_t cap = map->cap_touched ? map->cap_touched * 2 : FIRST_TOUCHED;
        map->touched_leaves = memory_grow(map->touched_leaves, map->cap_touched * sizeof *map->touched_leaves,
                                          cap * sizeof *map->touched_leaves);
        map->cap_touched = cap;
    }
    map->touched_leaves[map->n_touched++] = leaf;
}

static void tell_leaf(const struct live_map *map, struct journal_ops *ops, uint32_t leaf, uint32_t lines) {
    const struct live_block *places = live_map_place(map, leaf, 0);
    uint64_t *words = journal_ops_reserve(ops, LEAF_WORDS_MAX);
    uint32_t n_lines = (uint32_t)__builtin_popcount(lines), line_at = 0;
    uint64_t *masks = words + 2, *blocks = masks + (n_lines + MASKS_PER_WORD - 1) / MASKS_PER_WORD;
    words[0] = (uint64_t)JOURNAL_OP_LEAF << JOURNAL_OP_SHIFT | lines;
    words[1] = map->states[leaf].page;
    for (uint64_t *m = masks; m < blocks; m++) {
        *m = 0;
    }
    for (; lines != 0; lines &= lines - 1, line_at++) {
        const struct live_block *line = places + __builtin_ctz(lines) * LIVE_LINE_SLOTS;
        uint64_t mask = 0;
        for (uint32_t i = 0; i < LIVE_LINE_SLOTS; i++) { /* without a branch: written in any case, kept if it is one */
            uint64_t is_there = line[i].info != 0;
            memcpy(blocks, &line[i], sizeof *blocks);
            blocks += is_there;
            mask |= is_there << i;
        }
        masks[line_at / MASKS_PER_WORD] |= mask << line_at % MASKS_PER_WORD * 8;
    }
    ops->n += (size_t)(blocks - words);
}

void live_map_tell_changes(struct live_map *map) {
    for (uint32_t i = 0; i < map->n_touched; i++) {
        uint32_t leaf = map->touched_leaves[i];
        struct live_leaf_state *state = &map->states[leaf];
        if (state->touched == 0) {
            continue; /* it has been given back, or stands here twice */
        }
        tell_leaf(map, map->ops, leaf, state->touched);
        state->touched = 0;
        if (state->n_alive == 0) {
            live_map_leaf_release(map, leaf);
        }
    }
    map->n_touched = 0;
}

void live_map_tell_all(struct live_map *map, struct journal_ops *ops) {
    for (uint32_t leaf = 1; leaf < map->n_leaves; leaf++) {
        struct live_leaf_state *state = &map->states[leaf];
        if (state->n_alive != 0) {
            tell_leaf(map, ops, leaf, UINT32_MAX);
        } else if (state->touched != 0) {
            live_map_leaf_release(map, leaf); /* those that have been are not touched */
        }
        state->touched = 0;
    }
    for (uint64_t i = 0; map->others.n != 0 && i < (uint64_t)1 << map->others.bits; i++) {
        const struct address_entry *e = &map->others.entries[i];
        if (e->block.info != 0) {
            journal_op_word(ops, JOURNAL_OP_PUT, 0, e->address);
            journal_op_block(ops, e->block.info | (uint64_t)e->block.birth_ms << 32);
        }
    }
    map->n_touched = 0;
}

static uint32_t leaf_of_page(const struct live_map *map, uint64_t page) {
    return page < map->cap_pages ? map->flat[page] : live_map_leaf_slow(map, page);
}

void live_map_clear_page(struct live_map *map, uint64_t page) {
    uint32_t leaf = leaf_of_page(map, page);
    if (leaf != 0) {
        memset(live_map_place(map, leaf, 0), 0, LIVE_LEAF_SLOTS * sizeof(struct live_block));
        map->states[leaf].n_alive = 0;
        live_map_leaf_release(map, leaf);
    }
}

/* Returns how many blocks there are among the places of a line. */
static uint32_t count_line(const struct live_block *line) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < LIVE_LINE_SLOTS; i++) {
        n += line[i].info != 0;
    }
    return n;
}

int live_map_take_lines(struct live_map *map, uint64_t page, uint32_t lines, const uint64_t *words, size_t n_words,
                        uint32_t infos) {
    size_t at = ((uint32_t)__builtin_popcount(lines) + MASKS_PER_WORD - 1) / MASKS_PER_WORD;
    uint32_t line_at = 0;
    if (at > n_words || page > UINT64_MAX >> LIVE_PAGE_SHIFT) {
        return -1;
    }
    uint32_t leaf = leaf_of_page(map, page);
    leaf = leaf ? leaf : live_map_leaf_new(map, page);
    uint32_t n_alive = map->states[leaf].n_alive;
    for (; lines != 0; lines &= lines - 1, line_at++) {
        struct live_block *line = live_map_place(map, leaf, 0) + __builtin_ctz(lines) * LIVE_LINE_SLOTS;
        uint8_t mask = (uint8_t)(words[line_at / MASKS_PER_WORD] >> line_at % MASKS_PER_WORD * 8);
        n_alive -= count_line(line);
        memset(line, 0, LIVE_LINE_SLOTS * sizeof *line);
        for (; mask != 0; mask &= (uint8_t)(mask - 1)) {
            struct live_block block = {0};
            if (at < n_words) {
                memcpy(&block, &words[at++], sizeof block);
            }
            if (block.info == 0 || block.info > infos) {
                return -1;
            }
            line[__builtin_ctz(mask)] = block;
            n_alive++;
        }
    }
    map->states[leaf].n_alive = n_alive;
    if (n_alive == 0) {
        live_map_leaf_release(map, leaf);
    }
    return (int)at;
}
