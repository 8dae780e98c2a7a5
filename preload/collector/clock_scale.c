/* clock_scale.c - see clock_scale.h. */
#include "clock_scale.h"

#include <time.h>

#ifdef __x86_64__
#include <x86intrin.h>
#endif

#define NS_PER_S 1000000000u

enum {
    REFINE_FIRST_NS = 2000000,      /* after 2 ms the rate is right to some 1e-4 */
    REFINE_AGAIN_NS = 10 * 1000000, /* first refinement; each later one after as long again */
    PROBE_NS = 5000000,             /* how long to measure the rate where the start does not help */
};

/* Rates outside are no TSC: the start was read in another boot or has been overwritten. */
static const double ns_per_tick_min = 0.05, ns_per_tick_max = 20;

uint64_t clock_mono_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_stamp(bool is_tsc) {
#ifdef __x86_64__
    if (is_tsc) {
        _mm_lfence(); /* rdtsc alone may run ahead of earlier loads (Intel SDM, RDTSC) */
        return __rdtsc();
    }
#endif
    (void)is_tsc;
    return clock_mono_ns();
}

void clock_pause(void) {
#ifdef __x86_64__
    _mm_pause();
#endif
}

/* Ticks against nanoseconds from one pair of readings to now; 0 where that makes no sense. */
static double rate_since(uint64_t stamp, uint64_t mono_ns) {
    uint64_t now_ns = clock_mono_ns(), now = clock_stamp(true);
    if (now <= stamp || now_ns <= mono_ns) {
        return 0;
    }
    double rate = (double)(now_ns - mono_ns) / (double)(now - stamp);
    return rate >= ns_per_tick_min && rate <= ns_per_tick_max ? rate : 0;
}

static double rate_probe(void) {
    uint64_t stamp = clock_stamp(true), mono_ns = clock_mono_ns();
    struct timespec pause = {.tv_nsec = PROBE_NS};
    nanosleep(&pause, NULL);
    double rate = rate_since(stamp, mono_ns);
    return rate > 0 ? rate : 1;
}

void clock_settle(uint64_t read_ns, uint64_t ns) {
    while (clock_mono_ns() - read_ns < ns) {
        clock_pause();
    }
}

void clock_scale_init(struct clock_scale *c, bool is_tsc, uint64_t start_stamp, uint64_t start_mono_ns) {
    *c = (struct clock_scale){.is_tsc = is_tsc,
                              .start_stamp = start_stamp,
                              .start_mono_ns = start_mono_ns,
                              .base_stamp = start_stamp,
                              .ns_per_tick = 1};
    if (is_tsc) {
        uint64_t now = clock_mono_ns();
        bool is_long_enough = now > start_mono_ns && now - start_mono_ns >= REFINE_FIRST_NS;
        double rate = is_long_enough ? rate_since(start_stamp, start_mono_ns) : 0;
        c->ns_per_tick = rate > 0 ? rate : rate_probe();
        c->next_refine_ns = now + REFINE_AGAIN_NS;
    }
}

uint64_t clock_scale_ns(const struct clock_scale *c, uint64_t stamp) {
    if (stamp <=
        c->base_stamp) { /* not of an event: these are younger; of a record from before the rate was known as well */
        double ago = (double)(c->base_stamp - stamp) * c->ns_per_tick;
        return ago < (double)c->base_ns ? c->base_ns - (uint64_t)ago : 0;
    }
    double ns = (double)(stamp - c->base_stamp) * c->ns_per_tick;
    return ns < (double)(INT64_MAX / 2) ? c->base_ns + (uint64_t)ns : INT64_MAX;
}

uint64_t clock_scale_stamp(const struct clock_scale *c, uint64_t ns) {
    if (ns <= c->base_ns) {
        return c->base_stamp;
    }
    double ticks = (double)(ns - c->base_ns) / c->ns_per_tick + 1;
    return ticks < (double)(INT64_MAX / 2) ? c->base_stamp + (uint64_t)ticks : UINT64_MAX;
}

void clock_scale_refine(struct clock_scale *c, uint64_t merged_stamp) {
    uint64_t now = c->is_tsc ? clock_mono_ns() : 0;
    if (now < c->next_refine_ns || merged_stamp <= c->base_stamp || merged_stamp > clock_stamp(c->is_tsc)) {
        return;
    }
    double rate = rate_since(c->start_stamp, c->start_mono_ns);
    if (rate > 0) {
        c->base_ns = clock_scale_ns(c, merged_stamp);
        c->base_stamp = merged_stamp;
        c->ns_per_tick = rate;
    }
    /* Each step halves the error; beyond hours nothing is left to gain. */
    c->next_refine_ns = now + (now > c->start_mono_ns ? now - c->start_mono_ns : REFINE_AGAIN_NS);
}

uint64_t clock_scale_rate(const struct clock_scale *c) {
    return (uint64_t)(NS_PER_S / c->ns_per_tick + 0.5);
}
