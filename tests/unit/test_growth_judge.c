/* test_growth_judge.c - planted behaviours against growth_judge(): each must get its class with every seed, and what does not leak must not be called growing. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "growth_judge.h"
#include "tap.h"

enum { N_MAX = 512 };

static uint64_t state;

static double uniform(void) { /* [0, 1); splitmix64 */
    uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

static double below(double n) {
    return floor(uniform() * n);
}

static double normal(void) {
    return sqrt(-2 * log(1 - uniform())) * cos(2 * M_PI * uniform());
}

/* ---- behaviours: figures alive at each of n marks ---- */

static double slope_planted;

static void constant_leak(double *y, size_t n) {
    double size = 1 + below(100000), warm = below(5), start = below(1e6);
    for (size_t i = 0; i < n; i++) {
        y[i] = start + size * (double)i + (i < (size_t)warm ? -below(5) * size : 0);
        y[i] = y[i] < 0 ? 0 : y[i];
    }
    slope_planted = size;
}

static void slow_leak(double *y, size_t n) { /* one block in 50 marks */
    double phase = below(50), size = 8 + below(1000);
    for (size_t i = 0; i < n; i++) {
        y[i] = size * floor(((double)i + phase) / 50);
    }
    slope_planted = size / 50;
}

static void one_in_five(double *y, size_t n) { /* a test of five leaks */
    double phase = below(5);
    for (size_t i = 0; i < n; i++) {
        y[i] = 64 * floor(((double)i + phase) / 5);
    }
    slope_planted = 64. / 5;
}

static void random_leak(double *y, size_t n) { /* with a chance of 0.3 at each mark */
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += uniform() < 0.3 ? 100 : 0;
        y[i] = sum;
    }
    slope_planted = 0;
}

static void late_leak(double *y, size_t n) {
    double from = (double)n * (0.2 + 0.3 * uniform());
    for (size_t i = 0; i < n; i++) {
        y[i] = 5000 + ((double)i > from ? 100 * floor((double)i - from) : 0);
    }
    slope_planted = 100;
}

static void noisy_leak(double *y, size_t n) { /* a block each mark, and up to 20 that come and go */
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)i + below(20);
    }
    slope_planted = 1;
}

static void warm_leak(double *y, size_t n) { /* the first tenth fills caches */
    double size = 10 + below(90);
    for (size_t i = 0; i < n; i++) {
        double fill = (double)i < (double)n / 10 ? (double)i / ((double)n / 10) : 1;
        y[i] = 100000 * fill + size * (double)i;
    }
    slope_planted = size;
}

static void startup_only(double *y, size_t n) {
    double level = below(1e6) + 1, warm = below(4);
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)i < warm ? level * (double)i / warm : level;
    }
}

static void one_step(double *y, size_t n) {
    double at = 1 + below((double)n - 1);
    for (size_t i = 0; i < n; i++) {
        y[i] = (double)i >= at ? 4096 : 0;
    }
}

static void ring_cache(double *y, size_t n) { /* of 4 to 24 places, one filled at each mark, each of another size */
    size_t places = 4 + (size_t)below(21);
    double ring[32] = {0};
    for (size_t i = 0; i < n; i++) {
        ring[i % places] = 50 + below(100);
        y[i] = 0;
        for (size_t k = 0; k < places; k++) {
            y[i] += ring[k];
        }
    }
}

static void lru_cache(double *y, size_t n) { /* full at 60 % of the marks */
    double each = 10 + below(90);
    for (size_t i = 0; i < n; i++) {
        double filled = (double)i / ((double)n * 0.6);
        y[i] = floor(each * (double)n * (filled < 1 ? filled : 1));
    }
}

static void key_cache(double *y, size_t n) { /* random keys: fills ever slower */
    double keys = 200 + below(800), used = 0, per_mark = keys * (0.04 + 0.2 * uniform());
    for (size_t i = 0; i < n; i++) {
        for (double k = 0; k < per_mark; k++) {
            used += uniform() * keys >= used;
        }
        y[i] = used * 100;
    }
}

static void sawtooth(double *y, size_t n) {
    size_t period = 3 + (size_t)below((double)n / 4), phase = (size_t)below((double)period);
    for (size_t i = 0; i < n; i++) {
        y[i] = 100 * (double)((i + phase) % period);
    }
}

static void noise(double *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = 64 * below(50);
    }
}

static void rare_noise(double *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        y[i] = uniform() < 0.05 ? 64 : 0;
    }
}

static void queue(double *y, size_t n) { /* correlated: 0.9 of it is still there at the next mark */
    double x = normal() * 2.3;
    for (size_t i = 0; i < n; i++) {
        x = 0.9 * x + normal();
        y[i] = floor(fmax(0, 1000 + 30 * x));
    }
}

static void bounded_walk(double *y, size_t n) { /* between 0 and 10 */
    double x = below(11);
    for (size_t i = 0; i < n; i++) {
        x += uniform() < 0.5 ? 1 : -1;
        x = x < 0 ? 1 : x > 10 ? 9 : x;
        y[i] = x * 256;
    }
}

static void
free_walk(double *y,
          size_t n) { /* no bound, no drift: nothing can tell a stretch of it from growth but its own ups and downs */
    double x = 1000;
    for (size_t i = 0; i < n; i++) {
        x += normal();
        y[i] = floor(x * 64);
    }
}

struct behaviour {
    const char *name;
    void (*plant)(double *y, size_t n);
    size_t n;
    enum growth_class class;
    int others_allowed; /* of 1,000 seeds, that get another class than this one, where chance plays */
};

static const struct behaviour behaviours[] = {
    {"constant leak", constant_leak, 100, GROWTH_GROWING, 0},
    {"constant leak, 20 marks", constant_leak, 20, GROWTH_GROWING, 0},
    {"slow leak, one block in 50 of 200 marks", slow_leak, 200, GROWTH_GROWING, 0},
    {"slow leak, one block in 50 of 250 marks", slow_leak, 250, GROWTH_GROWING, 0},
    {"one test of five leaks", one_in_five, 100, GROWTH_GROWING, 0},
    {"leak at random marks", random_leak, 100, GROWTH_GROWING, 10},
    {"leak that starts late", late_leak, 100, GROWTH_GROWING, 0},
    {"leak in noise", noisy_leak, 100, GROWTH_GROWING, 0},
    {"leak behind a warm-up", warm_leak, 100, GROWTH_GROWING, 0},
    {"startup only", startup_only, 100, GROWTH_ONE_OFF, 0},
    {"one step", one_step, 100, GROWTH_ONE_OFF, 0},
    {"ring cache", ring_cache, 100, GROWTH_BOUNDED, 10},
    {"LRU cache that fills at mark 60", lru_cache, 100, GROWTH_BOUNDED, 0},
    {"cache of random keys", key_cache, 100, GROWTH_BOUNDED, 10},
    {"sawtooth", sawtooth, 100, GROWTH_BOUNDED, 0},
    {"noise", noise, 100, GROWTH_BOUNDED, 10},
    {"noise, 10 marks", noise, 10, GROWTH_BOUNDED, 10},
    {"noise, 20 marks", noise, 20, GROWTH_BOUNDED, 10},
    {"rare noise", rare_noise, 100, GROWTH_N_CLASSES, 0},
    {"queue", queue, 100, GROWTH_BOUNDED, 10},
    {"queue, 20 marks", queue, 20, GROWTH_BOUNDED, 10},
    {"bounded walk", bounded_walk, 100, GROWTH_BOUNDED, 10},
    {"bounded walk, 250 marks", bounded_walk, 250, GROWTH_BOUNDED, 10},
    {"free walk", free_walk, 100, GROWTH_BOUNDED, 10},
};

int main(int argc, char **argv) {
    enum { SEEDS = 1000 };
    int n_quiet = 0, n_false = 0, seeds = argc > 1 ? atoi(argv[1]) : SEEDS;
    for (size_t b = 0; b < sizeof behaviours / sizeof behaviours[0]; b++) {
        const struct behaviour *is = &behaviours[b];
        int of_class[GROWTH_N_CLASSES] = {0}, n_covered = 0;
        double error_max = 0;
        for (int seed = 0; seed < seeds; seed++) {
            double y[N_MAX];
            state = (uint64_t)seed * 1000003 + b * 7919;
            is->plant(y, is->n);
            struct growth_verdict v = growth_judge(y, is->n);
            of_class[v.class]++;
            if (is->class == GROWTH_GROWING && slope_planted > 0) {
                error_max = fmax(error_max, fabs(v.slope - slope_planted) / slope_planted);
                n_covered += v.low <= slope_planted * 1.0001 && v.high >= slope_planted * 0.9999;
            }
        }
        char line[256];
        int n_right = is->class == GROWTH_N_CLASSES ? seeds - of_class[GROWTH_GROWING] : of_class[is->class];
        snprintf(line, sizeof line, "%-42s flat %d, one-off %d, bounded %d, growing %d, unknown %d", is->name,
                 of_class[GROWTH_FLAT], of_class[GROWTH_ONE_OFF], of_class[GROWTH_BOUNDED], of_class[GROWTH_GROWING],
                 of_class[GROWTH_UNKNOWN]);
        tap_ok((int64_t)(seeds - n_right) * SEEDS <= (int64_t)is->others_allowed * seeds, line);
        if (is->class == GROWTH_GROWING && slope_planted > 0) {
            printf("# slope off by %.2f %% at most, inside the interval %d of %d times\n", 100 * error_max, n_covered,
                   seeds);
        } else if (is->class != GROWTH_GROWING) {
            n_quiet += seeds;
            n_false += of_class[GROWTH_GROWING];
        }
    }
    printf("# false alarms: %d of %d, %.2f %%\n", n_false, n_quiet, 100. * n_false / n_quiet);
    tap_ok(n_false * 100 < n_quiet, "fewer than one false alarm in 100");
    return tap_end();
}
