/* call_target.h - which function a call instruction names.
 *
 * A function that ends in `return other(…)` is compiled to a jump: when other allocates, it is not on the stack any more. Its name is still in the
 * instruction before the return address: in the call itself, through the PLT, or in the slot of the GOT that is called.
 */
#ifndef SEEP_CALL_TARGET_H
#define SEEP_CALL_TARGET_H

#include <elfutils/libdwfl.h>
#include <stddef.h>
#include <stdint.h>

#include "symbol_table.h"

/* A word that the dynamic linker fills with a function's address. */
struct got_slot {
    uint64_t address; /* as the file's own */
    const char *name; /* in the ELF string table: lives as long as the Dwfl */
};

/* Code of one object file, and whom it calls. */
struct call_targets {
    Elf *elf; /* NULL = nothing is known */
    const uint8_t *image;
    size_t image_bytes;
    struct got_slot *slots; /* by address */
    size_t n_slots;
};

/* Read what the calls of a module's file are resolved by. The module must be at base 0.
 * Memory   call_targets_free(), before the Dwfl is ended */
void call_targets_read(struct call_targets *targets, Dwfl_Module *module);

/* The function that the call returning to an address names; NULL = none, or it is called by a pointer.
 *
 * address  the return address, as the file's own */
const char *call_target_name(const struct call_targets *targets, const struct symbol_table *symbols, uint64_t address);

void call_targets_free(struct call_targets *targets);

#endif
