/* openssl_sums.c - see openssl_sums.h. */
#include "openssl_sums.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "diag.h"

static size_t next_max(size_t n) {
    return 2 * n + 1024;
}

static int by_place(const void *a, const void *b) {
    const struct openssl_place *x = a, *y = b;
    if (x->line != y->line) {
        return x->line < y->line ? -1 : 1;
    }
    if (x->size_bytes != y->size_bytes) {
        return x->size_bytes < y->size_bytes ? -1 : 1;
    }
    return strcmp(x->file ? x->file : "", y->file ? y->file : "");
}

static void sum_places(struct openssl_type *type) {
    size_t n = 0;
    qsort(type->places, type->n_places, sizeof *type->places, by_place);
    for (size_t i = 0; i < type->n_places; i++) {
        if (n && by_place(&type->places[n - 1], &type->places[i]) == 0) {
            cost_add(&type->places[n - 1].cost, &type->places[i].cost);
        } else {
            type->places[n++] = type->places[i];
        }
    }
    type->n_places = n;
}

void openssl_type_add_place(struct openssl_type *type, const struct openssl_place *place) {
    type->places = xgrow(type->places, type->n_places, &type->cap_places, sizeof *type->places);
    type->places[type->n_places++] = *place;
    if (type->n_places >= type->max_places) {
        sum_places(type);
        type->max_places = next_max(type->n_places);
    }
}

static int by_maker(const void *a, const void *b) {
    const struct openssl_maker *x = a, *y = b;
    if (x->location != y->location) {
        return (uintptr_t)x->location < (uintptr_t)y->location ? -1 : 1;
    }
    return x->frame != y->frame ? (x->frame > y->frame) - (x->frame < y->frame) : (x->ip > y->ip) - (x->ip < y->ip);
}

static void sum_makers(struct openssl_type *type) {
    size_t n = 0;
    qsort(type->makers, type->n_makers, sizeof *type->makers, by_maker);
    for (size_t i = 0; i < type->n_makers; i++) {
        struct openssl_maker *last = n ? &type->makers[n - 1] : NULL, *maker = &type->makers[i];
        if (last && last->location == maker->location && last->frame == maker->frame) {
            last->blocks += maker->blocks;
            last->bytes += maker->bytes;
        } else {
            type->makers[n++] = *maker;
        }
    }
    type->n_makers = n;
}

void openssl_type_add_maker(struct openssl_type *type, const struct openssl_maker *maker) {
    type->makers = xgrow(type->makers, type->n_makers, &type->cap_makers, sizeof *type->makers);
    type->makers[type->n_makers++] = *maker;
    if (type->n_makers >= type->max_makers) {
        sum_makers(type);
        type->max_makers = next_max(type->n_makers);
    }
}

static int by_calls(const void *a, const void *b) {
    const struct openssl_place *x = a, *y = b;
    return x->cost.calls != y->cost.calls ? (x->cost.calls < y->cost.calls) - (x->cost.calls > y->cost.calls)
                                          : by_place(a, b);
}

static int by_blocks(const void *a, const void *b) {
    const struct openssl_maker *x = a, *y = b;
    return x->blocks != y->blocks ? (x->blocks < y->blocks) - (x->blocks > y->blocks) : (x->ip > y->ip) - (x->ip < y->ip);
}

void openssl_type_finish(struct openssl_type *type) {
    if (type->n_places) {
        sum_places(type);
        qsort(type->places, type->n_places, sizeof *type->places, by_calls);
    }
    if (type->n_makers) {
        sum_makers(type);
        qsort(type->makers, type->n_makers, sizeof *type->makers, by_blocks);
    }
}
