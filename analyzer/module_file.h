/* module_file.h - find the file that a module of the trace was, and no other.
 *
 * A program may have been rebuilt since it was traced, or come from another machine. Names out of the wrong file look right
 * and are not, so a file counts only if its build-id is the recorded one. Without a recorded build-id the file at the recorded path is
 * taken, unless it has been written since the trace began.
 */
#ifndef SEEP_MODULE_FILE_H
#define SEEP_MODULE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "profile.h"
#include "string_pool.h"

/* Where to look besides the recorded paths. Starts as zeroed memory; the two names are its own copies. */
struct file_finder {
    char *sysroot;          /* put before every recorded path; NULL = none */
    char *debug_dir;        /* holds files under any name: found by build-id; NULL = none */
    uint64_t start_real_ns; /* CLOCK_REALTIME when the trace began; 0 = not known */
    bool is_indexed;
    struct string_pool build_ids; /* of the files below debug_dir */
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

/* Open the file of a module.
 *
 * fd       open for reading and the caller's after MODULE_FILE_FOUND, else -1
 * path     the file's path (of the one with the wrong build-id too); the caller frees it; NULL if there is none */
enum module_file_state module_file_open(struct file_finder *finder, const struct module *module, int *fd, char **path);

/* Open a file with that build-id: DEBUG_DIR/.build-id/12/34….debug, the same below SYSROOT/usr/lib/debug and /usr/lib/debug, then
 * any file below the debug directory. Returns a descriptor, or -1; *path as above. */
int module_file_by_build_id(struct file_finder *finder, const uint8_t *id, size_t n_bytes, char **path);

/* Open the debug file that a .gnu_debuglink names: beside the file, in .debug beside it, and below the directories above in
 * the file's own directory.
 *
 * id, n_bytes   build-id that it must have; without one (n_bytes 0) its CRC-32 must be crc
 * Returns       a descriptor, or -1; *path as above */
int module_file_by_debug_link(struct file_finder *finder, const char *file, const char *link, const uint8_t *id,
                              size_t n_bytes, uint32_t crc, char **path);

void file_finder_free(struct file_finder *finder);

#endif
