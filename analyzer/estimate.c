/* estimate.c - see estimate.h. */
#include "estimate.h"

#include "sample_weight.h"

double estimate_weight(uint64_t size_bytes, uint64_t interval) {
    return sample_weight(size_bytes, interval);
}

uint64_t estimate_round(double v) {
    return sample_round(v);
}

void estimate_add_info(struct estimate *sum, uint64_t size_bytes, uint64_t interval, struct estimate_counts n) {
    double weight = estimate_weight(size_bytes, interval);
    double spread = weight * (weight - 1); /* (1 - p) / p^2 */
    double bytes_spread = (double)size_bytes * (double)size_bytes * spread;
    sum->n_samples += n.calls;
    sum->calls += (double)n.calls * weight;
    sum->unreleased_blocks += (double)n.live * weight;
    sum->temporary += (double)n.temporary * weight;
    sum->var_calls += (double)n.calls * spread;
    sum->var_unreleased_blocks += (double)n.live * spread;
    sum->var_temporary += (double)n.temporary * spread;
    sum->var_allocated_bytes += (double)n.calls * bytes_spread;
    sum->var_peak_bytes += (double)n.live_at_peak * bytes_spread;
    sum->var_unreleased_bytes += (double)n.live * bytes_spread;
}

void estimate_add(struct estimate *sum, const struct estimate *e) {
    sum->n_samples += e->n_samples;
    sum->calls += e->calls;
    sum->unreleased_blocks += e->unreleased_blocks;
    sum->temporary += e->temporary;
    sum->var_calls += e->var_calls;
    sum->var_allocated_bytes += e->var_allocated_bytes;
    sum->var_peak_bytes += e->var_peak_bytes;
    sum->var_unreleased_bytes += e->var_unreleased_bytes;
    sum->var_unreleased_blocks += e->var_unreleased_blocks;
    sum->var_temporary += e->var_temporary;
}
