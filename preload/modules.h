/* modules.h - the loaded objects: found by address without a lock, logged once each, missed when they go.
 *
 * A module enters the log when the first return address inside it is met, so dlopen needs no hook (wrapping it breaks RUNPATH
 * lookups: the shim would be the caller). dlclose has one: when a module is gone, stacks go on in a new epoch.
 */
#ifndef SEEP_MODULES_H
#define SEEP_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"

/* What unwinding needs of a module. */
struct module_view {
    const uint8_t *eh_frame_hdr; /* NULL: it has none */
    uint64_t code_start,
        code_end; /* what can be read of the code that pc lies in; both 0: pc lies in none, but in data or in a gap */
};

/* Make the table. Returns 0 or a negative error. Context: once, at the start. */
MUST_CHECK int modules_init(void);

/* As long as the kernel may still be asked: enter all that are loaded, and learn what the others will be described by. Context: at the start */
void modules_prepare_quiet(void);

/* Find the module that pc lies in, logging it if it is new.
 *
 * Returns  false if pc is in none (generated code)
 * Context  any thread, inside malloc, async-signal-safe; see elf_object_at
 */
bool module_find(uint64_t pc, struct module_view *view);

/* Whether the module that pc lies in has code of Go's: the note that Go's linker writes says so. Context: as module_find; cold */
bool module_is_go(uint64_t pc);

/* In a fork child: what another thread of the parent was just entering is nobody's. Context: no other thread */
void modules_begin_child(void);

/* The epoch that stacks are in. */
uint32_t modules_epoch(void);

/* If hooks have been left: count the modules that one may have been entering. Context: at the exit. */
void modules_count_unfinished(void);

/* After a dlclose: if a logged module is gone, log a new epoch and forget the rules. After RING_EPOCHS_MAX of them what is gone is counted as not
 * recorded. Context: as module_find. */
void modules_check_gone(void);

#endif
