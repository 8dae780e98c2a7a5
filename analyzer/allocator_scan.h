/* allocator_scan.h - which allocators an ELF file holds or asks for, told by its tables.
 *
 * A preloaded library takes the place of what others look up by name. What a file looks up in itself, at link time, passes it by; the
 * symbol table still names those functions unless the file is stripped.
 */
#ifndef SEEP_ALLOCATOR_SCAN_H
#define SEEP_ALLOCATOR_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"

struct allocator_scan {
    bool has_symbols;         /* there is a table that names functions which are not exported, too */
    bool is_symbolic;         /* its own calls go to its own definitions first (-Bsymbolic) */
    bool is_go;               /* built by the Go tools */
    bool has_rust_allocator;  /* Rust's #[global_allocator] is not the system's */
    bool has_python;          /* the Python interpreter, whose small objects come from its own arenas */
    const char *interposable; /* an allocator function that it exports and libseep.so interposes: "malloc"; NULL: none */
    const char *sanitizer;    /* the sanitizer that it has or needs, which is an allocator too; NULL: none */
    const char *by_messages;  /* the allocator whose messages stand in its constants: "jemalloc"; NULL: none */
    const char *hidden;       /* an allocator function that libseep.so cannot take the place of; NULL: none known */
    char **needed;            /* names of the libraries that it needs, in order */
    size_t n_needed;
    char *search_path; /* DT_RUNPATH or DT_RPATH; NULL: none */
};

/* Read an ELF file. Damaged parts are left out.
 *
 * Returns  0, or -1 if it is no ELF file with sections
 * Memory   allocator_scan_free(), also after -1 */
MUST_CHECK int allocator_scan_file(struct allocator_scan *scan, int fd);

void allocator_scan_free(struct allocator_scan *scan);

#endif
