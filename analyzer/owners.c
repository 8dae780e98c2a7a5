/* owners.c - see owners.h. */
#include "owners.h"

#include <stdlib.h>

#include "diag.h"

static int by_cost_then_process(const void *a, const void *b) {
    const struct owner *x = a, *y = b;
    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    return (x->process > y->process) - (x->process < y->process);
}

static int by_bytes(const void *a, const void *b) {
    const struct owner *x = a, *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes > y->bytes ? -1 : 1;
    }
    return (x->process > y->process) - (x->process < y->process);
}

/* Sort and make those of the same cost and process one. Returns how many are left. */
static size_t sum_up(struct owner *owners, size_t n) {
    size_t n_kept = 0;
    if (n) {
        qsort(owners, n, sizeof *owners, by_cost_then_process);
    }
    for (size_t i = 0; i < n; i++) {
        if (n_kept && by_cost_then_process(&owners[n_kept - 1], &owners[i]) == 0) {
            owners[n_kept - 1].bytes += owners[i].bytes;
            owners[n_kept - 1].blocks += owners[i].blocks;
        } else {
            owners[n_kept++] = owners[i];
        }
    }
    return n_kept;
}

void owners_build(struct profile *p, const struct replay *r) {
    size_t cap = 0;
    if (p->n_processes < 2 || !r->process_of_info) {
        return;
    }
    for (size_t id = 0; id < r->n_owned; id++) {
        const struct replay_info *info = &r->infos[id];
        uint64_t n_left = replay_unreleased(info);
        if (r->stack_of_info[id] == REPLAY_STACK_LOST || n_left == 0) {
            continue;
        }
        double weight = p->sample_bytes ? estimate_weight(r->own_sizes[id], p->sample_bytes) : 1;
        p->owners = xgrow(p->owners, p->n_owners, &cap, sizeof *p->owners);
        p->owners[p->n_owners++] = (struct owner){.cost = p->stacks[r->stack_of_info[id]].cost,
                                                  .process = r->process_of_info[id],
                                                  .bytes = n_left * info->size_bytes,
                                                  .blocks = estimate_round(weight * (double)n_left)};
    }
    p->n_owners = sum_up(p->owners, p->n_owners);
}

/* The first owner of that cost, or where it would stand. */
static size_t first_of(const struct profile *p, uint32_t cost) {
    size_t low = 0, high = p->n_owners;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->owners[middle].cost < cost) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void owners_add(const struct profile *p, uint32_t cost, struct owner **owners, size_t *n, size_t *cap) {
    for (size_t at = first_of(p, cost); at < p->n_owners && p->owners[at].cost == cost; at++) {
        *owners = xgrow(*owners, *n, cap, sizeof **owners);
        (*owners)[*n] = p->owners[at];
        (*owners)[(*n)++].cost = 0;
    }
}

size_t owners_rank(struct owner *owners, size_t n) {
    n = sum_up(owners, n);
    if (n) {
        qsort(owners, n, sizeof *owners, by_bytes);
    }
    return n;
}
