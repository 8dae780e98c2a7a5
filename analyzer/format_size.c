/* format_size.c - see format_size.h. */
#include "format_size.h"

#include <inttypes.h>
#include <stdio.h>

const char *format_size(uint64_t n_bytes, char buf[FORMAT_BYTES_MAX]) {
    static const char units[] = "BKMGT";
    /* Repeated division by 1000 in double, not one division: the last digit must round as heaptrack's does. */
    double value = (double)n_bytes;
    unsigned unit = 0;
    while (value > 1000. && unit < sizeof units - 2) {
        value /= 1000.;
        unit++;
    }
    if (unit == 0) {
        snprintf(buf, FORMAT_BYTES_MAX, "%" PRIu64 "B", n_bytes);
    } else {
        snprintf(buf, FORMAT_BYTES_MAX, "%.2f%c", value, units[unit]);
    }
    return buf;
}

const char *format_age(uint64_t ns, char buf[FORMAT_BYTES_MAX]) {
    uint64_t s = ns / 1000000000;
    if (s < 60) {
        snprintf(buf, FORMAT_BYTES_MAX, "%" PRIu64 ".%us", s, (unsigned)(ns / 100000000 % 10));
    } else if (s < 3600) {
        snprintf(buf, FORMAT_BYTES_MAX, "%" PRIu64 "m%02us", s / 60, (unsigned)(s % 60));
    } else if (s < 86400) {
        snprintf(buf, FORMAT_BYTES_MAX, "%" PRIu64 "h%02um", s / 3600, (unsigned)(s / 60 % 60));
    } else {
        snprintf(buf, FORMAT_BYTES_MAX, "%" PRIu64 "d%02uh", s / 86400, (unsigned)(s / 3600 % 24));
    }
    return buf;
}

uint64_t per_second(uint64_t n, uint64_t runtime_ns) {
    return runtime_ns ? (uint64_t)((double)n * 1e9 / (double)runtime_ns) : 0;
}
