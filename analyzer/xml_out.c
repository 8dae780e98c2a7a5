/* xml_out.c - see xml_out.h. Source: XML 1.0, 2.2 (characters), 2.4 (text), 3.3.3 (what happens to attributes). */
#include "xml_out.h"

#include <stdbool.h>
#include <string.h>

#include "utf8.h"

static bool is_allowed(const unsigned char *s, size_t n) {
    if (n == 1) {
        return s[0] >= ' ' || s[0] == '\n' || s[0] == '\t' || s[0] == '\r';
    }
    return !(n == 3 && s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe);
}

static void put_byte(FILE *f, char c, bool is_value) {
    switch (c) {
    case '&':
        fputs("&amp;", f);
        return;
    case '<':
        fputs("&lt;", f);
        return;
    case '>':
        fputs("&gt;", f);
        return;
    case '"':
        fputs("&quot;", f);
        return;
    case '\r': /* a reader makes it a line break */
        fputs("&#13;", f);
        return;
    case '\n':
        fputs(is_value ? "&#10;" : "\n", f);
        return;
    case '\t':
        fputs(is_value ? "&#9;" : "\t", f);
        return;
    default:
        fputc(c, f);
    }
}

static void put(FILE *f, const char *text, bool is_value) {
    const unsigned char *s = (const unsigned char *)text;
    for (size_t n = strlen(text), step; n; s += step, n -= step) {
        size_t sequence = utf8_sequence(s, n);
        step = sequence ? sequence : 1;
        if (!sequence || !is_allowed(s, sequence)) {
            fputs("\xef\xbf\xbd", f);
        } else if (sequence == 1) {
            put_byte(f, (char)*s, is_value);
        } else {
            fwrite(s, 1, sequence, f);
        }
    }
}

void xml_put_text(FILE *f, const char *s) {
    put(f, s, false);
}

void xml_put_value(FILE *f, const char *s) {
    put(f, s, true);
}

void xml_put_attribute(FILE *f, const char *name, const char *s) {
    fprintf(f, " %s=\"", name);
    xml_put_value(f, s);
    fputc('"', f);
}
