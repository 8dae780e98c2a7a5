/* mapped_file.h - what file a process has mapped somewhere: for modules that hooks could not look at (preload/quiet.h). */
#ifndef SEEP_COLLECTOR_MAPPED_FILE_H
#define SEEP_COLLECTOR_MAPPED_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { MAPPED_FILE_ID_MAX = 64, MAPPED_FILE_NAME_MAX = PATH_MAX + 16 };

struct mapped_file {
    char path[MAPPED_FILE_NAME_MAX]; /* full, as the process sees it */
    uint8_t build_id[MAPPED_FILE_ID_MAX];
    uint32_t build_id_bytes; /* 0: it has none, or the file at the path is another one by now */
};

/* Find the file whose mapping begins at start. Returns false where there is none, or /proc may not be read. */
bool mapped_file_find(uint32_t pid, uint64_t start, struct mapped_file *file);

#endif
