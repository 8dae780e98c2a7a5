/* merge.c - see merge.h. */
#include "merge.h"

#include <string.h>

#include "memory.h"

enum {
    DIGIT_BITS = 11, /* 8 KiB of counters */
    N_DIGITS = 1 << DIGIT_BITS,
    INSERTION_MAX = 64, /* below this, counting digits costs more than moving keys */
    SPAN_FIRST_BITS = 18,
    SPAN_BITS_MAX = 44,
};

void merge_space_init(struct merge_space *s) {
    s->events = memory_map(MERGE_EVENTS * sizeof *s->events);
    s->keys = memory_map(MERGE_EVENTS * sizeof *s->keys);
    s->other_keys = memory_map(MERGE_EVENTS * sizeof *s->other_keys);
}

void merge_space_free(struct merge_space *s) {
    memory_unmap(s->events, MERGE_EVENTS * sizeof *s->events);
    memory_unmap(s->keys, MERGE_EVENTS * sizeof *s->keys);
    memory_unmap(s->other_keys, MERGE_EVENTS * sizeof *s->other_keys);
    *s = (struct merge_space){0};
}

void merge_init(struct merge *m, struct ring_reader *reader, struct merge_space *space) {
    *m = (struct merge){.reader = reader, .space = space, .span = (uint64_t)1 << SPAN_FIRST_BITS};
    uint32_t cap_slots = reader->ring->cap_slots;
    m->active = memory_map(cap_slots * sizeof *m->active);
    m->saved = memory_map(cap_slots * sizeof *m->saved);
}

void merge_free(struct merge *m) {
    uint32_t cap_slots = m->reader->ring->cap_slots;
    memory_unmap(m->active, cap_slots * sizeof *m->active);
    memory_unmap(m->saved, cap_slots * sizeof *m->saved);
    *m = (struct merge){0};
}

void merge_begin(struct merge *m) {
    const struct ring_reader *r = m->reader;
    m->n_active = 0;
    for (uint32_t i = 0; i < r->n_slots; i++) {
        if (r->cursors[i].peek < r->watermark) {
            m->active[m->n_active++] = i;
        }
    }
}

/* Events that were published too late for their place come as soon as possible. */
static COLD void count_late(struct merge *m, uint32_t first, uint32_t n) {
    for (uint32_t i = first; i < n && m->space->events[i].stamp < m->merged_stamp; i++) {
        m->space->events[i].stamp = m->merged_stamp;
        m->n_late++;
    }
}

static uint32_t read_slot(struct merge *m, uint32_t slot, uint64_t end, uint32_t n) {
    struct slot_cursor *c = &m->reader->cursors[slot];
    bool is_late = c->peek < m->merged_stamp;
    uint32_t got = ring_reader_read(m->reader, c, end, m->space->events + n, MERGE_EVENTS - n);
    if (UNLIKELY(is_late)) {
        count_late(m, n, n + got);
    }
    return n + got;
}

/* Take from all active slots what is older than end. Returns false, with the cursors where they were, on overflow; where
 * the window cannot be made smaller (so many equal stamps come of no clock), it takes what there is room for. */
static bool read_window(struct merge *m, uint64_t begin, uint64_t end) {
    bool may_fail = end - begin > 1;
    struct ring_reader *r = m->reader;
    uint32_t n = 0, n_finished = r->n_finished;
    uint64_t n_late = m->n_late, n_followed = r->n_followed;
    for (uint32_t i = 0; i < m->n_active; i++) {
        m->saved[i] = r->cursors[m->active[i]];
        if (m->saved[i].peek >= end) {
            continue;
        }
        n = read_slot(m, m->active[i], end, n);
        if (UNLIKELY(r->cursors[m->active[i]].peek < end && may_fail)) {
            for (uint32_t k = 0; k <= i; k++) {
                r->cursors[m->active[k]] = m->saved[k];
            }
            r->n_finished = n_finished;
            r->n_followed = n_followed;
            m->n_late = n_late;
            return false;
        }
    }
    m->n = n;
    return true;
}

static void sort_by_insertion(uint64_t *keys, uint32_t n) {
    for (uint32_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        uint32_t k = i;
        for (; k > 0 && keys[k - 1] > key; k--) {
            keys[k] = keys[k - 1];
        }
        keys[k] = key;
    }
}

static void sort_by_digit(const uint64_t *from, uint64_t *to, uint32_t n, uint32_t shift) {
    uint32_t starts[N_DIGITS] = {0};
    for (uint32_t i = 0; i < n; i++) {
        starts[(from[i] >> shift) & (N_DIGITS - 1)]++;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < N_DIGITS; i++) {
        uint32_t count = starts[i];
        starts[i] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++) {
        to[starts[(from[i] >> shift) & (N_DIGITS - 1)]++] = from[i];
    }
}

/* Sort the window's events by time, equal stamps as they were read. */
static void sort_window(struct merge *m, uint64_t begin) {
    uint64_t all = 0;
    for (uint32_t i = 0; i < m->n; i++) {
        uint64_t since = m->space->events[i].stamp - begin;
        all |= since;
        m->space->keys[i] = since << MERGE_INDEX_BITS | i;
    }
    m->is_sorted = true;
    if (m->n <= INSERTION_MAX) {
        sort_by_insertion(m->space->keys, m->n);
        return;
    }
    for (uint32_t shift = 0; all >> shift != 0; shift += DIGIT_BITS) {
        sort_by_digit(m->space->keys, m->space->other_keys, m->n, shift + MERGE_INDEX_BITS);
        uint64_t *sorted = m->space->other_keys;
        m->space->other_keys = m->space->keys;
        m->space->keys = sorted;
    }
}

/* The only active slot: no sorting, as many events as there is room for. */
static void take_alone(struct merge *m) {
    m->n = read_slot(m, m->active[0], m->reader->watermark, 0);
    m->is_sorted = false;
    if (m->n != 0) {
        m->merged_stamp = m->space->events[m->n - 1].stamp;
    }
}

/* Drop slots that have nothing left below the watermark. Returns the oldest stamp of the rest. */
static uint64_t active_refresh(struct merge *m) {
    uint64_t oldest = RING_NEVER;
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->n_active; i++) {
        uint64_t peek = m->reader->cursors[m->active[i]].peek;
        if (peek < m->reader->watermark) {
            m->active[n++] = m->active[i];
            oldest = peek < oldest ? peek : oldest;
        }
    }
    m->n_active = n;
    return oldest;
}

bool merge_next(struct merge *m) {
    uint64_t begin = active_refresh(m);
    m->n = 0;
    if (m->n_active == 0) {
        return false;
    }
    if (m->n_active == 1) {
        take_alone(m);
        return true;
    }
    begin = begin > m->merged_stamp ? begin : m->merged_stamp;
    uint64_t end = m->reader->watermark;
    for (;;) {
        end = end - begin > m->span && end > begin ? begin + m->span : end;
        if (read_window(m, begin, end)) {
            break;
        }
        m->span /= 2;
    }
    if (m->n != 0) {
        sort_window(m, begin);
    }
    end = m->n < MERGE_EVENTS ? end : begin; /* some may be left */
    m->merged_stamp = end > m->merged_stamp ? end : m->merged_stamp;
    if (m->n < MERGE_EVENTS / 4 && m->span < (uint64_t)1 << SPAN_BITS_MAX) {
        m->span *= 2;
    }
    return true;
}

/* Would event b, applied first, make event a fit? */
static bool is_counterpart(const struct ring_event *a, const struct ring_event *b) {
    return b->address == a->address && b->thread != a->thread && (b->kind == RING_ALLOC) != (a->kind == RING_ALLOC);
}

bool merge_prefer(struct merge *m, uint32_t i) {
    if (!m->is_sorted) {
        return false;
    }
    const struct ring_event *a = merge_at(m, i);
    uint32_t k = i + 1;
    while (k < m->n && merge_at(m, k)->stamp == a->stamp && !is_counterpart(a, merge_at(m, k))) {
        k++;
    }
    if (k == m->n || merge_at(m, k)->stamp != a->stamp) {
        return false;
    }
    /* The thread's own order holds: all that it did from i to k moves before i. */
    uint32_t thread = merge_at(m, k)->thread;
    for (uint32_t to = i, from = i + 1; from <= k; from++) {
        if (merge_at(m, from)->thread == thread) {
            uint64_t key = m->space->keys[from];
            memmove(&m->space->keys[to + 1], &m->space->keys[to], (from - to) * sizeof key);
            m->space->keys[to++] = key;
        }
    }
    return true;
}
