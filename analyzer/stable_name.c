/* stable_name.c - see stable_name.h. */
#include "stable_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "function_name.h"
#include "hash_mix.h"
#include "text.h"

enum { SUM_BYTES = 9, NESTED_MAX = 8 };

/* A name that is being taken apart, and where the outcome goes. */
struct rewriting {
    const char *start, *at, *end;
    struct text *out;
    unsigned depth, *n_open;
};

static bool starts_with(const struct rewriting *r, const char *word) {
    size_t n = strlen(word);
    return (size_t)(r->end - r->at) >= n && memcmp(r->at, word, n) == 0;
}

static bool is_at_part(const struct rewriting *r) {
    return r->at == r->start || !(function_is_name_byte(r->at[-1]) || r->at[-1] == '$' || r->at[-1] == '.');
}

static bool skip_word(struct rewriting *r, const char *word) {
    if (!starts_with(r, word)) {
        return false;
    }
    r->at += strlen(word);
    return true;
}

/* Namespaces that nobody writes. Sources: libstdc++ (<bits/c++config.h>), libc++ (<__config>), Android's NDK, the Itanium ABI. */
static bool skip_namespace(struct rewriting *r) {
    static const char *const hidden[] = {
        "(anonymous namespace)::", "{anonymous}::", "_GLOBAL__N_1::", "__cxx11::", "__cxx1998::", "__ndk1::", "_V2::"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        if (skip_word(r, hidden[i])) {
            return true;
        }
    }
    const char *s = r->at + 2;
    if (starts_with(r, "__")) {
        while (s < r->end && isdigit((unsigned char)*s)) {
            s++;
        }
        if (s > r->at + 2 && r->end - s > 2 && s[0] == ':' && s[1] == ':') {
            r->at = s + 2;
            return true;
        }
    }
    return false;
}

/* Behind a bracket's partner, or behind it where there is none. */
static const char *behind_pair(const struct rewriting *r, char open, char close) {
    int depth = 0;
    for (const char *s = r->at; s < r->end && *r->n_open < NESTED_MAX; s++) {
        depth += *s == open;
        if (*s == close && --depth == 0) {
            return s + 1;
        }
    }
    *r->n_open += 1;
    return r->at + 1;
}

/* "{lambda(int)#2}", "{closure#0}", "{{closure}}", "{unnamed type#1}": the first word is what stays. */
static void put_braces(struct rewriting *r) {
    const char *end = behind_pair(r, '{', '}');
    const char *s = r->at;
    while (s < end && *s == '{') {
        s++;
    }
    text_add_byte(r->out, '{');
    for (; s < end && (function_is_name_byte(*s) || *s == '.'); s++) {
        text_add_byte(r->out, *s);
    }
    text_add_byte(r->out, '}');
    r->at = end;
}

/* Clang's "$_2". */
static bool put_lambda(struct rewriting *r) {
    if (!is_at_part(r) || !starts_with(r, "$_")) {
        return false;
    }
    r->at += 2;
    while (r->at < r->end && isdigit((unsigned char)*r->at)) {
        r->at++;
    }
    text_add(r->out, "{lambda}");
    return true;
}

/* Go counts the functions that stand in another: ".func1", and ".func1.2" in these. */
static bool put_go_closure(struct rewriting *r) {
    static const char word[] = ".func";
    const char *s = r->at + sizeof word - 1;
    if (!starts_with(r, word) || s == r->end || !isdigit((unsigned char)*s)) {
        return false;
    }
    while (s < r->end && (isdigit((unsigned char)*s) || (*s == '.' && r->end - s > 1 && isdigit((unsigned char)s[1])))) {
        s++;
    }
    if (s < r->end && function_is_name_byte(*s)) {
        return false;
    }
    text_add(r->out, word);
    r->at = s;
    return true;
}

static void leave_blanks(struct text *out) {
    while (out->n && out->start[out->n - 1] == ' ') {
        out->start[--out->n] = '\0';
    }
}

static void rewrite(struct rewriting *r);

/* Returns false if '<' opens no arguments. */
static bool put_arguments(struct rewriting *r) {
    bool is_rust = r->at - r->start > 1 && r->at[-1] == ':';
    if (r->at == r->start ||
        !(is_rust || function_is_name_byte(r->at[-1]) || (r->at[-1] == ' ' && r->at - r->start > 1 && r->at[-2] == '<'))) {
        return false;
    }
    const char *close = function_brackets_end(r->start, r->at, r->n_open);
    if (!close || close >= r->end) {
        return false;
    }
    char buf[STABLE_NAME_MAX];
    struct text inner = text_over(buf, sizeof buf);
    if (r->depth < NESTED_MAX) {
        struct rewriting nested = {
            .start = r->at + 1, .at = r->at + 1, .end = close, .out = &inner, .depth = r->depth + 1, .n_open = r->n_open};
        rewrite(&nested);
        leave_blanks(&inner);
    }
    r->at = close + 1;
    if (is_rust) {
        r->out->n -= r->out->n > 2 ? 2 : 0; /* the "::" before it */
        r->out->start[r->out->n] = '\0';
        return true;
    }
    text_add_byte(r->out, '<');
    text_add(r->out, inner.is_cut || inner.n > STABLE_ARGUMENTS_MAX ? "" : buf);
    text_add_byte(r->out, '>');
    return true;
}

static bool put_operator(struct rewriting *r) {
    size_t n = function_bracket_operator_bytes(r->start, r->at);
    for (size_t i = 0; i < n; i++) {
        text_add_byte(r->out, *r->at++);
    }
    return n != 0;
}

static bool is_blank_to_leave(const struct rewriting *r) {
    return *r->at == ' ' && r->end - r->at > 1 &&
           ((r->at[1] == '>' && r->at > r->start && r->at[-1] == '>') || /* "> >" */
            (r->at[1] == '<' && r->end - r->at > 2 && r->at[2] == ' ')); /* " < " is between functions */
}

static void rewrite(struct rewriting *r) {
    while (r->at < r->end) {
        if (put_operator(r) || (is_at_part(r) && skip_namespace(r)) || put_lambda(r) || put_go_closure(r)) {
            continue;
        }
        if (*r->at == '{') {
            put_braces(r);
        } else if (starts_with(r, "[abi:")) {
            r->at = behind_pair(r, '[', ']');
        } else if (*r->at == '<' && put_arguments(r)) {
            continue;
        } else if (is_blank_to_leave(r)) {
            r->at++;
        } else {
            text_add_byte(r->out, (unsigned char)*r->at < ' ' || *r->at == 0x7f ? '?' : *r->at);
            r->at++;
        }
    }
}

/* Behind what may follow parameters: "f(int) const &::{lambda()#1}". */
static const char *behind_qualifiers(const char *s) {
    static const char *const words[] = {" const", " volatile", " &&", " &"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        s += strncmp(s, words[i], strlen(words[i])) == 0 ? strlen(words[i]) : 0;
    }
    return s;
}

/* Leave out the parameters of functions that others stand in. Returns a copy. Memory: the caller frees it */
static char *without_outer_parameters(const char *name) {
    static const char anonymous[] = "(anonymous namespace)";
    size_t opened[NESTED_MAX], n_opened = 0, n = 0;
    char *copy = xalloc(strlen(name) + 1);
    for (const char *s = name; *s; s++) {
        if (strncmp(s, anonymous, sizeof anonymous - 1) == 0) {
            memcpy(copy + n, s, sizeof anonymous - 1);
            n += sizeof anonymous - 1;
            s += sizeof anonymous - 2;
            continue;
        }
        if (*s == '(') {
            if (n_opened < NESTED_MAX) {
                opened[n_opened] = n;
            }
            n_opened++;
        }
        copy[n++] = *s;
        if (*s == ')' && n_opened) {
            n_opened--;
            const char *behind = behind_qualifiers(s + 1);
            if (n_opened < NESTED_MAX && strncmp(behind, "::", 2) == 0) {
                n = opened[n_opened];
                s = behind - 1;
            }
        }
    }
    copy[n] = '\0';
    return copy;
}

/* Source: rustc book, "Symbol Mangling": the last part of a legacy name. */
static size_t bytes_without_hash(const char *s, size_t n) {
    static const size_t n_hash = sizeof "::h0123456789abcdef" - 1;
    if (n > n_hash && memcmp(s + n - n_hash, "::h", 3) == 0 && strspn(s + n - 16, "0123456789abcdef") >= 16) {
        return n - n_hash;
    }
    return n;
}

static void end_in_sum(const char *function, struct text *out) {
    uint64_t hash = 0;
    for (const char *c = function; *c; c++) {
        hash = hash_mix(hash, (unsigned char)*c);
    }
    size_t n = out->n - SUM_BYTES;
    while (n && ((unsigned char)out->start[n] & 0xc0) == 0x80) {
        n--; /* no half of a character */
    }
    snprintf(out->start + n, out->cap - n, "~%08x", (unsigned)hash);
}

const char *stable_name(const char *function, char buf[STABLE_NAME_MAX]) {
    char *name = without_outer_parameters(function);
    struct name_part bare = function_bare_name(name);
    unsigned n_open = 0;
    struct text out = text_over(buf, STABLE_NAME_MAX);
    size_t n = bytes_without_hash(bare.start, bare.n);
    struct rewriting r = {.start = bare.start, .at = bare.start, .end = bare.start + n, .out = &out, .n_open = &n_open};
    rewrite(&r);
    leave_blanks(&out);
    if (buf[0] == '#') {
        buf[0] = '?'; /* a line with a name is no comment */
    }
    if (out.is_cut) {
        end_in_sum(function, &out);
    } else if (out.n == 0) {
        text_add(&out, "??");
    }
    free(name);
    return buf;
}

/* Where the last part begins: behind the last "::" that is in no brackets. */
static const char *last_part(const char *name) {
    const char *part = name;
    unsigned n_open = 0;
    for (const char *s = name; *s;) {
        size_t n = function_bracket_operator_bytes(name, s);
        const char *end = !n && *s == '<' ? function_brackets_end(name, s, &n_open) : NULL;
        if (s[0] == ':' && s[1] == ':' && s[2]) {
            part = s + 2;
        }
        s = n ? s + n : end ? end + 1 : s + 1;
    }
    return part;
}

const char *stable_name_last(const char *name, char buf[STABLE_NAME_MAX]) {
    const char *part = last_part(name);
    struct text out = text_over(buf, STABLE_NAME_MAX);
    unsigned n_open = 0;
    for (const char *s = part; *s;) {
        size_t n = function_bracket_operator_bytes(name, s);
        const char *end = !n && *s == '<' && s > part ? function_brackets_end(name, s, &n_open) : NULL;
        if (end) {
            s = end + 1;
            continue;
        }
        for (n = n ? n : 1; n; n--) {
            text_add_byte(&out, *s++);
        }
    }
    leave_blanks(&out);
    return buf;
}

const char *stable_module(const char *path, char buf[STABLE_NAME_MAX]) {
    static const char deleted[] = " (deleted)";
    const char *base = text_base_name(path);
    size_t n = strlen(base);
    if (n > sizeof deleted && strcmp(base + n - (sizeof deleted - 1), deleted) == 0) {
        n -= sizeof deleted - 1;
    }
    const char *so = strstr(base, ".so.");
    if (so && (size_t)(so - base) < n) {
        size_t version = (size_t)(so - base) + 4;
        version += strspn(base + version, "0123456789");
        n = version < n && base[version] == '.' ? version : n;
    }
    struct text out = text_over(buf, STABLE_NAME_MAX);
    for (size_t i = 0; i < n; i++) {
        char c = base[i];
        text_add_byte(&out, (unsigned char)c < ' ' || c == 0x7f ? '?' : c == '[' ? '(' : c == ']' ? ')' : c);
    }
    if (out.n == 0) {
        text_add(&out, "??");
    }
    return buf;
}
