/* dwarf_frames.h - file, line and inlined functions at an address of one object file, from its DWARF.
 *
 * libdw finds scopes by walking a compilation unit from its first entry for every address. Here each unit that is touched is
 * walked once, for the ranges of its functions; after that only the one function's own entries are walked. Units without
 * .debug_aranges (clang writes none) are found by an index of all units' ranges, made when first needed.
 */
#ifndef SEEP_DWARF_FRAMES_H
#define SEEP_DWARF_FRAMES_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DWARF_INLINED_MAX = 256 }; /* deeper nesting is cut at its outer end */

/* One function at an address. Strings belong to the Dwfl. */
struct dwarf_frame {
    const char *function; /* mangled where a linkage name is known; NULL = unknown */
    const char *file;     /* NULL = unknown */
    uint32_t line;
};

struct dwarf_unit;
struct unit_range;

struct dwarf_frames {
    Dwfl_Module *module;
    struct dwarf_unit **units; /* hash by entry, chained */
    struct unit_range *ranges; /* of all units, by start; only if aranges did not answer */
    size_t n_ranges;
    Dwarf_Addr ranges_bias;
    bool has_ranges;
};

/* Look up an address (as the module's).
 *
 * frames   DWARF_INLINED_MAX + 1 places; innermost function first, the function that exists as code last, each with where it
 *          is: the innermost by the line table, the others by the call inlined into them
 * Returns  how many were filled in; 0 = no DWARF for that address
 */
size_t dwarf_frames_find(struct dwarf_frames *d, uint64_t address, struct dwarf_frame *frames);

void dwarf_frames_free(struct dwarf_frames *d);

#endif
