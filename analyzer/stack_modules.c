/* stack_modules.c - see stack_modules.h. One sorted list of ranges at a time, for the root at hand: stacks are visited root
 * by root, so memory does not grow with the number of epochs and processes. */
#include "stack_modules.h"

#include <stdlib.h>

#include "diag.h"
#include "trace_format.h"

enum {
    OVERLAP_MAX =
        8, /* ranges of one epoch hardly ever overlap (a module mapped into a hole of another); look no further back than this */
    FORKS_MAX = 64, /* from a process to the one that has its first modules */
};

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

/* The modules of each process, side by side (a counting sort). */
struct by_process {
    uint32_t *modules; /* indexes */
    size_t *starts;    /* [n_processes + 1] */
};

static struct by_process sort_modules(const struct profile *p) {
    struct by_process by = {.modules = xcalloc(p->n_modules, sizeof *by.modules),
                            .starts = xcalloc(p->n_processes + 2, sizeof *by.starts)};
    for (size_t i = 0; i < p->n_modules; i++) {
        by.starts[p->modules[i].process + 2]++;
    }
    for (size_t i = 2; i < p->n_processes + 2; i++) {
        by.starts[i] += by.starts[i - 1];
    }
    for (size_t i = 0; i < p->n_modules; i++) {
        by.modules[by.starts[p->modules[i].process + 1]++] = (uint32_t)i;
    }
    return by;
}

/* Has a process closed, by that epoch, a module that came with its fork? */
static bool has_closed(const struct process *process, uint32_t module, uint32_t epoch) {
    for (size_t i = 0; i < process->n_gone; i++) {
        if (process->gone[i].module == module && process->gone[i].epoch <= epoch) {
            return true;
        }
    }
    return false;
}

/* What a process had mapped in an epoch: its own modules, and those that came with forks. */
static void list_ranges(struct ranges *ranges, const struct profile *p, const struct by_process *by, uint32_t process,
                        uint32_t epoch) {
    const struct process *asked = process < p->n_processes ? &p->processes[process] : NULL;
    uint32_t asked_epoch = epoch;
    ranges->n = 0;
    for (int i = 0; i < FORKS_MAX && process < p->n_processes; i++) {
        for (size_t k = by->starts[process]; k < by->starts[process + 1]; k++) {
            const struct module *m = &p->modules[by->modules[k]];
            if (m->first_epoch <= epoch && epoch < m->gone_epoch && !has_closed(asked, by->modules[k], asked_epoch)) {
                ranges->range[ranges->n++] = (struct range){.start = m->start, .end = m->end, .module = by->modules[k] + 1};
            }
        }
        if (p->processes[process].origin != TRACE_ORIGIN_FORK) {
            break;
        }
        epoch = p->processes[process].parent_epoch;
        process = p->processes[process].parent;
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

/* Which root each stack descends from. */
struct roots {
    uint64_t *ips; /* of each root; that of stack 0 is process 0's first */
    size_t n, cap;
    uint32_t *of_stack;
};

/* A parent comes before its children, so one pass does. */
static struct roots find_roots(const struct profile *p) {
    struct roots roots = {.of_stack = xcalloc(p->n_stacks, sizeof *roots.of_stack)};
    roots.ips = xgrow(NULL, 0, &roots.cap, sizeof *roots.ips);
    roots.ips[roots.n++] = trace_root_ip(0, 0);
    for (size_t i = 1; i < p->n_stacks; i++) {
        const struct stack *s = &p->stacks[i];
        if (trace_is_root(s->ip)) {
            roots.ips = xgrow(roots.ips, roots.n, &roots.cap, sizeof *roots.ips);
            roots.ips[roots.n] = s->ip;
            roots.of_stack[i] = (uint32_t)roots.n++;
        } else {
            roots.of_stack[i] = s->parent < i ? roots.of_stack[s->parent] : 0;
        }
    }
    return roots;
}

/* The stacks in order of their roots (a counting sort; starts[r] = where those of root r begin). */
static uint32_t *order_by_root(const struct roots *roots, size_t n) {
    uint32_t *order = xcalloc(n, sizeof *order);
    size_t *starts = xcalloc(roots->n + 1, sizeof *starts);
    for (size_t i = 0; i < n; i++) {
        starts[roots->of_stack[i] + 1]++;
    }
    for (size_t r = 0; r < roots->n; r++) {
        starts[r + 1] += starts[r];
    }
    for (size_t i = n; i-- > 0;) {
        /* From the end, so that starts[r + 1] comes down to where root r begins. */
        order[--starts[roots->of_stack[i] + 1]] = (uint32_t)i;
    }
    free(starts);
    return order;
}

void stack_modules_assign(struct profile *p) {
    static const uint64_t call_bytes = 1; /* an ip is a return address: the call is before it */
    struct ranges ranges = {.range = xcalloc(p->n_modules, sizeof *ranges.range)};
    struct by_process by = sort_modules(p);
    struct roots roots = find_roots(p);
    uint32_t *order = order_by_root(&roots, p->n_stacks);
    uint32_t listed = UINT32_MAX;
    for (size_t i = 0; i < p->n_stacks; i++) {
        struct stack *s = &p->stacks[order[i]];
        uint32_t root = roots.of_stack[order[i]];
        if (root != listed) {
            listed = root;
            list_ranges(&ranges, p, &by, trace_root_process(roots.ips[root]), trace_root_epoch(roots.ips[root]));
        }
        bool is_frame = order[i] != 0 && !trace_is_root(s->ip) && !trace_is_tag(s->ip);
        s->module = is_frame ? find_module(&ranges, s->ip - call_bytes) : 0;
    }
    free(order);
    free(roots.ips);
    free(roots.of_stack);
    free(by.modules);
    free(by.starts);
    free(ranges.range);
}
