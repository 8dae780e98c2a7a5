/* info_table.h - intern (ring node, requested size) to a dense info id, once.
 *
 * A growing hash with linear probing at half load: 1-2 ns, nothing is ever removed. Each process has a table of its own, with ids that all share:
 * that is all that makes an info belong to a process. A mark empties the tables (marks.h).
 */
#ifndef SEEP_COLLECTOR_INFO_TABLE_H
#define SEEP_COLLECTOR_INFO_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "memory.h"

struct info_entry {
    uint64_t size_bytes;
    uint32_t node;
    uint32_t id; /* 0 = empty place */
};

/* An info, for the journal. */
struct info_added {
    uint64_t size_bytes;
    uint32_t owner; /* of the table that it is in */
    uint32_t node;
};

/* The infos of all processes. */
struct info_ids {
    uint32_t n;      /* handed out */
    uint64_t *sizes; /* in bytes, by id */
    uint32_t cap;
    struct byte_buf added; /* struct info_added of the latest ones, where they are kept */
    bool is_kept;
};

struct info_table {
    struct info_ids *ids;
    struct info_entry *entries;
    uint32_t bits;
    uint32_t n;     /* in this table */
    uint32_t owner; /* id of the target */
};

void info_ids_free(struct info_ids *ids);

/* The next id, for an info of which another collector has told the trace, and that it is in a table. */
void info_ids_add(struct info_ids *ids, uint64_t size_bytes);
void info_table_restore(struct info_table *t, uint32_t node, uint64_t size_bytes, uint32_t id);

void info_table_init(struct info_table *t, struct info_ids *ids);
void info_table_free(struct info_table *t);

/* From here on all are new. */
void info_table_clear(struct info_table *t);

/* Give the entry at the empty place `at` the next id. Returns it; the entry is not valid after that (the table grows). */
uint32_t info_table_add(struct info_table *t, struct info_entry *at, uint32_t node, uint64_t size_bytes);

ALWAYS_INLINE uint64_t info_table_place(const struct info_table *t, uint32_t node, uint64_t size_bytes) {
    /* Odd constants with well-spread bits: 2^64 / golden ratio, and xxHash64's second prime. */
    uint64_t mix = (node * 0xC2B2AE3D27D4EB4Fu) ^ (size_bytes * 0x9E3779B97F4A7C15u);
    return (mix * 0x9E3779B97F4A7C15u) >> (64 - t->bits);
}

/* Ask for the cache line of an info that will be looked up soon. */
ALWAYS_INLINE void info_table_prefetch(const struct info_table *t, uint32_t node, uint64_t size_bytes) {
    __builtin_prefetch(&t->entries[info_table_place(t, node, size_bytes)]);
}

/* The place of an info; its id is 0 if it is new, and then info_table_add must be called. */
ALWAYS_INLINE struct info_entry *info_table_find(const struct info_table *t, uint32_t node, uint64_t size_bytes) {
    uint64_t mask = ((uint64_t)1 << t->bits) - 1;
    for (uint64_t i = info_table_place(t, node, size_bytes);; i = (i + 1) & mask) {
        struct info_entry *e = &t->entries[i];
        if (LIKELY((e->size_bytes == size_bytes && e->node == node) || e->id == 0)) {
            return e;
        }
    }
}

#endif
