/* elf_note.h - what the notes of a loaded object say. */
#ifndef SEEP_ELF_NOTE_H
#define SEEP_ELF_NOTE_H

#include <stdint.h>

#include "elf_object.h"

/* Find the note of that name (up to 3 letters) and type, by the program headers in memory, and copy the first cap bytes of what it says to `text`.
 *
 * object   found with wants_name
 * Returns  how many bytes it says, which may be more than cap; 0 if there is no such note, or it cannot be read
 * Context  any thread, inside malloc, async-signal-safe; asks the kernel what can be read, unless hooks must be quiet
 */
uint32_t elf_note(const struct elf_object *object, const char *name, uint32_t type, uint8_t *text, uint32_t cap);

#endif
