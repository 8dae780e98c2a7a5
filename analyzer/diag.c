/* diag.c - messages and the one place where memory can run out; see diag.h. */
#include "diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 0))) static void print_line(const char *prefix, const char *fmt, va_list args) {
    char line[4096];
    vsnprintf(line, sizeof line, fmt, args);
    for (char *p = line; *p; p++) {
        if ((unsigned char)*p < ' ') {
            *p = ' '; /* names from a damaged trace must not break the line or the terminal */
        }
    }
    fprintf(stderr, "%s%s\n", prefix, line);
}

void diag_error(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_line("seep: ", fmt, args);
    va_end(args);
}

void diag_warning(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_line("seep: warning: ", fmt, args);
    va_end(args);
}

static _Noreturn void die_out_of_memory(size_t size_bytes) {
    diag_error("out of memory asking for %zu bytes", size_bytes);
    exit(SEEP_EXIT_UNREADABLE);
}

void *xalloc(size_t size_bytes) {
    void *p = malloc(size_bytes ? size_bytes : 1);
    if (!p) {
        die_out_of_memory(size_bytes);
    }
    return p;
}

void *xcalloc(size_t n, size_t size_bytes) {
    void *p = calloc(n ? n : 1, size_bytes ? size_bytes : 1);
    if (!p) {
        die_out_of_memory(n > SIZE_MAX / (size_bytes ? size_bytes : 1) ? SIZE_MAX : n * size_bytes);
    }
    return p;
}

void *xrealloc(void *p, size_t n, size_t size_bytes) {
    void *q = reallocarray(p, n ? n : 1, size_bytes ? size_bytes : 1);
    if (!q) {
        die_out_of_memory(n > SIZE_MAX / (size_bytes ? size_bytes : 1) ? SIZE_MAX : n * size_bytes);
    }
    return q;
}

char *xstrndup(const char *s, size_t n) {
    char *copy = xalloc(n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

void *xgrow(void *array, size_t n, size_t *cap, size_t size_bytes) {
    if (n < *cap) {
        return array;
    }
    *cap = *cap ? *cap * 2 : 64;
    return xrealloc(array, *cap, size_bytes);
}
