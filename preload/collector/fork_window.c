/* fork_window.c - see fork_window.h. */
#include "fork_window.h"

#include <string.h>

#include "log_reader.h"
#include "memory.h"

enum { FIRST_EVENTS = 4096, EVENTS_MAX = 1 << 20 };

void fork_window_free(struct fork_window *w) {
    memory_unmap(w->events, w->cap * sizeof *w->events);
    *w = (struct fork_window){0};
}

void fork_window_drop(struct fork_window *w, uint32_t n) {
    if (n != 0) {
        memmove(w->events, w->events + n, (w->n -= n) * sizeof *w->events);
    }
}

bool fork_window_lacks(const struct fork_window *w, uint64_t from, uint64_t to) {
    return w->lacks[0] != 0 && w->lacks[0] <= to && w->lacks[1] > from;
}

void fork_window_note(struct fork_window *w, uint64_t stamp, uint32_t thread, uint64_t address, uint64_t size_bytes,
                      struct live_block block) {
    if (w->n == w->cap) {
        uint32_t cap = w->cap ? w->cap * 2 : FIRST_EVENTS;
        if (cap > EVENTS_MAX) {
            w->lacks[0] = w->lacks[0] ? w->lacks[0] : stamp;
            w->lacks[1] = stamp;
            return;
        }
        w->events = memory_grow(w->events, w->cap * sizeof *w->events, cap * sizeof *w->events);
        w->cap = cap;
    }
    w->events[w->n++] = (struct window_event){
        .stamp = stamp, .address = address, .block = block, .thread = thread, .is_large = size_bytes >= LIVE_LARGE_BYTES};
}

/* ---- cuts ---- */

static void see_latest(void *context, const struct ring_log_cut *cut) {
    uint64_t *latest = context;
    *latest = cut->stamp > *latest ? cut->stamp : *latest;
}

uint64_t fork_cuts_latest(const struct ring_map *child) {
    uint64_t latest = 0;
    log_each_cut(child, see_latest, &latest);
    return latest;
}

struct reading {
    struct fork_cuts *cuts;
    const struct thread_serials *threads;
};

static void take_cut(void *context, const struct ring_log_cut *cut) {
    const struct reading *r = context;
    uint32_t thread = cut->serial < r->threads->cap ? r->threads->by_serial[cut->serial] : 0;
    if (thread == 0 || thread > r->cuts->n_threads) {
        return; /* it has recorded nothing */
    }
    uint64_t *place = &r->cuts->by_thread[thread - 1];
    *place =
        cut->stamp > *place ? cut->stamp : *place; /* a thread has more than one stream where handlers interrupt hooks */
}

void fork_cuts_read(struct fork_cuts *cuts, const struct ring_map *child, const struct thread_serials *threads,
                    uint32_t n_threads) {
    *cuts = (struct fork_cuts){.by_thread = memory_map((n_threads + 1) * sizeof *cuts->by_thread), .n_threads = n_threads};
    struct reading reading = {cuts, threads};
    log_each_cut(child, take_cut, &reading);
}

void fork_cuts_free(struct fork_cuts *cuts) {
    memory_unmap(cuts->by_thread, (cuts->n_threads + 1) * sizeof *cuts->by_thread);
    *cuts = (struct fork_cuts){0};
}

bool fork_cuts_include(const struct fork_cuts *cuts, const struct window_event *e, uint64_t mark) {
    uint64_t cut = e->thread < cuts->n_threads ? cuts->by_thread[e->thread] : 0;
    return e->stamp <= (cut > mark ? cut : mark);
}
