/* utf8.h - which bytes are a character. */
#ifndef SEEP_UTF8_H
#define SEEP_UTF8_H

#include <stddef.h>

/* The length of the UTF-8 sequence at s[0..n), n > 0; 0 if it is none. Source: RFC 3629 section 4. */
static inline size_t utf8_sequence(const unsigned char *s, size_t n) {
    if (s[0] < 0x80) {
        return 1;
    }
    size_t want = s[0] >= 0xc2 && s[0] <= 0xdf   ? 2
                  : s[0] >= 0xe0 && s[0] <= 0xef ? 3
                  : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                 : 0;
    if (want == 0 || want > n) {
        return 0;
    }
    /* The second byte rules out overlong forms, surrogates and numbers above U+10FFFF. */
    unsigned low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < want; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return want;
}

#endif
