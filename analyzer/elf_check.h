/* elf_check.h - can a preloaded library reach this program?
 *
 * Asked before anything is started, so that `seep run` says what stands in the way instead of leaving no trace and no reason.
 */
#ifndef SEEP_ELF_CHECK_H
#define SEEP_ELF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"

/* Find the program that execvp(name) would run.
 *
 * path     receives it
 * Returns  0, or the exit status that a shell would give: 127 not found, 126 found but not executable */
MUST_CHECK int program_find(const char *name, char *path, size_t cap);

/* Would the dynamic linker load a preloaded library into this program? For a script this asks about its interpreter.
 *
 * why      receives the reason if not, and what to do: part of a line
 * Returns  0 if it would, or if that cannot be found out; else the exit status to end with: 2, or 126 and 127 where a
 *          script's interpreter cannot be run */
MUST_CHECK int program_check_preload(const char *path, char *why, size_t cap);

#endif
