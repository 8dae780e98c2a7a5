/* symbol_table.c - see symbol_table.h. */
#include "symbol_table.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

static size_t n_leading_underscores(const char *name) {
    size_t n = strspn(name, "_");
    return n == 1 && (name[1] == 'Z' || name[1] == 'R') ? 0 : n; /* mangled names begin with one that says nothing */
}

/* Aliases are many in libc: strdup, __strdup and __GI___strdup are one function. Best is the name that a programmer calls:
 * a sized function's, not local, with fewest leading underscores, then the shortest. Names are looked at only among
 * aliases: most pages of a string table are never touched. */
static int compare_aliases(const struct symbol *x, const struct symbol *y) {
    if (x->is_function != y->is_function) {
        return x->is_function ? -1 : 1;
    }
    if ((x->end == x->start) != (y->end == y->start)) {
        return x->end == x->start ? 1 : -1;
    }
    if (x->is_local != y->is_local) {
        return x->is_local ? 1 : -1;
    }
    size_t nx = n_leading_underscores(x->name), ny = n_leading_underscores(y->name);
    if (nx == ny) {
        nx = strlen(x->name);
        ny = strlen(y->name);
    }
    return nx != ny ? (nx < ny ? -1 : 1) : strcmp(x->name, y->name);
}

static int by_start_then_name(const void *a, const void *b) {
    const struct symbol *x = a, *y = b;
    return x->start != y->start ? (x->start < y->start ? -1 : 1) : compare_aliases(x, y);
}

static void keep_best_of_each_start(struct symbol_table *table) {
    size_t n = 0;
    for (size_t i = 0; i < table->n_symbols; i++) {
        if (n == 0 || table->symbols[n - 1].start != table->symbols[i].start) {
            table->symbols[n++] = table->symbols[i];
        }
    }
    table->n_symbols = n;
}

/* NOTYPE is what hand-written assembly leaves; with a section it is as good as a function where there is no other. */
static bool is_code(const GElf_Sym *sym, GElf_Word section) {
    unsigned type = GELF_ST_TYPE(sym->st_info);
    return (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) && section != SHN_UNDEF && section != SHN_ABS;
}

void symbol_table_read(struct symbol_table *table, Dwfl_Module *module) {
    *table = (struct symbol_table){0};
    size_t cap = 0;
    int n = dwfl_module_getsymtab(module);
    for (int i = 1; i < n; i++) {
        GElf_Sym sym;
        GElf_Addr address;
        GElf_Word section = SHN_UNDEF;
        const char *name = dwfl_module_getsym_info(module, i, &sym, &address, &section, NULL, NULL);
        if (!name || !is_code(&sym, section)) {
            continue;
        }
        table->symbols = xgrow(table->symbols, table->n_symbols, &cap, sizeof *table->symbols);
        uint64_t end = address + sym.st_size < address ? address : address + sym.st_size;
        table->symbols[table->n_symbols++] = (struct symbol){.start = address,
                                                             .end = end,
                                                             .name = name,
                                                             .is_local = GELF_ST_BIND(sym.st_info) == STB_LOCAL,
                                                             .is_function = GELF_ST_TYPE(sym.st_info) != STT_NOTYPE};
    }
    if (table->n_symbols) {
        qsort(table->symbols, table->n_symbols, sizeof *table->symbols, by_start_then_name);
        keep_best_of_each_start(table);
        table->symbols = xrealloc(table->symbols, table->n_symbols, sizeof *table->symbols);
    }
}

/* Mapping symbols ("$x" tells code from data on ARM) and empty names are no names. */
static bool has_name(const struct symbol *s) {
    return s->name[0] != '\0' && s->name[0] != '$';
}

const struct symbol *symbol_table_find(const struct symbol_table *table, uint64_t address) {
    size_t low = 0, high = table->n_symbols;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->symbols[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    /* A label inside a function hides it from the first try; a few steps back find it. */
    for (size_t n_steps = 0; low > 0 && n_steps < 8; n_steps++) {
        const struct symbol *s = &table->symbols[--low];
        if (has_name(s) && (address < s->end || (n_steps == 0 && s->end == s->start))) {
            return s;
        }
    }
    return NULL;
}

void symbol_table_free(struct symbol_table *table) {
    free(table->symbols);
    *table = (struct symbol_table){0};
}
