/* proc_files.h - the few facts that /proc tells about the target. All of them may be missing: the target may be gone, or
 * /proc hidden. The one place of the collector that reads /proc. */
#ifndef SEEP_COLLECTOR_PROC_FILES_H
#define SEEP_COLLECTOR_PROC_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROC_NAME_BYTES = 32 };

/* Fields of /proc/PID/stat (proc(5)). */
struct proc_stat {
    char state; /* 'Z' = a zombie */
    uint32_t n_threads;
    uint64_t start_ticks; /* since boot; with the pid it names a process for ever */
    uint64_t start_stack; /* changes with exec; 0 = not allowed to know */
    int exit_code;        /* as wait() would give it, in a zombie that we may look at */
};

/* Returns false where the process does not exist or /proc cannot be read. */
bool proc_read_stat(uint32_t pid, struct proc_stat *stat);

/* Resident bytes now and at most so far; false where unknown (a zombie has none). */
bool proc_read_memory(uint32_t pid, uint64_t *resident_bytes, uint64_t *peak_bytes);

/* The path of the file whose mapping begins at start, as the process sees it. Returns false where there is none, or it cannot be known any more. */
bool proc_find_mapped(uint32_t pid, uint64_t start, char *path, size_t cap);

/* True where its mappings can be read, and no path among them has that text. */
bool proc_has_unmapped(uint32_t pid, const char *text);

/* What tells this start of the machine from others; "" where unknown. */
void proc_read_boot_id(char *id, size_t cap);

/* The number of the namespace that this process's ids are of; 0 where unknown. */
uint64_t proc_pid_namespace(void);

/* The thread's name, empty where unknown. */
void proc_read_thread_name(uint32_t pid, uint32_t tid, char name[PROC_NAME_BYTES]);

#endif
