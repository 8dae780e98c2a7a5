/* varint.h - variable-length integers of the trace: LEB128 (DWARF 5, section 7.6) and zigzag for signed values.
 *
 * Writers trust their buffer (the caller reserves VARINT_BYTES_MAX per number); readers trust nothing: a reader
 * carries its end, and once it has run past it or met a number of more than 64 bits it stays failed and yields 0.
 */
#ifndef SEEP_VARINT_H
#define SEEP_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attributes.h"

enum { VARINT_BYTES_MAX = 10 };

/* Append v at p. Returns the first byte behind it. */
ALWAYS_INLINE uint8_t *varint_put(uint8_t *p, uint64_t v) {
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

/* Write v in two places: the first byte at *first, the others at rest, and move *first on. Returns the place behind the others. */
ALWAYS_INLINE uint8_t *varint_put_split(uint8_t **first, uint8_t *rest, uint64_t v) {
    *(*first)++ = (uint8_t)(v < 0x80 ? v : v | 0x80);
    return v < 0x80 ? rest : varint_put(rest, v >> 7);
}

/* Map small magnitudes of either sign to small numbers: 0, -1, 1, -2 become 0, 1, 2, 3. */
ALWAYS_INLINE uint64_t zigzag_encode(int64_t v) {
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

ALWAYS_INLINE int64_t zigzag_decode(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* A bounded read position in bytes that nobody vouches for. */
struct byte_reader {
    const uint8_t *p;
    const uint8_t *end;
    bool is_failed; /* sticky; every later read yields 0 or NULL */
};

ALWAYS_INLINE struct byte_reader byte_reader_over(const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    return (struct byte_reader){.p = p, .end = p + n, .is_failed = false};
}

ALWAYS_INLINE size_t byte_reader_left(const struct byte_reader *r) {
    return (size_t)(r->end - r->p);
}

/* Read one number. Returns it, or 0 with r failed if it is cut or longer than 64 bits. */
ALWAYS_INLINE uint64_t varint_get(struct byte_reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (UNLIKELY(r->p == r->end)) {
            break;
        }
        uint64_t byte = *r->p++;
        if (shift == 63 && byte > 1) {
            break;
        }
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            return v;
        }
    }
    r->is_failed = true;
    r->p = r->end;
    return 0;
}

/* Read one number written by varint_put_split. Returns it, or 0 with `first` failed if it is cut or longer than 64 bits. */
ALWAYS_INLINE uint64_t varint_get_split(struct byte_reader *first, struct byte_reader *rest) {
    if (UNLIKELY(first->p == first->end)) {
        first->is_failed = true;
        return 0;
    }
    uint64_t byte = *first->p++;
    if (byte < 0x80) {
        return byte;
    }
    uint64_t more = varint_get(rest);
    if (UNLIKELY(rest->is_failed || more >> 57)) {
        first->is_failed = true;
        return 0;
    }
    return (byte & 0x7f) | more << 7;
}

/* Take n raw bytes. Returns them, or NULL with r failed if fewer are left. */
ALWAYS_INLINE const uint8_t *byte_reader_take(struct byte_reader *r, uint64_t n) {
    if (UNLIKELY(n > byte_reader_left(r))) {
        r->is_failed = true;
        r->p = r->end;
        return NULL;
    }
    const uint8_t *taken = r->p;
    r->p += n;
    return taken;
}

#endif
