/* diag.h - what the user is told when something is wrong, and how `seep` ends.
 *
 * Every message is one line on stderr: "seep: what failed: on which file: why; what to do", lower case, no full stop.
 */
#ifndef SEEP_DIAG_H
#define SEEP_DIAG_H

#include <stddef.h>

#include "attributes.h"

/* Exit statuses of every seep command; `seep run` ends as its command does where that started. */
enum seep_exit {
    SEEP_EXIT_DONE = 0,
    SEEP_EXIT_GATE_FAILED = 1,
    SEEP_EXIT_USAGE = 2,
    SEEP_EXIT_UNREADABLE = 3,
    SEEP_EXIT_NOT_EXECUTABLE = 126,
    SEEP_EXIT_NOT_FOUND = 127,
};

/* Print "seep: ...\n" on stderr. */
void diag_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same for what the command goes on after: "seep: warning: ...\n". */
void diag_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Allocate or end the program with one line and status 3: the only place where seep gives up for want of memory.
 * Memory   the caller frees with free() */
void *xalloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size_bytes) __attribute__((malloc, returns_nonnull)); /* zeroed; n * size checked */
void *xrealloc(void *p, size_t n, size_t size_bytes) __attribute__((returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* Make room for one more element in a growing array: doubles *cap (elements) when n reaches it. */
void *xgrow(void *array, size_t n, size_t *cap, size_t size_bytes) __attribute__((returns_nonnull));

#endif
