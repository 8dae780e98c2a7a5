/* shares.c - see shares.h. */
#include "shares.h"

#include <stdlib.h>

#include "diag.h"
#include "estimate.h"
#include "profile.h"
#include "replay.h"

static int by_cost_then_of(const void *a, const void *b) {
    const struct share *x = a, *y = b;
    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    return (x->of > y->of) - (x->of < y->of);
}

static int by_bytes(const void *a, const void *b) {
    const struct share *x = a, *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes > y->bytes ? -1 : 1;
    }
    return (x->of > y->of) - (x->of < y->of);
}

/* Sort and make those of the same cost and owner one. Returns how many are left. */
static size_t sum_up(struct share *shares, size_t n) {
    size_t n_kept = 0;
    if (n) {
        qsort(shares, n, sizeof *shares, by_cost_then_of);
    }
    for (size_t i = 0; i < n; i++) {
        if (n_kept && by_cost_then_of(&shares[n_kept - 1], &shares[i]) == 0) {
            shares[n_kept - 1].bytes += shares[i].bytes;
            shares[n_kept - 1].blocks += shares[i].blocks;
        } else {
            shares[n_kept++] = shares[i];
        }
    }
    return n_kept;
}

void shares_put(struct shares *shares, size_t *cap, const struct share *share) {
    shares->shares = xgrow(shares->shares, shares->n, cap, sizeof *shares->shares);
    shares->shares[shares->n++] = *share;
}

void shares_sum(struct shares *shares) {
    shares->n = sum_up(shares->shares, shares->n);
}

void shares_build(struct shares *shares, const struct profile *p, const struct replay *r, const uint32_t *of_info,
                  size_t n_infos) {
    size_t cap = 0;
    for (size_t id = 0; id < n_infos; id++) {
        const struct replay_info *info = &r->infos[id];
        uint64_t n_left = replay_unreleased(info);
        if (r->stack_of_info[id] == REPLAY_STACK_LOST || n_left == 0) {
            continue;
        }
        double weight = p->sample_bytes ? estimate_weight(r->own_sizes[id], p->sample_bytes) : 1;
        struct share share = {.cost = p->stacks[r->stack_of_info[id]].cost,
                              .of = of_info[id],
                              .bytes = n_left * info->size_bytes,
                              .blocks = estimate_round(weight * (double)n_left)};
        shares_put(shares, &cap, &share);
    }
    shares_sum(shares);
}

/* The first share of that cost, or where it would stand. */
static size_t first_of(const struct shares *shares, uint32_t cost) {
    size_t low = 0, high = shares->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shares->shares[middle].cost < cost) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void shares_add(const struct shares *shares, const struct profile *p, uint32_t cost, struct share **sum, size_t *n,
                size_t *cap) {
    if (p->costs[cost].unreleased_blocks == 0) {
        return;
    }
    for (size_t at = first_of(shares, cost); at < shares->n && shares->shares[at].cost == cost; at++) {
        *sum = xgrow(*sum, *n, cap, sizeof **sum);
        (*sum)[*n] = shares->shares[at];
        (*sum)[(*n)++].cost = 0;
    }
}

size_t shares_rank(struct share *shares, size_t n) {
    n = sum_up(shares, n);
    if (n) {
        qsort(shares, n, sizeof *shares, by_bytes);
    }
    return n;
}
