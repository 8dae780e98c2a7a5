/* doctor_checks.h - the checks of `seep doctor`: of files (doctor_file.c, doctor_libraries.c) and of a process (doctor_process.c).
 *
 * All of them only read, and add what they find to a list. What cannot be read is a finding, or left out.
 */
#ifndef SEEP_DOCTOR_CHECKS_H
#define SEEP_DOCTOR_CHECKS_H

#include <stdbool.h>
#include <sys/types.h>

#include "allocator_scan.h"
#include "attributes.h"
#include "elf_check.h"
#include "findings.h"

/* libseep.so and seep-collect: are they there, and may they be loaded and run? root is put before their paths: "" or "/proc/PID/root". */
void doctor_check_shim(struct findings *findings, const char *root);

/* Can libseep.so get in? */
void doctor_check_preload(struct findings *findings, const struct program_check *check);

/* Is it one that starts another program, and does that come into the trace? */
void doctor_check_wrapper(struct findings *findings, const char *path, bool is_script);

/* The allocators of an executable.
 *
 * scan     receives what was read, nothing if the file cannot be; the caller frees it with allocator_scan_free() */
void doctor_check_executable(struct findings *findings, const char *path, struct allocator_scan *scan);

/* The same of a library.
 *
 * name          as it is called in findings
 * is_start_up   whether the program is known to be started with it; else it may have been opened later
 * scan          receives what was read; the caller frees it with allocator_scan_free()
 * Returns       0, or -1 if the file cannot be read */
MUST_CHECK int doctor_check_library(struct findings *findings, const char *path, const char *name, bool is_start_up,
                                    struct allocator_scan *scan);

/* The libraries that a program needs, and those that these need, looked for where the dynamic linker would. */
void doctor_check_needed(struct findings *findings, const char *path, const struct allocator_scan *program);

/* A running process.
 *
 * Returns  0, or -1 after one line on stderr if it is not there or may not be looked at */
MUST_CHECK int doctor_check_process(struct findings *findings, pid_t pid);

#endif
