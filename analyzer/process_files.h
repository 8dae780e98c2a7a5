/* process_files.h - what /proc says about a process, and the ELF files that it has mapped. Only reads. */
#ifndef SEEP_PROCESS_FILES_H
#define SEEP_PROCESS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "attributes.h"

/* The whole of /proc/PID/NAME (up to 16 MiB), with a NUL behind it.
 *
 * n_bytes  receives its length; NULL = not wanted
 * Returns  NULL with errno set if it cannot be read
 * Memory   the caller frees it */
char *process_read(pid_t pid, const char *name, size_t *n_bytes);

/* The number behind "KEY:" in the text of /proc/PID/status; missing if there is none. */
long process_status_number(const char *status, const char *key, long missing);

/* Whether that text says that it is dead: a zombie is. */
bool process_is_dead(const char *status);

/* The value of a variable in the text of /proc/PID/environ, NULL if it is not there. It is the environment at the start. */
const char *process_environment(const char *environment, size_t n_bytes, const char *name);

/* The value of an AT_ number in the bytes of /proc/PID/auxv, 0 if it is not there. */
uint64_t process_auxiliary(const char *auxv, size_t n_bytes, uint64_t type);

/* A file of which code is mapped. */
struct mapped_file {
    char *path;
    uint64_t inode, code_off; /* code_off: of the first such mapping */
    unsigned n_loads;         /* how often that part is mapped */
};

struct mapped_files {
    struct mapped_file *items; /* by address */
    size_t n, cap;
    char *shared_ring; /* the first that is mapped shared and is called FILE.ring-NUMBER-NUMBER as rings are; NULL: none */
    size_t n_trace_bytes; /* of its path, the trace's: what stands before the last ".ring-" */
};

/* Read /proc/PID/maps. Returns 0, or -1 with errno set.
 * Memory   mapped_files_free() */
MUST_CHECK int mapped_files_read(struct mapped_files *files, pid_t pid);

/* Whether a file of that name is mapped, wherever it lies. */
bool mapped_files_have(const struct mapped_files *files, const char *name);

void mapped_files_free(struct mapped_files *files);

#endif
