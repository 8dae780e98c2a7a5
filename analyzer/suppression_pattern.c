/* suppression_pattern.c - see suppression_pattern.h. */
#include "suppression_pattern.h"

#include <string.h>

enum { GRAM_BYTES = 3 };

static void add_grams(struct text_grams *grams, const char *s, size_t n) {
    for (size_t i = 0; i + GRAM_BYTES <= n; i++) {
        uint32_t gram =
            (uint32_t)(unsigned char)s[i] << 16 | (uint32_t)(unsigned char)s[i + 1] << 8 | (unsigned char)s[i + 2];
        uint32_t bit = gram * 0x9E3779B1u >> 24;
        grams->bits[bit >> 6] |= (uint64_t)1 << (bit & 63);
    }
}

struct text_grams text_grams_of(const char *text) {
    struct text_grams grams = {{0}};
    add_grams(&grams, text, strlen(text));
    return grams;
}

struct text_grams text_grams_needed(const char *pattern, size_t n, const char *wild) {
    struct text_grams grams = {{0}};
    for (size_t from = 0; from < n;) {
        size_t n_plain = 0;
        while (from + n_plain < n && !strchr(wild, pattern[from + n_plain])) {
            n_plain++;
        }
        add_grams(&grams, pattern + from, n_plain);
        from += n_plain + 1;
    }
    return grams;
}

bool suppression_template_matches(const char *pattern, const char *name) {
    if (!*name) {
        return false;
    }
    bool is_first = *pattern == '^', is_any = false;
    size_t n_left = strlen(name);
    pattern += is_first;
    while (*pattern) {
        if (*pattern == '*') {
            pattern++;
            is_first = false;
            is_any = true;
            continue;
        }
        if (*pattern == '$') {
            return n_left == 0 || is_any;
        }
        size_t n = strcspn(pattern, "*$");
        const char *found = n_left ? memmem(name, n_left, pattern, n) : NULL;
        if (!found || (is_first && found != name)) {
            return false;
        }
        n_left -= (size_t)(found - name) + n;
        name = found + n;
        pattern += n;
        is_first = is_any = false;
    }
    return true;
}
