/* text.h - small strings put together without stdio.
 *
 * Context  anywhere: no allocation, no libc state, async-signal-safe.
 */
#ifndef SEEP_TEXT_H
#define SEEP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "attributes.h"

/* A string being written into a buffer of the caller; always NUL-terminated. */
struct text {
    char *start;
    size_t n, cap;
    bool is_cut; /* something did not fit */
};

static inline struct text text_over(char *buf, size_t cap) {
    buf[0] = '\0';
    return (struct text){.start = buf, .n = 0, .cap = cap, .is_cut = false};
}

static inline void text_add_byte(struct text *text, char c) {
    if (text->n + 1 >= text->cap) {
        text->is_cut = true;
        return;
    }
    text->start[text->n++] = c;
    text->start[text->n] = '\0';
}

static inline void text_add(struct text *text, const char *s) {
    for (; *s; s++) {
        text_add_byte(text, *s);
    }
}

static inline void text_add_number(struct text *text, uint64_t v) {
    char digits[20];
    unsigned n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    while (n) {
        text_add_byte(text, digits[--n]);
    }
}

static inline const char *text_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static inline void text_add_hex(struct text *text, uint64_t v) {
    unsigned shift = 60;
    while (shift && !(v >> shift)) {
        shift -= 4;
    }
    for (;; shift -= 4) {
        text_add_byte(text, "0123456789abcdef"[v >> shift & 15]);
        if (!shift) {
            return;
        }
    }
}

#endif
