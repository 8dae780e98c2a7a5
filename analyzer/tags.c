/* tags.c - see tags.h. */
#include "tags.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "replay.h"

/* More of them than these are taken for damage: they keep a forged file from asking for gigabytes. */
enum { FREED_MAX = 1 << 22 };

void tags_free(struct tags *tags) {
    free(tags->freed);
    *tags = (struct tags){0};
}

bool tags_read_file(struct profile *p, struct tags *tags, struct byte_reader *in) {
    uint64_t id = varint_get(in), n = varint_get(in);
    const uint8_t *name = byte_reader_take(in, n);
    if (!name || id == 0 || id >= TRACE_FILES_MAX) {
        return false;
    }
    while (p->n_files <= id) {
        p->files = xgrow(p->files, p->n_files, &tags->cap_files, sizeof *p->files);
        p->files[p->n_files++] = NULL;
    }
    free(p->files[id]);
    p->files[id] = xstrndup((const char *)name, (size_t)n);
    return true;
}

static int by_info(const void *a, const void *b) {
    const struct freed_info *x = a, *y = b;
    return x->info != y->info ? (x->info > y->info) - (x->info < y->info) : (x->place > y->place) - (x->place < y->place);
}

/* Add up what is of the same info and place. */
static void sum_same(struct tags *tags) {
    size_t n = 0;
    qsort(tags->freed, tags->n_freed, sizeof *tags->freed, by_info);
    for (size_t i = 0; i < tags->n_freed; i++) {
        if (n && by_info(&tags->freed[n - 1], &tags->freed[i]) == 0) {
            tags->freed[n - 1].n += tags->freed[i].n;
        } else {
            tags->freed[n++] = tags->freed[i];
        }
    }
    tags->n_freed = n;
}

bool tags_read_freed(struct tags *tags, struct byte_reader *in) {
    uint64_t info = 0;
    for (uint64_t n = varint_get(in); n > 0 && !in->is_failed; n--) {
        info += varint_get(in);
        struct freed_info freed = {.place = varint_get(in), .n = varint_get(in)};
        if (in->is_failed || info > UINT32_MAX || freed.n > INT64_MAX || trace_tag_place(freed.place) >> 40) {
            return false;
        }
        if (tags->n_freed == FREED_MAX) {
            sum_same(tags);
        }
        if (tags->n_freed > FREED_MAX - FREED_MAX / 4) {
            return false;
        }
        freed.info = (uint32_t)info;
        tags->freed = xgrow(tags->freed, tags->n_freed, &tags->cap_freed, sizeof *tags->freed);
        tags->freed[tags->n_freed++] = freed;
    }
    return !in->is_failed;
}

static int by_cost(const void *a, const void *b) {
    const struct freed_place *x = a, *y = b;
    return x->cost != y->cost ? (x->cost > y->cost) - (x->cost < y->cost) : (x->place > y->place) - (x->place < y->place);
}

static int by_cost_and_number(const void *a, const void *b) {
    const struct freed_place *x = a, *y = b;
    return x->cost != y->cost || x->n == y->n ? by_cost(a, b) : (x->n < y->n) - (x->n > y->n);
}

void tags_finish(struct profile *p, struct tags *tags, const struct replay *replay) {
    if (tags->n_freed == 0) {
        return;
    }
    sum_same(tags);
    p->freed = xcalloc(tags->n_freed, sizeof *p->freed);
    for (size_t i = 0; i < tags->n_freed; i++) {
        const struct freed_info *from = &tags->freed[i];
        if (from->info < replay->n_infos && replay->stack_of_info[from->info] != REPLAY_STACK_LOST) {
            p->freed[p->n_freed++] = (struct freed_place){
                .cost = p->stacks[replay->stack_of_info[from->info]].cost, .place = from->place, .n = from->n};
        }
    }
    size_t n = 0;
    qsort(p->freed, p->n_freed, sizeof *p->freed, by_cost);
    for (size_t i = 0; i < p->n_freed; i++) {
        if (n && by_cost(&p->freed[n - 1], &p->freed[i]) == 0) {
            p->freed[n - 1].n += p->freed[i].n;
        } else {
            p->freed[n++] = p->freed[i];
        }
    }
    p->n_freed = n;
    qsort(p->freed, n, sizeof *p->freed, by_cost_and_number);
}

/* "../deps/openssl/openssl/ssl/ssl_lib.c" is ssl/ssl_lib.c wherever OpenSSL was built. */
static const char *shown_from(const char *name) {
    static const char *const folders[] = {"crypto/", "ssl/", "providers/", "engines/"};
    const char *shown = name;
    for (const char *at = name; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL) {
        for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
            shown = strncmp(at, folders[i], strlen(folders[i])) == 0 ? at : shown;
        }
    }
    return shown;
}

const char *tag_file(const struct profile *p, uint64_t tag) {
    uint32_t id = trace_tag_file(tag);
    return id < p->n_files && p->files[id] ? shown_from(p->files[id]) : NULL;
}

size_t freed_of(const struct profile *p, uint32_t cost, const struct freed_place **freed) {
    size_t low = 0, high = p->n_freed; /* below low: cost is smaller */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->freed[middle].cost < cost) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < p->n_freed && p->freed[end].cost == cost) {
        end++;
    }
    *freed = end > low ? &p->freed[low] : NULL;
    return end - low;
}
