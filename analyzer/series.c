/* series.c - see series.h. */
#include "series.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "estimate.h"
#include "profile.h"
#include "replay.h"

void series_init(struct series_taker *t, enum series_axis axis) {
    *t = (struct series_taker){
        .series = {.axis = axis, .step = axis == SERIES_TIME ? SERIES_TIME_STEP_NS : 1, .first = 1, .end = 1}};
}

static int by_owner_then_point(const void *a, const void *b) {
    const struct series_change *x = a, *y = b;
    if (x->of != y->of) {
        return x->of < y->of ? -1 : 1;
    }
    return (x->point > y->point) - (x->point < y->point);
}

/* Sort, and make those of the same stack and point one. */
static void merge_changes(struct series *s) {
    size_t n = 0;
    if (s->n_changes) {
        qsort(s->changes, s->n_changes, sizeof *s->changes, by_owner_then_point);
    }
    for (size_t i = 0; i < s->n_changes; i++) {
        if (n && by_owner_then_point(&s->changes[n - 1], &s->changes[i]) == 0) {
            s->changes[n - 1].blocks += s->changes[i].blocks;
            s->changes[n - 1].bytes += s->changes[i].bytes;
        } else {
            s->changes[n++] = s->changes[i];
        }
    }
    s->n_changes = n;
}

/* Drop each second point: its changes show at the next one. */
static void thin_out(struct series *s) {
    for (size_t i = 0; i < s->n_changes; i++) {
        s->changes[i].point = (s->changes[i].point + 1) / 2;
    }
    s->step *= 2;
    s->first = (s->first + 1) / 2;
    s->end = (s->end + 1) / 2; /* the last one was end - 1 */
    merge_changes(s);
}

static void reserve(struct series_taker *t, const struct replay *r) {
    if (r->n_infos > t->cap_seen) {
        t->cap_seen = r->n_infos + r->n_infos / 2;
        t->seen = xrealloc(t->seen, t->cap_seen, sizeof *t->seen);
    }
    memset(t->seen + t->n_seen, 0, (r->n_infos - t->n_seen) * sizeof *t->seen);
    t->n_seen = r->n_infos;
}

static void reserve_stack(struct series_taker *t, uint32_t stack) {
    if (stack >= t->n_stacks) {
        size_t n = (size_t)stack + stack / 2 + 64;
        t->blocks = xrealloc(t->blocks, n, sizeof *t->blocks);
        t->bytes = xrealloc(t->bytes, n, sizeof *t->bytes);
        t->is_touched = xrealloc(t->is_touched, n, sizeof *t->is_touched);
        memset(t->is_touched + t->n_stacks, 0, n - t->n_stacks);
        t->n_stacks = n;
    }
}

static void note_change(struct series_taker *t, const struct replay *r, size_t id) {
    uint32_t stack = r->stack_of_info[id];
    double n = (double)r->infos[id].live - (double)t->seen[id];
    t->seen[id] = r->infos[id].live;
    if (stack == REPLAY_STACK_LOST) {
        return;
    }
    reserve_stack(t, stack);
    if (!t->is_touched[stack]) {
        t->is_touched[stack] = 1;
        t->blocks[stack] = t->bytes[stack] = 0;
        t->touched = xgrow(t->touched, t->n_touched, &t->cap_touched, sizeof *t->touched);
        t->touched[t->n_touched++] = stack;
    }
    t->blocks[stack] += r->sample_bytes ? n * estimate_weight(r->own_sizes[id], r->sample_bytes) : n;
    t->bytes[stack] += n * (double)r->infos[id].size_bytes;
}

static void take(struct series_taker *t, const struct replay *r, uint32_t point) {
    struct series *s = &t->series;
    reserve(t, r);
    for (size_t id = 1; id < r->n_infos; id++) {
        if (r->infos[id].live != t->seen[id]) {
            note_change(t, r, id);
        }
    }
    for (size_t i = 0; i < t->n_touched; i++) {
        uint32_t stack = t->touched[i];
        t->is_touched[stack] = 0;
        if (t->blocks[stack] != 0 || t->bytes[stack] != 0) {
            s->changes = xgrow(s->changes, s->n_changes, &s->cap_changes, sizeof *s->changes);
            s->changes[s->n_changes++] =
                (struct series_change){.of = stack, .point = point, .blocks = t->blocks[stack], .bytes = t->bytes[stack]};
        }
    }
    t->n_touched = 0;
}

static uint64_t behind(const struct series *s, uint64_t position) {
    return position / s->step + 1;
}

void series_advance(struct series_taker *t, const struct replay *r, uint64_t position) {
    struct series *s = &t->series;
    if (!series_is_due(t, position)) {
        return;
    }
    take(t, r, s->end);
    while (behind(s, position) > SERIES_POINTS_MAX + 1 ||
           (s->n_changes > SERIES_CHANGES_MAX && s->end > SERIES_POINTS_LEAST * 2)) {
        thin_out(s);
    }
    s->end = behind(s, position) > s->end ? (uint32_t)behind(s, position) : s->end;
}

void series_skip(struct series_taker *t, uint64_t position) {
    struct series *s = &t->series;
    while (behind(s, position) > SERIES_POINTS_MAX / 2) { /* half of the points are left for the rest */
        thin_out(s);
    }
    s->first = s->end = behind(s, position) > s->end ? (uint32_t)behind(s, position) : s->end;
}

void series_finish(struct series_taker *t, const struct profile *p, const uint32_t *same, struct series *series) {
    struct series *s = &t->series;
    for (size_t i = 0; i < s->n_changes; i++) {
        uint32_t stack = same ? same[s->changes[i].of] : s->changes[i].of;
        s->changes[i].of = p->stacks[stack].cost;
    }
    merge_changes(s);
    s->changes_of = xcalloc(p->n_costs + 1, sizeof *s->changes_of);
    for (size_t i = 0; i < s->n_changes; i++) {
        s->changes_of[s->changes[i].of + 1]++;
    }
    for (size_t i = 0; i < p->n_costs; i++) {
        s->changes_of[i + 1] += s->changes_of[i];
    }
    *series = *s;
    free(t->seen);
    free(t->blocks);
    free(t->bytes);
    free(t->is_touched);
    free(t->touched);
    *t = (struct series_taker){0};
}

void series_add(const struct series *s, uint32_t cost, double *blocks, double *bytes) {
    size_t n = series_n_points(s), at = s->changes_of[cost], end = s->changes_of[cost + 1];
    double sum_blocks = 0, sum_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        for (; at < end && s->changes[at].point <= s->first + i; at++) {
            sum_blocks += s->changes[at].blocks;
            sum_bytes += s->changes[at].bytes;
        }
        blocks[i] += sum_blocks;
        bytes[i] += sum_bytes;
    }
}

void series_free(struct series *s) {
    free(s->changes);
    free(s->changes_of);
    *s = (struct series){0};
}
