/* config.h - what SEEP_OPTIONS asks for, and of GLIBC_TUNABLES what concerns us; read once, before the host's own code runs (some hosts wipe their environment).
 * How it is written: option_syntax.h. */
#ifndef SEEP_CONFIG_H
#define SEEP_CONFIG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "option_syntax.h"

struct config {
    char output
        [PATH_MAX]; /* trace file; "%p" is replaced by the process id, "%n" by the program's name. Empty: seep.<program>.<pid>.seep here */
    char options[PATH_MAX]; /* SEEP_OPTIONS as given, for the record */
    uint64_t
        ring_bytes; /* most that events may take up on their way to the collector; 256K to 16G; 64M unless told, 32M when quiet */
    uint64_t sample_bytes; /* record one point in so many bytes; 0 = every allocation */
    uint64_t limit_bytes;  /* of the trace; 0 = none */
    char tree
        [PATH_MAX]; /* ring of the first process of the tree that this one belongs to; set for programs started by exec */
    bool is_alone;  /* "follow_exec=no": programs started by exec are not traced */
    uint32_t only_pid; /* trace only the process of this id; 0 = every process that loads the shim */
    enum option_unwinder unwinder;
    bool is_quiet;       /* "seccomp=yes": no system call in hooks; see quiet.h */
    bool has_no_openssl; /* "openssl=no": OpenSSL is not given functions to allocate with; see openssl.h */
    bool is_off;         /* "off": load and do nothing */
    uint64_t cache_blocks, cache_bytes_max; /* of glibc's thread caches, by GLIBC_TUNABLES; the latter 0 = not told */
    bool has_cache_blocks;
};

/* Fill in from the environment. Unknown options and values are named on stderr and otherwise ignored.
 * Context  once, single-threaded or racing with nobody; uses getenv() */
void config_read(struct config *config);

/* Write the trace's path for this process: the output option with %p expanded, or the default name.
 * Returns false if it does not fit. */
MUST_CHECK bool config_output_path(const struct config *config, const char *program, uint32_t pid, char *path, size_t cap);

#endif
