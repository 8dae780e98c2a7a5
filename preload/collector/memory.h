/* memory.h - where the collector's own memory comes from, and the growing byte buffer that columns and records use.
 *
 * Tables are anonymous mappings: they cost only the pages that are touched and grow by mremap, which moves page table
 * entries instead of bytes. Nothing here returns NULL unless it says so: a collector without memory cannot go on, so one
 * place tells the ring (memory_on_failure) and ends the process; the hooks then stop to wait for it.
 */
#ifndef SEEP_COLLECTOR_MEMORY_H
#define SEEP_COLLECTOR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "varint.h"

/* Call `tell` once before the process ends for want of memory. */
void memory_on_failure(void (*tell)(void));

/* End the process: no memory. */
_Noreturn COLD void memory_die(void);

/* Return `bytes` of zeroed memory that is not reserved: pages count when touched.
 * Memory   the caller gives it back with memory_unmap */
void *memory_map(size_t bytes) __attribute__((returns_nonnull));

/* The same for a hash table, which is touched all over: of huge pages where it is that large, against TLB misses. */
void *memory_map_spread(size_t bytes) __attribute__((returns_nonnull));

/* The same as memory_map, but NULL where the system refuses so much address space. */
void *memory_try_map(size_t bytes);

/* Enlarge a mapping of old_bytes (old may be NULL when that is 0). Contents stay, the rest is zero, the place may move. */
void *memory_grow(void *old, size_t old_bytes, size_t new_bytes) MUST_CHECK __attribute__((returns_nonnull));

void memory_unmap(void *p, size_t bytes);

/* A growing run of bytes. Starts as {0}. */
struct byte_buf {
    uint8_t *bytes;
    size_t n;
    size_t cap;
};

COLD void byte_buf_grow(struct byte_buf *b, size_t room);

/* Make sure that `room` more bytes fit. Returns where they go; the caller adds what it used to b->n. */
ALWAYS_INLINE uint8_t *byte_buf_reserve(struct byte_buf *b, size_t room) {
    if (UNLIKELY(b->cap - b->n < room)) {
        byte_buf_grow(b, room);
    }
    return b->bytes + b->n;
}

ALWAYS_INLINE void byte_buf_varint(struct byte_buf *b, uint64_t v) {
    uint8_t *p = byte_buf_reserve(b, VARINT_BYTES_MAX);
    b->n = (size_t)(varint_put(p, v) - b->bytes);
}

ALWAYS_INLINE void byte_buf_byte(struct byte_buf *b, uint8_t v) {
    *byte_buf_reserve(b, 1) = v;
    b->n++;
}

/* Append n bytes as they are. */
void byte_buf_append(struct byte_buf *b, const void *bytes, size_t n);

void byte_buf_free(struct byte_buf *b);

#endif
