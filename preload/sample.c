/* sample.c - see sample.h. */
#include "sample.h"

#include <errno.h>

#include "clock.h"
#include "sys.h"

enum {
    BUCKETS_BITS = 16, /* 4 MiB, of which only what is used is ever touched */
    BUCKET_BLOCKS = 7,
};

/* One cache line: recorded blocks whose addresses hash here. */
struct bucket {
    _Atomic uint64_t address[BUCKET_BLOCKS]; /* 0 = free */
    _Atomic uint64_t has_overflowed;         /* one found no place: frees that hash here are all let through from then on */
};

uint64_t sample_interval;
_Atomic uint16_t sample_filter[1 << SAMPLE_FILTER_BITS];

static struct bucket *buckets;

int sample_init(uint64_t interval) {
    if (interval == 0) {
        return 0;
    }
    buckets = sys_map_private(sizeof *buckets << BUCKETS_BITS);
    if (!buckets) {
        return -ENOMEM;
    }
    sample_interval = interval;
    return 0;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t next_random(struct sample_state *s) {
    uint64_t z = s->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* An exponential number of bytes by comparing uniform ones, without logarithm: in a run u0 > u1 > ... the length is odd with
 * probability exp(-u0). Source: von Neumann, Various techniques used in connection with random digits, NBS Applied Mathematics Series
 * 12 (1951). Takes 4.3 random numbers on average. */
static int64_t next_distance(struct sample_state *s) {
    static const uint64_t wholes_max = 64; /* exp(-64) is never */
    for (uint64_t wholes = 0;; wholes++) {
        uint64_t first = next_random(s), last = first;
        bool is_odd = true;
        for (uint64_t u = next_random(s); u < last; u = next_random(s)) {
            last = u;
            is_odd = !is_odd;
        }
        if (is_odd || wholes == wholes_max) {
            return (int64_t)(wholes * sample_interval + (uint64_t)((unsigned __int128)first * sample_interval >> 64));
        }
    }
}

void sample_begin(struct sample_state *s) {
    s->random += (uint64_t)s ^ clock_before() * 0xC2B2AE3D27D4EB4Fu;
    s->bytes_left = next_distance(s);
}

static struct bucket *bucket_of(uint64_t address) {
    return &buckets[(address * 0xC2B2AE3D27D4EB4Fu) >> (64 - BUCKETS_BITS)];
}

COLD void sample_put_back(uint64_t address) {
    atomic_fetch_add_explicit(&sample_filter[sample_filter_index(address)], 1, memory_order_relaxed);
    struct bucket *bucket = bucket_of(address);
    for (int i = 0; i < BUCKET_BLOCKS; i++) {
        uint64_t empty = 0;
        if (atomic_compare_exchange_strong_explicit(&bucket->address[i], &empty, address, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            return;
        }
    }
    atomic_store_explicit(&bucket->has_overflowed, 1, memory_order_relaxed); /* and the filter's count stays, too */
}

COLD void sample_take(struct sample_state *s, uint64_t address) {
    sample_put_back(address);
    s->bytes_left = s->left_at_last = next_distance(s);
    s->last_address = address;
}

COLD bool sample_has_free_slow(uint64_t address) {
    struct bucket *bucket = bucket_of(address);
    for (int i = 0; i < BUCKET_BLOCKS; i++) {
        uint64_t found = address;
        if (atomic_compare_exchange_strong_explicit(&bucket->address[i], &found, 0, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            atomic_fetch_sub_explicit(&sample_filter[sample_filter_index(address)], 1, memory_order_relaxed);
            return true;
        }
    }
    return atomic_load_explicit(&bucket->has_overflowed, memory_order_relaxed) != 0;
}
