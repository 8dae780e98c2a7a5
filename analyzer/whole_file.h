/* whole_file.h - small files that are read whole, and files that are written whole or not at all. */
#ifndef SEEP_WHOLE_FILE_H
#define SEEP_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "attributes.h"

/* Read all of a file, which may be a pipe, up to max bytes. No 0 is put behind them.
 * Returns  the bytes, which the caller frees, or NULL with errno: EFBIG where there are more */
char *whole_file_read(const char *path, size_t max, size_t *n);

/* Replace a file: a new one beside it takes its name when all is written. An existing file keeps its mode; a symlink stays and what it leads to is
 * replaced; what is no regular file (a device, a pipe) is written to.
 * Returns  0, or a negative errno; the file is then as it was */
MUST_CHECK int whole_file_replace(const char *path, const void *bytes, size_t n);

/* Append to a file, which is made at need.
 * Returns  0, or a negative errno; a regular file is then as long as it was */
MUST_CHECK int whole_file_append(const char *path, const void *bytes, size_t n);

/* Whether one of them has a chance: 0, or a negative errno. Nothing is written. */
MUST_CHECK int whole_file_check(const char *path);

/* Whether both are the same regular file, or will be: whoever writes the one loses the other. */
bool whole_file_is_same(const char *a, const char *b);

#endif
