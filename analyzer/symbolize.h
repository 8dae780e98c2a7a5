/* symbolize.h - what is at an address: function, file and line, inlined callers.
 *
 * profile -> [symbolize] -> sites -> report_*. Files are opened when the first of their addresses is asked for, and an
 * address is looked up once, however many stacks have it. Each object file gets a Dwfl of its own, at base 0, and is asked
 * for file addresses: so modules of several processes, or of times before and after a dlclose, may overlap as they like,
 * and a library mapped in ten processes is read once. (One Dwfl with everything at its recorded place was the alternative.)
 */
#ifndef SEEP_SYMBOLIZE_H
#define SEEP_SYMBOLIZE_H

#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "profile.h"

/* One function at an address. Equal strings are equal pointers. */
struct frame {
    const char *function; /* demangled; NULL = unknown */
    const char *symbol;   /* the same as the object file has it; not interned, lives as long as the symbolizer */
    const char *file;     /* as in the debug information; NULL = unknown */
    uint32_t line;        /* 0 = unknown */
};

/* Everything about an address. frames[0] is the innermost function; each but the last is inlined into the next one. */
struct location {
    const char *module; /* path as recorded; NULL = in no module. Equal paths of different builds are equal pointers too */
    uint32_t object;    /* number of the object file, the same for all modules that are that file; 0 = none */
    uint32_t n_frames;  /* at least 1 */
    uint64_t offset;    /* ip - 1 as the file's own address (addr2line takes it); ip - 1 itself if in no module */
    struct frame frames[];
};

struct symbolizer;

/* Options are copied.
 *
 * profile    is read during the whole life of the symbolizer
 * sysroot, debug_dirs   as file_finder_init() takes them; NULL = none
 * Memory     symbolizer_close() */
struct symbolizer *symbolizer_open(const struct profile *profile, const char *sysroot, const char *debug_dirs) MUST_CHECK;

/* The number of the file that a module is; modules that are the same file have the same number. 0 = none. */
uint32_t symbolizer_object(const struct symbolizer *s, uint32_t module);

/* Only the function, by the symbol table: much cheaper than symbolize() where that would have to read debug information.
 * Returns   the function that exists as code, without file and line; all unknown if there is no symbol */
struct frame symbolize_function(struct symbolizer *s, uint32_t module, uint64_t ip);

/* The function that the call returning to ip names, as the object file has it: not that of the next frame where it ended in a jump to another.
 * Returns   NULL = unknown, or called by a pointer; lives as long as the symbolizer */
const char *symbolize_callee(struct symbolizer *s, uint32_t module, uint64_t ip);

/* Look up the call that returns to ip.
 *
 * module    as in struct stack: index into modules + 1, 0 = none
 * Returns   never NULL; the same pointer for the same place, valid until symbolizer_close(). What cannot be found has frames[0]
 *           all unknown; the first time a module's file is missing or another build, one warning says so. */
const struct location *symbolize(struct symbolizer *s, uint32_t module, uint64_t ip);

void symbolizer_close(struct symbolizer *s);

#endif
