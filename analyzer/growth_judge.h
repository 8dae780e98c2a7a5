/* growth_judge.h - does a series of figures grow, by how much at a step, and how sure is that? Numbers in, a verdict out.
 *
 * A series is what is alive at equally distant moments. Such figures hang together (what is alive now mostly was alive before), have ties, and begin with a
 * warm-up; a straight test for a trend calls caches and queues leaks. So a series grows only if all of this holds of some part that goes up to its end:
 *
 *   trend        Mann-Kendall (Mann, Econometrica 13 (1945); Kendall, Rank Correlation Methods, 4th ed. (1975): variance with ties), over pairs that are
 *                at least half the part apart: p < 0.001, one side. The variance is multiplied by 1 + 2 sum (1 - k/n) r^k, with r the correlation of
 *                neighbours around the trend (Yue and Wang, Water Resources Management 18 (2004)), r being corrected for its bias in short series. A part that
 *                never falls has no such noise: there it is asked that it rises at even distances
 *   floor        the lowest figures of up to 8 equal windows never fall, but for one window: what a leak has taken stays taken. A saw, a queue and noise give back
 *   persistence  the last half of the part, and its last quarter, rise at least at a third of the part's slope, and the thirds of the part do not get slower,
 *                each less than 3/4 of the one before (of the whole series: 3/5). A cache that fills up does
 *
 * The parts that are looked at begin behind the first twentieth, at the first quarter and at the middle; the first that grows is taken. Warm-up is then what
 * stands before the points that lie on its line: going back from the middle of the part, up to three points in a row that are further from the
 * line than any point of the half behind it.
 *
 * Slope: the median of the slopes of all pairs of points at least half the part apart (Theil, Proc. Kon. Ned. Akad. Wetensch. A53 (1950), whose pairs were
 * exactly half of it apart), with the interval of Sen, J. Am. Stat. Assoc. 63 (1968), by that variance; where it goes beyond all slopes, the lowest and the highest. All pairs, as Sen has them, would give 0 for
 * a block lost every 50 steps: most pairs are closer than that.
 *
 * GROWTH_JUDGED_MIN points behind the warm-up are the least: with fewer the verdict is "unknown", however they rise.
 */
#ifndef SEEP_GROWTH_JUDGE_H
#define SEEP_GROWTH_JUDGE_H

#include <stdbool.h>
#include <stddef.h>

enum { GROWTH_JUDGED_MIN = 9 };

enum growth_class {
    GROWTH_FLAT,    /* nothing alive in the second half */
    GROWTH_ONE_OFF, /* rose once, before the first point or in one go, and stayed there */
    GROWTH_BOUNDED, /* a cache that fills up, or up and down without a trend */
    GROWTH_GROWING,
    GROWTH_UNKNOWN, /* too few points to judge */
    GROWTH_N_CLASSES
};

struct growth_verdict {
    enum growth_class class;
    size_t n_warmup;  /* points before the judged ones; 0 unless growing */
    size_t n_judged;  /* the rest */
    double slope;     /* per point */
    double low, high; /* 95 % interval of it; both NAN where the points are too few for one */
    double p;         /* of as strong a trend by chance, one side; NAN as well */
};

/* The word for a class: "flat", "one-off", "bounded", "growing", "unknown". */
const char *growth_class_name(enum growth_class class);

/* Judge a series of n figures, none of them negative.
 * Memory  n * n / 8 numbers, released again */
struct growth_verdict growth_judge(const double *y, size_t n);

/* The slope alone, per point: of n figures, 0 if n < 2. */
double growth_slope(const double *y, size_t n);

#endif
