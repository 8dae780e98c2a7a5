/* by_thread.c - see by_thread.h. */
#include "by_thread.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"

void by_thread_reserve(struct by_thread *b, size_t n_infos) {
    if (n_infos > b->cap_infos) {
        b->cap_infos = n_infos + n_infos / 2;
        b->infos = xrealloc(b->infos, b->cap_infos, sizeof *b->infos);
    }
    if (n_infos > b->n_infos) {
        memset(b->infos + b->n_infos, 0, (n_infos - b->n_infos) * sizeof *b->infos);
        b->n_infos = n_infos;
    }
}

void by_thread_free(struct by_thread *b) {
    free(b->infos);
    *b = (struct by_thread){0};
}

void by_thread_fold(struct by_thread_info *part, uint64_t calls, uint64_t unreleased, uint64_t live_at_peak) {
    *part = (struct by_thread_info){.high = unreleased, .high_at_peak = live_at_peak, .folded_calls = calls};
}
