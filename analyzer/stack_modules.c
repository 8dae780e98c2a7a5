/* stack_modules.c - see stack_modules.h. One sorted list of ranges at a time, for the epoch at hand: stacks are visited epoch
 * by epoch, so memory does not grow with the number of epochs. */
#include "stack_modules.h"

#include <stdlib.h>

#include "diag.h"
#include "ring.h"

/* Ranges of one epoch hardly ever overlap (a module mapped into a hole of another); look no further back than this. */
enum { OVERLAP_MAX = 8 };

struct range {
    uint64_t start, end;
    uint32_t module; /* index + 1 */
};

struct ranges {
    struct range *range;
    size_t n;
};

static int compare_ranges(const void *a, const void *b) {
    const struct range *x = a, *y = b;
    if (x->start != y->start) {
        return x->start < y->start ? -1 : 1;
    }
    return x->module < y->module ? -1 : x->module > y->module;
}

static void list_ranges(struct ranges *ranges, const struct profile *p, uint32_t epoch) {
    ranges->n = 0;
    for (size_t i = 0; i < p->n_modules; i++) {
        const struct module *m = &p->modules[i];
        if (m->first_epoch <= epoch && epoch < m->gone_epoch) {
            ranges->range[ranges->n++] = (struct range){.start = m->start, .end = m->end, .module = (uint32_t)i + 1};
        }
    }
    qsort(ranges->range, ranges->n, sizeof *ranges->range, compare_ranges);
}

static uint32_t find_module(const struct ranges *ranges, uint64_t address) {
    size_t low = 0, high = ranges->n; /* below low: start <= address */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges->range[middle].start <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t back = 1; back <= OVERLAP_MAX && back <= low; back++) {
        if (address < ranges->range[low - back].end) {
            return ranges->range[low - back].module;
        }
    }
    return 0;
}

/* The epoch of each stack. A parent comes before its children, so one pass does. */
static uint16_t *find_epochs(const struct profile *p) {
    uint16_t *epochs = xcalloc(p->n_stacks, sizeof *epochs);
    for (size_t i = 1; i < p->n_stacks; i++) {
        const struct stack *s = &p->stacks[i];
        bool is_root = s->parent == 0 && s->ip < RING_EPOCHS_MAX;
        epochs[i] = is_root ? (uint16_t)s->ip : epochs[s->parent];
    }
    return epochs;
}

/* The stacks in order of their epochs (a counting sort; starts[e] = where those of epoch e begin). */
static uint32_t *order_by_epoch(const uint16_t *epochs, size_t n) {
    uint32_t *order = xcalloc(n, sizeof *order);
    size_t *starts = xcalloc(RING_EPOCHS_MAX + 1, sizeof *starts);
    for (size_t i = 0; i < n; i++) {
        starts[epochs[i] + 1]++;
    }
    for (size_t e = 0; e < RING_EPOCHS_MAX; e++) {
        starts[e + 1] += starts[e];
    }
    for (size_t i = n; i-- > 0;) {
        /* From the end, so that starts[e + 1] comes down to where epoch e begins. */
        order[--starts[epochs[i] + 1]] = (uint32_t)i;
    }
    free(starts);
    return order;
}

void stack_modules_assign(struct profile *p) {
    static const uint64_t call_bytes = 1; /* an ip is a return address: the call is before it */
    struct ranges ranges = {.range = xcalloc(p->n_modules, sizeof *ranges.range)};
    uint16_t *epochs = find_epochs(p);
    uint32_t *order = order_by_epoch(epochs, p->n_stacks);
    int listed = -1;
    for (size_t i = 0; i < p->n_stacks; i++) {
        struct stack *s = &p->stacks[order[i]];
        if (epochs[order[i]] != listed) {
            listed = epochs[order[i]];
            list_ranges(&ranges, p, (uint32_t)listed);
        }
        bool is_frame = order[i] != 0 && !(s->parent == 0 && s->ip < RING_EPOCHS_MAX);
        s->module = is_frame ? find_module(&ranges, s->ip - call_bytes) : 0;
    }
    free(order);
    free(epochs);
    free(ranges.range);
}
