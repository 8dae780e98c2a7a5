/* info_table.c - see info_table.h. */
#include "info_table.h"

#include <stddef.h>
#include <string.h>

#include "token_model.h"

enum { FIRST_BITS = 10, FIRST_SIZES = 1024 };

void info_ids_free(struct info_ids *ids) {
    memory_unmap(ids->sizes, ids->cap * sizeof *ids->sizes);
    byte_buf_free(&ids->added);
    *ids = (struct info_ids){0};
}

static uint32_t next_id(struct info_ids *ids, uint64_t size_bytes) {
    if (ids->n == TOKEN_INFOS_MAX) { /* 64 GiB of table: memory gives out long before */
        memory_die();
    }
    if (++ids->n >= ids->cap) {
        uint32_t cap = ids->cap ? ids->cap * 2 : FIRST_SIZES;
        ids->sizes = memory_grow(ids->sizes, ids->cap * sizeof *ids->sizes, cap * sizeof *ids->sizes);
        ids->cap = cap;
    }
    ids->sizes[ids->n] = size_bytes;
    return ids->n;
}

void info_table_init(struct info_table *t, struct info_ids *ids) {
    *t = (struct info_table){.ids = ids, .bits = FIRST_BITS};
    t->entries = memory_map_spread(sizeof *t->entries << t->bits);
}

void info_table_free(struct info_table *t) {
    memory_unmap(t->entries, sizeof *t->entries << t->bits);
    *t = (struct info_table){0};
}

void info_table_clear(struct info_table *t) {
    if (t->n == 0) {
        return;
    }
    if (t->bits == FIRST_BITS) {
        memset(t->entries, 0, sizeof *t->entries << t->bits);
    } else { /* the next interval may need less */
        memory_unmap(t->entries, sizeof *t->entries << t->bits);
        t->bits = FIRST_BITS;
        t->entries = memory_map_spread(sizeof *t->entries << t->bits);
    }
    t->n = 0;
}

static COLD void grow(struct info_table *t) {
    struct info_table old = *t;
    t->bits++;
    t->entries = memory_map_spread(sizeof *t->entries << t->bits);
    for (size_t i = 0; i < (size_t)1 << old.bits; i++) {
        const struct info_entry *e = &old.entries[i];
        if (e->id != 0) {
            *info_table_find(t, e->node, e->size_bytes) = *e;
        }
    }
    memory_unmap(old.entries, sizeof *old.entries << old.bits);
}

static void set(struct info_table *t, struct info_entry *at, struct info_entry entry) {
    *at = entry;
    if ((uint64_t)++t->n * 2 > (uint64_t)1 << t->bits) {
        grow(t);
    }
}

uint32_t info_table_add(struct info_table *t, struct info_entry *at, uint32_t node, uint64_t size_bytes) {
    uint32_t id = next_id(t->ids, size_bytes);
    if (t->ids->is_kept) {
        struct info_added added = {.size_bytes = size_bytes, .owner = t->owner, .node = node};
        memcpy(byte_buf_reserve(&t->ids->added, sizeof added), &added, sizeof added);
        t->ids->added.n += sizeof added;
    }
    set(t, at, (struct info_entry){.size_bytes = size_bytes, .node = node, .id = id});
    return id;
}

void info_ids_add(struct info_ids *ids, uint64_t size_bytes) {
    next_id(ids, size_bytes);
}

void info_table_restore(struct info_table *t, uint32_t node, uint64_t size_bytes, uint32_t id) {
    struct info_entry *at = info_table_find(t, node, size_bytes);
    if (at->id == 0) {
        set(t, at, (struct info_entry){.size_bytes = size_bytes, .node = node, .id = id});
    }
}
