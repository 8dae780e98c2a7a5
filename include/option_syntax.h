/* option_syntax.h - how SEEP_OPTIONS is written: by `seep run` and by hand, read by the shim.
 *
 * A list of key=value separated by ':'; "%3A" and "%25" stand for ':' and '%' in values; a later key wins. In the value of output, "%p" stands for the
 * process id and "%n" for the program's name.
 *
 * Context  anywhere: no allocation, no libc state, async-signal-safe.
 */
#ifndef SEEP_OPTION_SYNTAX_H
#define SEEP_OPTION_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "text.h"

#define OPTION_RING_BYTES_MIN   (256ull << 10)
#define OPTION_RING_BYTES_MAX   (16ull << 30)
#define OPTION_SAMPLE_BYTES_MAX (1ull << 30)
#define OPTION_LIMIT_BYTES_MIN  (1ull << 20)
#define OPTION_LIMIT_BYTES_MAX  (1ull << 40)

enum { OPTIONS_BYTES_MAX = 4096 }; /* of the whole list, with the terminator */

enum option_unwinder {
    OPTION_UNWINDER_REUSE,     /* seep's own, only what is new since the thread's last capture */
    OPTION_UNWINDER_CFI,       /* seep's own, all the way out each time */
    OPTION_UNWINDER_LIBUNWIND, /* the library's unw_backtrace */
    OPTION_UNWINDER_VERIFY,    /* reuse is recorded and compared with libunwind at every capture */
};

/* A number with an optional K, M or G (1024). Returns false if it is none, or not from least to most; *value then stays. */
static inline bool option_size(const char *s, uint64_t least, uint64_t most, uint64_t *value) {
    static const char units[] = "kKmMgG";
    uint64_t v = 0;
    const char *p = s;
    for (; *p >= '0' && *p <= '9' && v <= UINT64_MAX / 10 - 1; p++) {
        v = v * 10 + (uint64_t)(*p - '0');
    }
    const char *unit = *p ? strchr(units, *p) : NULL;
    unsigned shift = unit ? 10 * (unsigned)((unit - units) / 2 + 1) : 0;
    if (p == s || (unit ? p[1] : *p) || v > UINT64_MAX >> shift || v << shift < least || v << shift > most) {
        return false;
    }
    *value = v << shift;
    return true;
}

/* The limit of a trace: a size from 1M to 1024G, or 0 for none. */
static inline bool option_limit(const char *s, uint64_t *bytes) {
    return option_size(s, 0, 0, bytes) || option_size(s, OPTION_LIMIT_BYTES_MIN, OPTION_LIMIT_BYTES_MAX, bytes);
}

static inline bool option_unwinder(const char *s, enum option_unwinder *unwinder) {
    static const char *const names[] = {"reuse", "cfi", "libunwind", "verify"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!strcmp(s, names[i])) {
            *unwinder = (enum option_unwinder)i;
            return true;
        }
    }
    return false;
}

/* Copy n bytes of a value, resolving the escapes. Other uses of '%' stay as they are. */
static inline void option_unescape(struct text *to, const char *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool is_escaped = i + 2 < n && (!strncmp(from + i, "%3A", 3) || !strncmp(from + i, "%25", 3));
        text_add_byte(to, !is_escaped ? from[i] : from[i + 1] == '3' ? ':' : '%');
        i += is_escaped ? 2 : 0;
    }
}

static inline void option_escape(struct text *to, const char *value) {
    for (; *value; value++) {
        text_add(to, *value == ':' ? "%3A" : *value == '%' ? "%25" : (char[2]){*value});
    }
}

/* The trace of a process by the value of output, "" for the default: seep.<program>.<process id>.seep */
static inline void option_trace_path(struct text *to, const char *output, const char *program, uint64_t pid) {
    for (const char *p = *output ? output : "seep.%n.%p.seep"; *p; p++) {
        if (p[0] == '%' && p[1] == 'p') {
            text_add_number(to, pid);
            p++;
        } else if (p[0] == '%' && p[1] == 'n') {
            text_add(to, text_base_name(program));
            p++;
        } else {
            text_add_byte(to, *p);
        }
    }
}

#endif
