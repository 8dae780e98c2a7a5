/* function_name.c - see function_name.h. */
#include "function_name.h"

#include <string.h>

enum {
    OPERATOR_BYTES = 8, /* of the word "operator" */
    OPEN_MAX = 16,      /* brackets that nothing closes: a symbol may be any bytes */
};

size_t function_bracket_operator_bytes(const char *start, const char *s) {
    static const char *const names[] = {"<=>", "<<=", ">>=", "->*", "<<", ">>", "<=", ">=", "->", "<", ">"};
    if (s - start < OPERATOR_BYTES || memcmp(s - OPERATOR_BYTES, "operator", OPERATOR_BYTES) != 0 ||
        (s - start > OPERATOR_BYTES && function_is_name_byte(s[-OPERATOR_BYTES - 1]))) {
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strncmp(s, names[i], strlen(names[i])) == 0) {
            return strlen(names[i]);
        }
    }
    return 0;
}

const char *function_brackets_end(const char *start, const char *s, unsigned *n_open) {
    size_t depth = 0;
    while (*s && *n_open < OPEN_MAX) {
        size_t n = function_bracket_operator_bytes(start, s);
        if (n) {
            s += n;
            continue;
        }
        if (*s == '<') {
            depth++;
        } else if (*s == '>' && s > start && s[-1] != '-' && --depth == 0) {
            return s; /* "->" is a Rust function's or a decltype's, no bracket */
        }
        s++;
    }
    *n_open += 1;
    return NULL;
}

/* Behind what an opening bracket opens; behind the bracket itself where nothing closes it. */
static const char *skip_pair(const char *s, char open, char close, unsigned *n_open) {
    size_t depth = 0;
    for (const char *at = s; *at && *n_open < OPEN_MAX; at++) {
        depth += *at == open;
        if (*at == close && --depth == 0) {
            return at + 1;
        }
    }
    *n_open += 1;
    return s + 1;
}

static bool is_operator_word(const char *name, const char *s) {
    return strncmp(s, "operator", OPERATOR_BYTES) == 0 && (s == name || !function_is_name_byte(s[-1])) &&
           !function_is_name_byte(s[OPERATOR_BYTES]);
}

/* libiberty puts a blank behind the word. */
static bool is_behind_decltype(const char *name, const char *s) {
    static const char word[] = "decltype";
    size_t n = sizeof word - 1;
    s -= s > name && s[-1] == ' ';
    return (size_t)(s - name) >= n && memcmp(s - n, word, n) == 0;
}

/* Where the parameters of an operator begin: "operator()" and "operator new[]" have brackets in their names. */
static const char *operator_end(const char *s) {
    s += OPERATOR_BYTES;
    s += strncmp(s, "()", 2) == 0 ? 2 : 0;
    return s + strcspn(s, "(");
}

/* Suffixes that gcc and clang give to what they made of a function. */
static size_t bytes_without_suffix(const char *start, size_t n) {
    static const char *const suffixes[] = {".cold",      ".part.",      ".constprop.", ".isra.",
                                           ".lto_priv.", ".localalias", ".llvm.",      ".clone."};
    for (const char *dot = memchr(start, '.', n); dot; dot = memchr(dot + 1, '.', n - (size_t)(dot + 1 - start))) {
        for (size_t i = 0; dot > start && i < sizeof suffixes / sizeof suffixes[0]; i++) {
            if (strncmp(dot, suffixes[i], strlen(suffixes[i])) == 0) {
                return (size_t)(dot - start);
            }
        }
    }
    return n;
}

struct name_part function_bare_name(const char *name) {
    static const char anonymous[] = "(anonymous namespace)";
    const char *start = name, *s = name;
    unsigned n_open = 0;
    while (*s) {
        if (is_operator_word(name, s)) {
            s = operator_end(s);
            break;
        }
        if (*s == '<') {
            const char *end = function_brackets_end(name, s, &n_open);
            s = end ? end + 1 : s + 1;
        } else if (*s == '{') {
            s = skip_pair(s, '{', '}', &n_open);
        } else if (strncmp(s, anonymous, sizeof anonymous - 1) == 0) {
            s += sizeof anonymous - 1;
        } else if (*s == '(' && is_behind_decltype(name, s)) {
            s = skip_pair(s, '(', ')', &n_open);
        } else if (*s == '(') {
            break;
        } else if (strncmp(s, " [", 2) == 0) { /* " [clone .cold]" */
            break;
        } else {
            start = *s == ' ' ? s + 1 : start;
            s++;
        }
    }
    return (struct name_part){.start = start, .n = bytes_without_suffix(start, (size_t)(s - start))};
}

/* Source: rustc book, "Symbol Mangling" (v0 begins with _R); legacy is C++'s with a last part "h" and 16 hex digits. */
bool function_is_rust(const char *symbol) {
    static const size_t hash_bytes = sizeof "17h0123456789abcdefE" - 1;
    if (strncmp(symbol, "_R", 2) == 0) {
        return true;
    }
    const char *part = strstr(symbol, ".llvm."); /* names have dots of their own: "_$LT$T$u20$as$u20$alloc..string" */
    size_t n = part ? (size_t)(part - symbol) : strcspn(symbol, "@");
    if (strncmp(symbol, "_ZN", 3) != 0 || n <= sizeof "_ZN" - 1 + hash_bytes) {
        return false;
    }
    const char *hash = symbol + n - hash_bytes;
    return strncmp(hash, "17h", 3) == 0 && strspn(hash + 3, "0123456789abcdef") == 16 && hash[19] == 'E';
}

bool name_matches(struct name_part pattern, struct name_part text) {
    static const size_t no_star = (size_t)-1;
    size_t star = no_star, star_text = 0; /* the last one passed, and up to where it reaches so far */
    size_t p = 0, t = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.start[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.n && (pattern.start[p] == '?' || pattern.start[p] == text.start[t])) {
            p++;
            t++;
        } else if (star != no_star) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.start[p] == '*') {
        p++;
    }
    return p == pattern.n;
}
