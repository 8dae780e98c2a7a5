/* string_pool.h - each distinct string once, so that equal names are equal pointers.
 *
 * Names repeat: thousands of frames share one file name. The pool keeps one copy of each and gives it a small dense id, which
 * other tables use as an index. Texts live in blocks that never move; nothing is given back before string_pool_free().
 */
#ifndef SEEP_STRING_POOL_H
#define SEEP_STRING_POOL_H

#include <stddef.h>
#include <stdint.h>

struct string_entry {
    const char *text;
    uint32_t n_bytes; /* without the terminator */
    uint32_t hash;
};

struct string_pool {
    struct string_entry *entries; /* by id; entry 0 is unused, so 0 can mean "none" */
    size_t n_entries, cap_entries;
    uint32_t *slots; /* open addressing: ids, 0 = free */
    size_t n_slots;  /* a power of two */
    char **blocks;
    size_t n_blocks, cap_blocks, left_bytes; /* left in the newest block */
};

/* Return the id (>= 1) of the n bytes at s, adding them if they are new. The bytes may contain NUL. */
uint32_t string_pool_id(struct string_pool *pool, const char *s, size_t n);

/* The pool's own NUL-terminated copy of s; NULL for NULL. Lives as long as the pool. */
const char *string_pool_intern(struct string_pool *pool, const char *s);

static inline const char *string_pool_text(const struct string_pool *pool, uint32_t id) {
    return pool->entries[id].text;
}

/* A pool starts as zeroed memory; after this it is empty and can be used again. */
void string_pool_free(struct string_pool *pool);

#endif
