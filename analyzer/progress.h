/* progress.h - "how far is it" for those who wait at a terminal.
 *
 * A line on stderr from one second on, gone at the end; nothing where stderr is not a terminal.
 */
#ifndef SEEP_PROGRESS_H
#define SEEP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_terminal;
    bool is_shown;
    uint64_t next_ms; /* when to draw again */
};

void progress_start(struct progress *progress);

/* A profile_progress; context is the struct progress. */
void progress_update(void *progress, uint64_t read_bytes, uint64_t file_bytes);

/* Erase the line. */
void progress_end(struct progress *progress);

#endif
