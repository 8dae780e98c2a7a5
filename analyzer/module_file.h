/* module_file.h - find the file that a module of the trace was, and no other.
 *
 * A program may have been rebuilt since it was traced, or come from another machine. Names out of the wrong file look right
 * and are not, so a file counts only if its build-id is the recorded one. Without a recorded build-id the file at the recorded path is
 * taken, unless it has been written since the trace began.
 *
 *   the program or library          1. SYSROOT/PATH (PATH as recorded)        2. by build-id at each place
 *   its separate debug file         1. by build-id at each place              2. by .gnu_debuglink
 *
 *   places                          each --debug-dir DIR, DIR/usr/lib/debug, SYSROOT/usr/lib/debug, /usr/lib/debug
 *   by build-id at a place          .build-id/12/34….debug, .build-id/12/34…, PATH.debug; then any file of a DIR
 */
#ifndef SEEP_MODULE_FILE_H
#define SEEP_MODULE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile.h"
#include "string_pool.h"

/* A directory that holds debug files. */
struct debug_place {
    const char *root; /* its symlinks lead nowhere else; NULL = as they are. The finder's */
    char *folder;     /* below root */
    bool is_given;    /* by --debug-dir: files of any name are looked at, too */
};

/* Where to look besides the recorded paths. */
struct file_finder {
    char *sysroot;               /* put before every recorded path; NULL = none */
    struct debug_place *places;  /* in the order in which they are searched */
    size_t n_places, cap_places; /* the last is the system's own */
    uint64_t start_real_ns;      /* CLOCK_REALTIME when the trace began; 0 = not known */
    char *rejected;              /* where the last search expected the file and met one of another build; NULL = nowhere */
    bool is_indexed;
    struct string_pool build_ids; /* of the files below the given places */
    char **paths;                 /* by string id of the build-id */
    size_t cap_paths;
};

enum module_file_state {
    MODULE_FILE_FOUND,
    MODULE_FILE_MISSING,
    MODULE_FILE_OTHER_BUILD, /* a file is there, and it is another one */
    MODULE_FILE_NEWER,       /* a file is there, written since the trace began, and without a build-id to tell by */
    MODULE_FILE_NONE,        /* never was a file: the vdso, memory of a JIT */
};

/* sysroot      NULL = none
 * debug_dirs   separated by colons; NULL = none
 * Memory       copies both; file_finder_free() */
void file_finder_init(struct file_finder *finder, const char *sysroot, const char *debug_dirs, uint64_t start_real_ns);

/* Open the file of a module.
 *
 * fd       open for reading and the caller's after MODULE_FILE_FOUND, else -1
 * path     the file's path (of the one with the wrong build-id too); the caller frees it; NULL if there is none */
enum module_file_state module_file_open(struct file_finder *finder, const struct module *module, int *fd, char **path);

/* What the debug information of a module must be. */
struct debug_wanted {
    const struct module *module; /* for its recorded path */
    const char *file;            /* the module's file as it was found; NULL = not found */
    const uint8_t *id;           /* build-id */
    size_t id_bytes;             /* 0: none */
    const char *link;            /* what .gnu_debuglink names; NULL = nothing */
    uint32_t crc;                /* the link's CRC-32 of the file: counts where there is no build-id */
};

/* Open the separate debug file of a module: by build-id, then by its link, which is looked for beside the file, in .debug
 * beside it, and at each place in the directory of the same name.
 * Returns   a descriptor, or -1; *path as above */
int module_file_open_debug(struct file_finder *finder, const struct debug_wanted *wanted, char **path);

void file_finder_free(struct file_finder *finder);

#endif
