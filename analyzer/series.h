/* series.h - what each stack had alive at a number of moments of the trace: at its marks, and at equal distances of time.
 *
 * profile_load() -> [series] -> growth. The moments are the multiples of a step on an axis: mark numbers, or nanoseconds since the start. A point is taken
 * while the trace is replayed, between two events: the state before the first event behind the mark, or before the first event of that time or later. The
 * state at point 0, the start, and that at the end of the trace are no points.
 *
 * Memory: what has changed since the point before, by stack. When there are more than SERIES_POINTS_MAX points, or too many changes, the step is doubled, and
 * each second point is dropped: so it grows with stacks times points, never with events. Time: looking at all infos once a point.
 *
 * Marks that lie among folded events have no figures, nor has that time: the series begins behind them. A trace with fewer than SERIES_MARKS_MIN marks is
 * looked at over time.
 */
#ifndef SEEP_SERIES_H
#define SEEP_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay;
struct profile;

enum {
    SERIES_POINTS_MAX = 256,
    SERIES_POINTS_LEAST = 32, /* not thinned out below this for the number of changes */
    SERIES_CHANGES_MAX = 1 << 22,
    SERIES_MARKS_MIN = 3,
    SERIES_TIME_STEP_NS = 10000000, /* to begin with */
};

enum series_axis { SERIES_MARKS, SERIES_TIME };

/* By how much what is alive of a stack differs from the point before. */
struct series_change {
    uint32_t of;    /* index into stacks while the trace is read, then into costs */
    uint32_t point; /* first one that shows it */
    double blocks, bytes;
};

struct series {
    enum series_axis axis;
    uint64_t step;  /* from point to point: marks, or ns. Point k is at k * step */
    uint32_t first; /* point that has figures, from 1 */
    uint32_t end;   /* and the one behind the last; first = end: none */
    struct series_change *changes;
    size_t n_changes, cap_changes;
    size_t *changes_of; /* [n_costs + 1]: a cost's changes are from here to the next one's */
};

static inline size_t series_n_points(const struct series *s) {
    return s->end > s->first ? s->end - s->first : 0;
}

/* Add what a cost had alive at each point.
 *
 * blocks, bytes   series_n_points() places each */
void series_add(const struct series *s, uint32_t cost, double *blocks, double *bytes);

void series_free(struct series *s);

/* ---- for the reader ---- */

/* A series that is being made. */
struct series_taker {
    struct series series;
    uint64_t *seen; /* blocks alive of each info at the last point */
    size_t n_seen, cap_seen;
    double *blocks, *bytes; /* changes of each stack since */
    uint8_t *is_touched;
    size_t n_stacks;
    uint32_t *touched;
    size_t n_touched, cap_touched;
};

/* Memory  series_finish() */
void series_init(struct series_taker *t, enum series_axis axis);

/* Whether there are points up to this position that have not been taken. */
static inline bool series_is_due(const struct series_taker *t, uint64_t position) {
    return position / t->series.step >= t->series.end;
}

/* Everything before this position has been replayed, and nothing behind: take the points up to it that have not been taken. */
void series_advance(struct series_taker *t, const struct replay *r, uint64_t position);

/* Points up to this position have no figures. */
void series_skip(struct series_taker *t, uint64_t position);

/* Make it a series of costs, which have been given out. same: for each stack the one that has its cost, NULL = itself.
 * Memory  series_free(); of the taker nothing is left */
void series_finish(struct series_taker *t, const struct profile *p, const uint32_t *same, struct series *series);

#endif
