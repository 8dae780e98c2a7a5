/* progress.c - see progress.h. */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_AFTER_MS = 1000, AGAIN_AFTER_MS = 200 };

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void progress_start(struct progress *progress) {
    *progress = (struct progress){.is_terminal = isatty(STDERR_FILENO) == 1};
    progress->next_ms = progress->is_terminal ? now_ms() + FIRST_AFTER_MS : 0;
}

void progress_update(void *context, uint64_t read_bytes, uint64_t file_bytes) {
    struct progress *progress = context;
    if (!progress->is_terminal || now_ms() < progress->next_ms) {
        return;
    }
    double percent = file_bytes ? 100.0 * (double)read_bytes / (double)file_bytes : 100.0;
    fprintf(stderr, "\rreading: %3.0f %% of %.1f MB", percent, (double)file_bytes / 1e6);
    fflush(stderr);
    progress->is_shown = true;
    progress->next_ms = now_ms() + AGAIN_AFTER_MS;
}

void progress_end(struct progress *progress) {
    if (progress->is_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->is_shown = false;
    }
}
