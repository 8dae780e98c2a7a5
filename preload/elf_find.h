/* elf_find.h - find functions among the loaded objects, as the dynamic linker would.
 *
 * Not dlsym: that takes the lock which dlopen holds while constructors run, so that a thread that such a constructor waits for would
 * wait for ever; it allocates; and it loses the host's dlerror(). dl_iterate_phdr has a lock of its own, held while the list of objects is changed
 * and while a callback of the host runs: it is used once at the start, and where neither a caller nor what it needs has the function.
 *
 * Source: System V gABI, chapter 5 (dynamic section, dependencies); GNU hash: Roland McGrath on binutils@sourceware.org, 28 June 2006;
 * Linux Standard Base 5.0, 10.7.3 (symbol versions: a hidden one is not the default).
 * Context of all: any thread, no allocation, no lock of ours.
 */
#ifndef SEEP_ELF_FIND_H
#define SEEP_ELF_FIND_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* What a symbol table says of a function. */
struct elf_definition {
    void *address;   /* NULL = nothing */
    bool is_chooser; /* it returns the address of the one to call (STT_GNU_IFUNC) */
};

/* The function itself; may run code of the host. NULL if there is none. */
void *elf_function(struct elf_definition definition);

/* Where a function is defined with respect to this library, in the order of loading. */
struct elf_places {
    struct elf_definition before; /* the first in front of it: what the program itself calls */
    struct elf_definition next;   /* the first behind it, as dlsym(RTLD_NEXT) has it */
};

/* Look for n functions in all objects, in one walk. places: n zeroed ones. */
void elf_find(const char *const *names, uint32_t n, struct elf_places *places);

/* What code at ip would call: looked for in its own object and in those it needs (no lock), then in all (dl_iterate_phdr), this library left out.
 * Returns NULL if there is none. */
void *elf_find_for(uint64_t ip, const char *name);

/* Of one object, from a callback of dl_iterate_phdr: what it defines by that name; whether it takes a function of that name from wherever the loader finds
 * it; whether it is this library. */
struct elf_definition elf_find_in(const struct dl_phdr_info *info, const char *name);
bool elf_imports(const struct dl_phdr_info *info, const char *name);
bool elf_is_own(const struct dl_phdr_info *info);

#endif
