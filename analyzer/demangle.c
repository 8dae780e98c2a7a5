/* demangle.c - see demangle.h.
 *
 * Rust first, then C++, as libiberty's automatic style does, which also limits its own recursion. Its two demanglers are called
 * directly: cplus_demangle() would pull in libiberty's xmalloc.o, whose xrealloc is not ours. What libiberty does not know is
 * symbol versions, so "@@VER" is cut before it sees the name. Go's names are readable but for two things.
 */
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

/* libiberty.h declares an xrealloc of two parameters; out of the way with it. */
#define xrealloc libiberty_xrealloc
#include <libiberty/demangle.h>
#undef xrealloc

#include "diag.h"

/* Go's linker writes which calling convention a function has, and the dots of a path's last part as %2e. */
static uint32_t work_out_go(struct string_pool *pool, const char *symbol, size_t n) {
    static const char convention[] = ".abi0", dot[] = "%2e";
    char *name = xstrndup(symbol, n);
    if (n > sizeof convention && strcmp(name + n - (sizeof convention - 1), convention) == 0) {
        n -= sizeof convention - 1;
        name[n] = '\0';
    }
    for (char *at = name; (at = strstr(at, dot)) != NULL;) {
        *at++ = '.';
        memmove(at, at + sizeof dot - 2, strlen(at + sizeof dot - 2) + 1);
        n -= sizeof dot - 2;
    }
    uint32_t readable = string_pool_id(pool, name, n);
    free(name);
    return readable;
}

static uint32_t work_out(struct string_pool *pool, uint32_t id) {
    const char *symbol = string_pool_text(pool, id);
    const char *version = strchr(symbol, '@');
    size_t n = version && version != symbol ? (size_t)(version - symbol) : strlen(symbol);
    if (n < 2 || symbol[0] != '_') {
        return strchr(symbol, '.') ? work_out_go(pool, symbol, n) : string_pool_id(pool, symbol, n);
    }
    char *bare = xstrndup(symbol, n);
    char *name = rust_demangle(bare, DMGL_PARAMS | DMGL_ANSI);
    if (!name) {
        name = cplus_demangle_v3(bare, DMGL_PARAMS | DMGL_ANSI);
    }
    uint32_t readable = name ? string_pool_id(pool, name, strlen(name)) : string_pool_id(pool, bare, n);
    free(name);
    free(bare);
    return readable;
}

const char *demangle(struct demangler *d, const char *symbol) {
    uint32_t id = string_pool_id(d->pool, symbol, strlen(symbol));
    if (id >= d->cap_readable) {
        size_t cap = d->pool->cap_entries;
        d->readable = xrealloc(d->readable, cap, sizeof *d->readable);
        memset(d->readable + d->cap_readable, 0, (cap - d->cap_readable) * sizeof *d->readable);
        d->cap_readable = cap;
    }
    if (d->readable[id] == 0) {
        d->readable[id] = work_out(d->pool, id);
    }
    return string_pool_text(d->pool, d->readable[id]);
}

void demangler_free(struct demangler *d) {
    free(d->readable);
    d->readable = NULL;
    d->cap_readable = 0;
}
