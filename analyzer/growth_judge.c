/* growth_judge.c - see growth_judge.h. */
#include "growth_judge.h"

#include <math.h>
#include <stdlib.h>

#include "diag.h"

enum {
    WINDOWS_MAX = 8,
    WINDOWS_MIN = 4,
    RISES_MANY = 8, /* fewer must be evenly spaced */
    RISES_MIN = 4,
    MISFITS_MAX = 3,
    STEP_MAX = 3, /* points that one go may take */
};
static const double Z_TREND = 3.09, Z_INTERVAL = 1.96, PERSISTENCE = 1. / 3, SLOWING = 0.75, SLOWING_ALL = 0.6,
                    SETTLED = 0.02;

const char *growth_class_name(enum growth_class class) {
    static const char *const names[GROWTH_N_CLASSES] = {[GROWTH_FLAT] = "flat",
                                                        [GROWTH_ONE_OFF] = "one-off",
                                                        [GROWTH_BOUNDED] = "bounded",
                                                        [GROWTH_GROWING] = "growing",
                                                        [GROWTH_UNKNOWN] = "unknown"};
    return names[class];
}

/* ---- slope ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of_sorted(const double *v, size_t n) {
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* The slopes of all pairs at least half of n apart, sorted. */
struct slopes {
    double *v;
    size_t n;
    double score; /* pairs that rise less those that fall */
};

static struct slopes slopes_of(const double *y, size_t n) {
    size_t n_left = n / 2, apart = n - n_left;
    struct slopes s = {.v = xcalloc(n_left * (n_left + 1) / 2 + 1, sizeof *s.v)};
    for (size_t i = 0; i < n_left; i++) {
        for (size_t j = i + apart; j < n; j++) {
            s.v[s.n++] = (y[j] - y[i]) / (double)(j - i);
            s.score += (y[j] > y[i]) - (y[j] < y[i]);
        }
    }
    qsort(s.v, s.n, sizeof *s.v, by_value);
    return s;
}

double growth_slope(const double *y, size_t n) {
    struct slopes s = slopes_of(y, n);
    double slope = s.n ? median_of_sorted(s.v, s.n) : 0;
    free(s.v);
    return slope;
}

/* What ties leave of the variance of a Kendall score. */
static double tie_factor(const double *y, size_t n) {
    double *sorted = xcalloc(n, sizeof *sorted), tied = 0, all = (double)n * ((double)n - 1) * (2 * (double)n + 5);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = y[i];
    }
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t i = 0, run = 1; i < n; i++, run++) {
        if (i + 1 == n || sorted[i + 1] > sorted[i]) {
            tied += (double)run * ((double)run - 1) * (2 * (double)run + 5);
            run = 0;
        }
    }
    free(sorted);
    return 1 - tied / all;
}

static double intercept_of(const double *y, size_t n, double slope) {
    double *rest = xcalloc(n, sizeof *rest);
    for (size_t i = 0; i < n; i++) {
        rest[i] = y[i] - slope * (double)i;
    }
    qsort(rest, n, sizeof *rest, by_value);
    double intercept = median_of_sorted(rest, n);
    free(rest);
    return intercept;
}

/* By how much correlation of neighbours widens the variance. */
static double correlation_factor(const double *y, size_t n, double slope) {
    double intercept = intercept_of(y, n, slope), mean = 0, own = 0, next = 0;
    for (size_t i = 0; i < n; i++) {
        mean += (y[i] - intercept - slope * (double)i) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        double here = y[i] - intercept - slope * (double)i - mean;
        own += here * here;
        if (i + 1 < n) {
            next += here * (y[i + 1] - intercept - slope * (double)(i + 1) - mean);
        }
    }
    if (own <= 0) {
        return 1;
    }
    /* Around a fitted line r is too low by (2 + 4 r) / n. Source: Van Giersbergen, Economics Letters 89 (2005) */
    double r = next / own;
    r += (2 + 4 * r) / (double)n;
    r = r < 0 ? 0 : r > 0.99 ? 0.99 : r;
    double factor = 1, power = 1;
    for (size_t k = 1; k < n; k++) {
        power *= r;
        factor += 2 * (1 - (double)k / (double)n) * power;
    }
    return factor;
}

static bool never_falls(const double *y, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (y[i] < y[i - 1]) {
            return false;
        }
    }
    return true;
}

static void fit(const double *y, size_t n, struct growth_verdict *v) {
    struct slopes s = slopes_of(y, n);
    v->slope = s.n ? median_of_sorted(s.v, s.n) : 0;
    v->low = v->high = v->p = NAN;
    size_t half = n / 2;
    double n_left = (double)half;
    /* Of pairs at least half of n apart, none of which follow each other; for all pairs it is n (n - 1) (2 n + 5) / 18. */
    double variance = n_left * (n_left + 1) * (4 * n_left + 5) / 18 * (n > 1 ? tie_factor(y, n) : 0);
    double sigma = sqrt(variance * correlation_factor(y, n, v->slope));
    double sigma_of_score = never_falls(y, n) ? sqrt(variance) : sigma; /* what never falls has no noise */
    double from = ((double)s.n - Z_INTERVAL * sigma) / 2;
    if (n >= GROWTH_JUDGED_MIN && sigma > 0) {
        size_t low = from >= 1 ? (size_t)from - 1 : 0;
        v->low = s.v[low];
        v->high = s.v[s.n - 1 - low];
        v->p = erfc((s.score - 1) / sigma_of_score / M_SQRT2) / 2;
    }
    free(s.v);
}

/* ---- does it grow? ---- */

static double least(const double *y, size_t n) {
    double min = y[0];
    for (size_t i = 1; i < n; i++) {
        min = y[i] < min ? y[i] : min;
    }
    return min;
}

static bool has_rising_floor(const double *y, size_t n) {
    size_t n_windows = n / 2 < WINDOWS_MIN ? WINDOWS_MIN : n / 2 > WINDOWS_MAX ? WINDOWS_MAX : n / 2;
    double floors[WINDOWS_MAX] = {0};
    size_t n_falls = 0, n_rises = 0;
    for (size_t i = 0; i < n_windows; i++) {
        size_t from = i * n / n_windows, to = (i + 1) * n / n_windows;
        floors[i] = least(&y[from], to - from);
        n_falls += i && floors[i] < floors[i - 1];
        n_rises += i && floors[i] > floors[i - 1];
    }
    size_t n_allowed = n_windows == WINDOWS_MAX;
    return n_falls <= n_allowed && n_rises >= n_windows / 3 && floors[n_windows - 1] > floors[0];
}

/* Few rises of a part that never falls: a leak comes again at even distances, what is made once when it is needed does not. */
static bool rises_evenly(const double *y, size_t n) {
    size_t n_rises = 0, first = 0, last = 0, longest = 0;
    for (size_t i = 1; i < n; i++) {
        if (y[i] > y[i - 1]) {
            first = n_rises ? first : i;
            longest = n_rises && i - last > longest ? i - last : longest;
            last = i;
            n_rises++;
        }
    }
    if (n_rises >= RISES_MANY) {
        return true;
    }
    if (n_rises < RISES_MIN - 1) {
        return false;
    }
    double mean = (double)(last - first) / (double)(n_rises - 1);
    return (double)longest <= 1.5 * mean && (double)first <= 1.5 * mean && (double)(n - last) <= 1.5 * mean;
}

static bool goes_on(const double *y, size_t n, double slope) {
    size_t half = n / 2, quarter = n / 4;
    double of_half = growth_slope(&y[n - half], half);
    /* A quarter is short: its floor against that of the quarter before. */
    double step = least(&y[n - quarter], quarter) - least(&y[n - 2 * quarter], quarter);
    return of_half >= slope * PERSISTENCE && step >= slope * (double)quarter * PERSISTENCE;
}

/* Each third at less than that part of the one before: it fills up, however long that takes. */
static bool slows_down(const double *y, size_t n, double part) {
    size_t third = n / 3;
    double first = growth_slope(&y[n - 3 * third], third), second = growth_slope(&y[n - 2 * third], third),
           last = growth_slope(&y[n - third], third);
    return second < first * part && last < second * part;
}

static bool is_sure(const struct growth_verdict *v, const double *y, size_t n) {
    return never_falls(y, n) || (v->low > 0 && v->p < erfc(Z_TREND / M_SQRT2) / 2);
}

static bool grows(const double *y, size_t n) {
    if (n < GROWTH_JUDGED_MIN || !has_rising_floor(y, n)) {
        return false;
    }
    struct growth_verdict v;
    fit(y, n, &v);
    if (!(v.slope > 0) || !goes_on(y, n, v.slope) || slows_down(y, n, SLOWING)) {
        return false;
    }
    return is_sure(&v, y, n) && (!never_falls(y, n) || rises_evenly(y, n));
}

/* Where the line begins of which the last half of a part is. */
static size_t find_line(const double *y, size_t from, size_t n) {
    size_t middle = from + (n - from) / 2, misfits = 0, first = middle;
    const double *half = &y[middle];
    double slope = growth_slope(half, n - middle), intercept = intercept_of(half, n - middle, slope), most = 0;
    for (size_t i = middle; i < n; i++) {
        double off = fabs(y[i] - intercept - slope * ((double)i - (double)middle));
        most = off > most ? off : most;
    }
    for (size_t i = middle; i-- > 0 && misfits < MISFITS_MAX;) {
        double off = fabs(y[i] - intercept - slope * ((double)i - (double)middle));
        bool is_fit = off <= 1.25 * most + slope / 4;
        misfits = is_fit ? 0 : misfits + 1;
        first = is_fit ? i : first;
    }
    return first;
}

/* ---- what it is if it does not ---- */

static bool is_near(double a, double b, double rise) {
    return fabs(a - b) <= SETTLED * fabs(rise);
}

/* From its first level to its last in one go. */
static bool is_one_step(const double *y, size_t n) {
    double rise = y[n - 1] - y[0];
    size_t low = 0, high = n - 1;
    while (low + 1 < n && is_near(y[low + 1], y[0], rise)) {
        low++;
    }
    while (high > 0 && is_near(y[high - 1], y[n - 1], rise)) {
        high--;
    }
    return rise >= 0 && high <= low + STEP_MAX;
}

static enum growth_class class_of_rest(const double *y, size_t n) {
    bool is_alive = false;
    for (size_t i = n / 2; i < n; i++) {
        is_alive |= y[i] > 0;
    }
    return !is_alive ? GROWTH_FLAT : is_one_step(y, n) ? GROWTH_ONE_OFF : GROWTH_BOUNDED;
}

static bool is_constant(const double *y, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (y[i] != y[0]) { /* NOLINT: equal by being the same figure */
            return false;
        }
    }
    return true;
}

struct growth_verdict growth_judge(const double *y, size_t n) {
    struct growth_verdict v = {.n_judged = n, .low = NAN, .high = NAN, .p = NAN};
    size_t first = n / 20 > 1 ? n / 20 : 1;
    if (n == 0 || is_constant(y, n)) {
        v.class = n && y[0] > 0 ? GROWTH_ONE_OFF : GROWTH_FLAT;
        return v;
    }
    if (n < first + GROWTH_JUDGED_MIN) {
        fit(y, n, &v);
        v.class = GROWTH_UNKNOWN;
        return v;
    }
    const size_t starts[] = {first, n / 4, n / 2};
    bool is_filling = slows_down(&y[first], n - first, SLOWING_ALL);
    for (size_t i = 0; !is_filling && i < sizeof starts / sizeof starts[0]; i++) {
        if (grows(&y[starts[i]], n - starts[i])) {
            v.n_warmup = find_line(y, starts[i], n);
            fit(&y[v.n_warmup], n - v.n_warmup, &v);
            if (!is_sure(&v, &y[v.n_warmup], n - v.n_warmup)) {
                v.n_warmup = starts[i];
                fit(&y[starts[i]], n - starts[i], &v);
            }
            v.n_judged = n - v.n_warmup;
            v.class = GROWTH_GROWING;
            return v;
        }
    }
    fit(y, n, &v);
    v.class = class_of_rest(y, n);
    return v;
}
