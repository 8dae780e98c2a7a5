/* restore_blocks.c - see restore_blocks.h. */
#include "restore_blocks.h"

#include <string.h>

#include "journal_ops.h"
#include "memory.h"

enum { NOT_THERE = -1, FIRST_ITEMS = 64 };

/* The index of the first whose id is not smaller. */
static uint32_t place_of(const struct restored_all *all, uint32_t id) {
    uint32_t low = 0, high = all->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (all->items[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct restored *restored_find(struct restored_all *all, uint32_t id) {
    uint32_t i = place_of(all, id);
    return i < all->n && all->items[i].id == id ? &all->items[i] : NULL;
}

struct restored *restored_add(struct restored_all *all, uint32_t id) {
    if (id == UINT32_MAX || (all->n > 0 && all->items[all->n - 1].id >= id)) {
        return NULL;
    }
    if (all->n == all->cap) {
        uint32_t cap = all->cap ? all->cap * 2 : FIRST_ITEMS;
        all->items = memory_grow(all->items, all->cap * sizeof *all->items, cap * sizeof *all->items);
        all->cap = cap;
    }
    struct restored *r = &all->items[all->n++];
    *r = (struct restored){.id = id};
    live_map_init(&r->live, true);
    return r;
}

static void release(struct restored *r) {
    live_map_free(&r->live);
    forks_free(&r->forks);
    forks_release(r->inherited_memory_bytes);
    memory_unmap(r->slots, r->cap_slots * sizeof *r->slots);
    byte_buf_free(&r->finished);
    byte_buf_free(&r->kept_forks);
    byte_buf_free(&r->window);
}

void restored_remove(struct restored_all *all, uint32_t i) {
    release(&all->items[i]);
    memmove(&all->items[i], &all->items[i + 1], (--all->n - i) * sizeof *all->items);
}

void restored_free(struct restored_all *all) {
    for (uint32_t i = 0; i < all->n; i++) {
        release(&all->items[i]);
    }
    memory_unmap(all->items, all->cap * sizeof *all->items);
    *all = (struct restored_all){0};
}

/* ---- operations ---- */

static bool put(struct restored_all *all, struct live_map *map, uint64_t address, uint64_t word) {
    struct live_block block = {.info = (uint32_t)word, .birth_ms = (uint32_t)(word >> 32)};
    if (block.info == 0 || block.info > all->infos->n) {
        return false;
    }
    live_map_put_other(map, address, block);
    return true;
}

struct sum {
    const uint64_t *sizes;
    uint64_t blocks, bytes;
};

static void add_up(void *context, struct live_block block) {
    struct sum *sum = context;
    sum->blocks++;
    sum->bytes += sum->sizes[block.info];
}

static void end_copy(struct restored_all *all) {
    struct sum sum = {.sizes = all->infos->sizes};
    live_map_each(&all->copy->live, add_up, &sum);
    all->copy->blocks = sum.blocks;
    all->copy->bytes = sum.bytes;
    all->copy = NULL;
}

static bool inherit(struct restored_all *all, uint32_t serial, uint64_t parent_id) {
    struct restored *child = all->at < all->n ? &all->items[all->at] : NULL;
    struct restored *parent = parent_id < UINT32_MAX ? restored_find(all, (uint32_t)parent_id) : NULL;
    struct fork_copy copy;
    if (!child || !parent || child == parent) {
        return false;
    }
    if (forks_find(&parent->forks, serial)) {
        static const struct fork_cuts none;
        forks_take(&parent->forks, serial, &none, all->infos->sizes, NULL, &copy);
        live_map_free(&child->live);
        forks_release(child->inherited_memory_bytes);
        child->live = copy.live;
        child->inherited_memory_bytes = copy.memory_bytes;
    } /* else there was no memory for it this time: what it frees of that is of blocks unknown */
    return true;
}

static bool begin_copy(struct restored_all *all, uint32_t serial) {
    if (all->at >= all->n || all->copy) {
        return false;
    }
    all->copy = forks_add_empty(&all->items[all->at].forks, serial);
    return true;
}

/* Returns how many words of `left` behind the first it takes, or NOT_THERE. */
static int apply(struct restored_all *all, uint64_t word, const uint64_t *words, size_t left) {
    uint32_t number = (uint32_t)word, op = (uint32_t)(word >> JOURNAL_OP_SHIFT);
    struct restored *r = op == JOURNAL_OP_TARGET ? restored_find(all, number)
                         : all->at < all->n      ? &all->items[all->at]
                                                 : NULL;
    struct live_map *map = all->copy ? &all->copy->live : r ? &r->live : NULL;
    int more;
    if (!r) {
        return NOT_THERE;
    }
    switch (op) {
    case JOURNAL_OP_TARGET:
        all->at = (uint32_t)(r - all->items);
        return all->copy ? NOT_THERE : 0;
    case JOURNAL_OP_LEAF:
        more = left >= 1 ? live_map_take_lines(map, words[0], number, words + 1, left - 1, all->infos->n) : NOT_THERE;
        return more == NOT_THERE ? NOT_THERE : more + 1;
    case JOURNAL_OP_CLEAR:
        if (left >= 1) {
            live_map_clear_page(map, words[0]);
        }
        return left >= 1 ? 1 : NOT_THERE;
    case JOURNAL_OP_PUT:
        return left >= 2 && put(all, map, words[0], words[1]) ? 2 : NOT_THERE;
    case JOURNAL_OP_TAKE:
        if (left >= 1) {
            live_map_take_other(map, words[0]);
        }
        return left >= 1 ? 1 : NOT_THERE;
    case JOURNAL_OP_FORK:
        if (!forks_add(&r->forks, number, 0, &r->live, all->infos->sizes)) {
            /* There was memory for it then, and is not now: see inherit() */
        }
        return 0;
    case JOURNAL_OP_INHERIT:
        return left >= 1 && inherit(all, number, words[0]) ? 1 : NOT_THERE;
    case JOURNAL_OP_COPY:
        return begin_copy(all, number) ? 0 : NOT_THERE;
    case JOURNAL_OP_COPY_END:
        if (!all->copy) {
            return NOT_THERE;
        }
        end_copy(all);
        return 0;
    case JOURNAL_OP_FORGET:
        live_map_free(&r->live);
        live_map_init(&r->live, true);
        return all->copy ? NOT_THERE : 0;
    default:
        return NOT_THERE;
    }
}

bool restored_apply(struct restored_all *all, const uint64_t *words, size_t n) {
    for (size_t i = 0; i < n;) {
        int more = apply(all, words[i], words + i + 1, n - i - 1);
        if (more == NOT_THERE) {
            return false;
        }
        i += 1 + (size_t)more;
    }
    return true;
}
