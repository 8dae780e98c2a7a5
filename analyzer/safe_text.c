/* safe_text.c - see safe_text.h. */
#include "safe_text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "diag.h"
#include "function_name.h"

/* Bytes of the printable character at s, 0 if there is none. Source: RFC 3629 section 4; C1 controls left out. */
static size_t printable_bytes(const unsigned char *s) {
    if (s[0] < 0x80) {
        return s[0] >= ' ' && s[0] != 0x7f;
    }
    size_t n = s[0] >= 0xc2 && s[0] <= 0xdf ? 2 : s[0] >= 0xe0 && s[0] <= 0xef ? 3 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4 : 0;
    unsigned low = s[0] == 0xe0 || s[0] == 0xc2 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    if (n == 0 || s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0; /* the terminator too, so nothing behind it is read */
        }
    }
    return n;
}

static const char *put_character(FILE *f, const char *s) {
    size_t n = printable_bytes((const unsigned char *)s);
    if (n == 0) {
        fputc('?', f);
        return s + 1;
    }
    fwrite(s, 1, n, f);
    return s + n;
}

void safe_text_put(FILE *f, const char *s) {
    while (*s) {
        s = put_character(f, s);
    }
}

/* A template's arguments follow its name; libiberty puts a blank between "operator<<" and them. */
static bool opens_arguments(const char *start, const char *s) {
    return s > start && (function_is_name_byte(s[-1]) || (s[-1] == ' ' && s - start > 1 && s[-2] == '<'));
}

char *safe_text_copy(const char *s) {
    char *out = NULL;
    size_t n;
    FILE *f = open_memstream(&out, &n);
    if (!f) {
        return xstrndup("?", 1);
    }
    safe_text_put(f, s);
    fclose(f);
    return out;
}

void safe_text_put_function(FILE *f, const char *name) {
    unsigned n_open = 0;
    for (const char *s = name; *s;) {
        size_t n = function_bracket_operator_bytes(name, s);
        if (n) {
            fwrite(s, 1, n, f);
            s += n;
            continue;
        }
        if (*s == '<' && opens_arguments(name, s)) {
            const char *end = function_brackets_end(name, s, &n_open);
            if (end) {
                fputs("<>", f);
                s = end + 1;
                continue;
            }
        }
        s = put_character(f, s);
    }
}
