/* symbol_table.h - the functions of one object file, sorted, for lookups by address.
 *
 * libdwfl answers the same question by walking the whole table for each address (elfutils 0.188, dwfl_module_addrinfo); with
 * 10^5 symbols and 10^4 addresses that is seconds. Here the table is read once and searched by bisection.
 */
#ifndef SEEP_SYMBOL_TABLE_H
#define SEEP_SYMBOL_TABLE_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
    uint64_t start, end;        /* addresses as the module's; end = start where the table gives no size */
    const char *name;           /* in the ELF string table: lives as long as the Dwfl */
    bool is_local, is_function; /* is_function: typed so; else hand-written assembly or a mere label */
};

struct symbol_table {
    struct symbol *symbols; /* by start; one per start */
    size_t n_symbols;
};

/* Read the functions of a module (of its separate debug file too, if it is found). No symbols at all is an empty table.
 * Memory   symbol_table_free() */
void symbol_table_read(struct symbol_table *table, Dwfl_Module *module);

/* The function that contains address; NULL if none does. A function without size reaches up to the next symbol. */
const struct symbol *symbol_table_find(const struct symbol_table *table, uint64_t address);

void symbol_table_free(struct symbol_table *table);

#endif
