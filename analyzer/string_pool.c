/* string_pool.c - see string_pool.h. */
#include "string_pool.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "fnv.h"

enum { BLOCK_BYTES = 64 * 1024, FIRST_SLOTS = 256 };

static char *take_bytes(struct string_pool *pool, size_t n) {
    if (n > BLOCK_BYTES / 4 || n > pool->left_bytes) {
        size_t block_bytes = n > BLOCK_BYTES / 4 ? n : (size_t)BLOCK_BYTES;
        pool->blocks = xgrow(pool->blocks, pool->n_blocks, &pool->cap_blocks, sizeof *pool->blocks);
        pool->blocks[pool->n_blocks++] = xalloc(block_bytes);
        pool->left_bytes = block_bytes;
    }
    /* Blocks are filled from their end, so the count of what is left is the position too. */
    pool->left_bytes -= n;
    return pool->blocks[pool->n_blocks - 1] + pool->left_bytes;
}

static void grow_slots(struct string_pool *pool) {
    size_t n_slots = pool->n_slots ? pool->n_slots * 2 : FIRST_SLOTS;
    free(pool->slots);
    pool->slots = xcalloc(n_slots, sizeof *pool->slots);
    pool->n_slots = n_slots;
    for (size_t id = 1; id < pool->n_entries; id++) {
        size_t i = pool->entries[id].hash & (n_slots - 1);
        while (pool->slots[i]) {
            i = (i + 1) & (n_slots - 1);
        }
        pool->slots[i] = (uint32_t)id;
    }
}

uint32_t string_pool_id(struct string_pool *pool, const char *s, size_t n) {
    if (pool->n_entries * 2 >= pool->n_slots) {
        grow_slots(pool);
    }
    uint32_t hash = fnv32(s, n);
    size_t i = hash & (pool->n_slots - 1);
    for (; pool->slots[i]; i = (i + 1) & (pool->n_slots - 1)) {
        const struct string_entry *e = &pool->entries[pool->slots[i]];
        if (e->hash == hash && e->n_bytes == n && memcmp(e->text, s, n) == 0) {
            return pool->slots[i];
        }
    }
    if (pool->n_entries == 0) {
        pool->n_entries = 1;
    }
    pool->entries = xgrow(pool->entries, pool->n_entries, &pool->cap_entries, sizeof *pool->entries);
    char *copy = take_bytes(pool, n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    pool->entries[pool->n_entries] = (struct string_entry){.text = copy, .n_bytes = (uint32_t)n, .hash = hash};
    pool->slots[i] = (uint32_t)pool->n_entries;
    return (uint32_t)pool->n_entries++;
}

const char *string_pool_intern(struct string_pool *pool, const char *s) {
    return s ? string_pool_text(pool, string_pool_id(pool, s, strlen(s))) : NULL;
}

void string_pool_free(struct string_pool *pool) {
    for (size_t i = 0; i < pool->n_blocks; i++) {
        free(pool->blocks[i]);
    }
    free(pool->blocks);
    free(pool->entries);
    free(pool->slots);
    memset(pool, 0, sizeof *pool);
}
