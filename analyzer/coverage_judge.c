/* coverage_judge.c - see coverage_judge.h. */
#include "coverage_judge.h"

#include <stdlib.h>
#include <string.h>

#include "coverage.h"
#include "diag.h"
#include "trace_format.h"

enum {
    OWN_BYTES = 32 << 10,
    THREAD_BYTES = 8 << 10,
    MAPPED_BYTES = 4096 + 16,
    CLASS_BYTES = 16, /* glibc: held sizes are multiples */
    CLASSES_MAX = 128,
    LOW_PARTS = 20, /* low: more than one in so many is not accounted for */
};

/* What a process and those that it was forked from may have in use besides. */
struct heap {
    uint32_t n_freed[CLASSES_MAX]; /* by held size; saturates */
    uint64_t n_threads, rounded_bytes;
};

static uint64_t sum_within(uint64_t a, uint64_t b) {
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t product_within(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static void add_freed(uint32_t *to, uint64_t n) {
    *to = n < UINT32_MAX - *to ? *to + (uint32_t)n : UINT32_MAX;
}

static void count_threads(struct heap *heaps, const struct profile *p) {
    for (size_t i = 0; i < p->n_threads; i++) {
        uint32_t process = p->threads[i].process;
        if (process < p->n_processes) {
            heaps[process].n_threads++;
        }
    }
    for (size_t i = 0; i < p->n_processes; i++) { /* ever, unless it is known how many at once */
        uint64_t n = p->processes[i].coverage.n_threads;
        heaps[i].n_threads = n ? n : heaps[i].n_threads;
        heaps[i].rounded_bytes = p->processes[i].coverage.rounded_bytes;
    }
}

/* Frees of each size. Where not all are at hand, as many as there may be. */
static void count_freed(struct heap *heaps, const struct profile *p, const struct replay *r) {
    for (size_t i = 0; i < p->n_processes; i++) {
        bool is_partial = p->n_events_missing || !profile_is_chosen(p, &p->processes[i]);
        memset(heaps[i].n_freed, is_partial ? 0xff : 0, sizeof heaps[i].n_freed);
    }
    for (size_t id = 1; id < r->n_infos; id++) {
        const struct replay_info *info = &r->infos[id];
        uint32_t process = r->process_of_info ? r->process_of_info[id] : 0;
        uint64_t class = coverage_held_by_glibc(info->size_bytes) / CLASS_BYTES, n_left = replay_unreleased(info);
        if (process < p->n_processes && class < CLASSES_MAX && info->calls > n_left) {
            add_freed(&heaps[process].n_freed[class], info->calls - n_left);
        }
    }
}

/* A fork child has its parent's heap. Processes come behind those that they came from. */
static void inherit(struct heap *heaps, const struct profile *p) {
    for (size_t i = 0; i < p->n_processes; i++) {
        uint32_t from = p->processes[i].parent;
        if (p->processes[i].origin != TRACE_ORIGIN_FORK || from >= i) {
            continue;
        }
        heaps[i].n_threads = sum_within(heaps[i].n_threads, heaps[from].n_threads);
        heaps[i].rounded_bytes = sum_within(heaps[i].rounded_bytes, heaps[from].rounded_bytes);
        for (size_t class = 0; class < CLASSES_MAX; class ++) {
            add_freed(&heaps[i].n_freed[class], heaps[from].n_freed[class]);
        }
    }
}

/* The most that the freed blocks may come to. One may be held in the next class, since glibc leaves no rest of 16 bytes; so the places of each class, from
 * the largest down, are first for its own, then for those of the class below. */
static uint64_t cached_bytes(const struct heap *heap, const struct coverage *c) {
    uint64_t n_places = product_within(c->cache_blocks, heap->n_threads), bytes = 0;
    uint64_t largest = c->cache_bytes_max / CLASS_BYTES;
    size_t class = largest < CLASSES_MAX ? (size_t)largest : CLASSES_MAX - 1;
    for (uint64_t n_own = heap->n_freed[class]; class > 0; class --) {
        uint64_t n_below = heap->n_freed[class - 1], n = n_own + n_below < n_places ? n_own + n_below : n_places;
        bytes = sum_within(bytes, product_within(n, class * CLASS_BYTES));
        n_own = n > n_own ? n_below - (n - n_own) : n_below;
    }
    return bytes;
}

static void judge(struct coverage *c, const struct heap *heap) {
    uint64_t allowed = sum_within(OWN_BYTES, product_within(heap->n_threads, THREAD_BYTES));
    allowed = sum_within(allowed, heap->rounded_bytes);
    if (c->allocator == COVERAGE_GLIBC) {
        allowed = sum_within(allowed, product_within(c->n_mapped, MAPPED_BYTES));
        allowed = sum_within(allowed, cached_bytes(heap, c));
    }
    uint64_t accounted = sum_within(c->held_bytes, allowed);
    c->allowed_bytes = allowed;
    c->uncovered_bytes = c->in_use_bytes > accounted ? c->in_use_bytes - accounted : 0;
}

bool coverage_is_measured(const struct profile *p, const struct process *process) {
    return process->coverage.result == COVERAGE_MEASURED && !p->sample_bytes;
}

void coverage_judge(struct profile *p, const struct replay *r) {
    bool is_any = false;
    for (size_t i = 0; i < p->n_processes; i++) {
        is_any = is_any || coverage_is_measured(p, &p->processes[i]);
    }
    if (!is_any) {
        return;
    }
    struct heap *heaps = xcalloc(p->n_processes, sizeof *heaps);
    count_threads(heaps, p);
    count_freed(heaps, p, r);
    inherit(heaps, p);
    for (size_t i = 0; i < p->n_processes; i++) {
        judge(&p->processes[i].coverage, &heaps[i]);
    }
    free(heaps);
}

double coverage_share(const struct coverage *c) {
    return c->in_use_bytes ? 1 - (double)c->uncovered_bytes / (double)c->in_use_bytes : 1;
}

bool coverage_is_low(const struct coverage *c) {
    return c->uncovered_bytes > c->in_use_bytes / LOW_PARTS;
}

size_t coverage_sum(const struct profile *p, struct coverage *sum, const struct process **lowest) {
    size_t n = 0;
    *sum = (struct coverage){0};
    *lowest = NULL;
    for (size_t i = 0; i < p->n_processes; i++) {
        const struct process *process = &p->processes[i];
        const struct coverage *c = &process->coverage;
        if (!profile_is_chosen(p, process) || !coverage_is_measured(p, process)) {
            continue;
        }
        sum->allocator = n++ == 0 || sum->allocator == c->allocator ? c->allocator : COVERAGE_OTHER;
        sum->in_use_bytes = sum_within(sum->in_use_bytes, c->in_use_bytes);
        sum->uncovered_bytes = sum_within(sum->uncovered_bytes, c->uncovered_bytes);
        if (!*lowest || coverage_share(c) < coverage_share(&(*lowest)->coverage)) {
            *lowest = process;
        }
    }
    return n;
}

const char *coverage_missing(const struct profile *p, const struct process *process) {
    static const char *const reasons[] = {
#define X(name, number, text) [number] = text,
        COVERAGE_RESULTS(X)
#undef X
    };
    uint32_t result = process->coverage.result;
    if (coverage_is_measured(p, process)) {
        return NULL;
    }
    if (p->sample_bytes) {
        return "the trace is sampled";
    }
    if (result == COVERAGE_NOT_ASKED && process->end_kind == TRACE_END_SIGNAL) {
        return "the process was killed";
    }
    if (result == COVERAGE_NOT_ASKED && process->end_kind == TRACE_END_EXEC) {
        return "the process went on as another program (exec)";
    }
    if (result == COVERAGE_NOT_ASKED && process->end_ns == 0) {
        return "the process was not seen to end";
    }
    return result < sizeof reasons / sizeof reasons[0] ? reasons[result] : "for a reason that a later version of seep has";
}

const char *coverage_allocator_name(const struct coverage *c) {
    return c->allocator == COVERAGE_GLIBC ? "glibc malloc" : c->allocator == COVERAGE_JEMALLOC ? "jemalloc" : NULL;
}
