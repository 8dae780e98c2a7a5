/* info_table.c - see info_table.h. */
#include "info_table.h"

#include <stddef.h>

#include "memory.h"
#include "token_model.h"

enum { FIRST_BITS = 10 };

void info_table_init(struct info_table *t) {
    *t = (struct info_table){.bits = FIRST_BITS};
    t->entries = memory_map_spread(sizeof *t->entries << t->bits);
}

void info_table_free(struct info_table *t) {
    memory_unmap(t->entries, sizeof *t->entries << t->bits);
    *t = (struct info_table){0};
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

uint32_t info_table_add(struct info_table *t, struct info_entry *at, uint32_t node, uint64_t size_bytes) {
    if (t->n == TOKEN_INFOS_MAX) { /* 64 GiB of table: memory gives out long before */
        memory_die();
    }
    uint32_t id = ++t->n;
    *at = (struct info_entry){.size_bytes = size_bytes, .node = node, .id = id};
    if ((uint64_t)t->n * 2 > (uint64_t)1 << t->bits) {
        grow(t);
    }
    return id;
}
