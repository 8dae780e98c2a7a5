/* forks.c - see forks.h. */
#include "forks.h"

#include <string.h>
#include <unistd.h>

#include "clock_scale.h"
#include "memory.h"

static uint64_t used_bytes; /* of all processes */

static uint64_t most_bytes(void) {
    enum { SHARE = 8 };
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / SHARE;
}

void forks_release(uint64_t memory_bytes) {
    used_bytes -= memory_bytes;
}

/* Keep of the window what is wanted, and let it go on for as long as somebody wants it. */
static void fit_window(struct forks *f) {
    uint32_t first = f->window.n;
    uint64_t until = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        first = f->copies[i].window_from < first ? f->copies[i].window_from : first;
        until = f->copies[i].until > until ? f->copies[i].until : until;
    }
    f->window.until = until;
    if (first >= f->window.n / 2) {
        fork_window_drop(&f->window, first);
        for (uint32_t i = 0; i < f->n; i++) {
            f->copies[i].window_from -= first;
        }
    }
}

static void drop(struct forks *f, uint32_t i) {
    live_map_free(&f->copies[i].live);
    forks_release(f->copies[i].memory_bytes);
    memmove(&f->copies[i], &f->copies[i + 1], (--f->n - i) * sizeof *f->copies);
    fit_window(f);
}

void forks_free(struct forks *f) {
    while (f->n > 0) {
        drop(f, f->n - 1);
    }
    fork_window_free(&f->window);
    memory_unmap(f->copies, FORKS_MAX * sizeof *f->copies);
    memory_unmap(f->promised, f->cap_promised * sizeof *f->promised);
    *f = (struct forks){0};
}

static uint32_t find(const struct forks *f, uint32_t serial) {
    uint32_t i = 0;
    while (i < f->n && f->copies[i].serial != serial) {
        i++;
    }
    return i;
}

uint64_t forks_until(const struct forks *f, uint32_t serial) {
    uint32_t i = find(f, serial);
    return i < f->n ? f->copies[i].until : UINT64_MAX;
}

static uint32_t find_promise(const struct forks *f, uint32_t serial) {
    uint32_t i = 0;
    while (i < f->n_promised && f->promised[i].serial != serial) {
        i++;
    }
    return i;
}

bool forks_are_promised(const struct forks *f, uint32_t serial) {
    return find_promise(f, serial) < f->n_promised;
}

/* What is to be kept for a copy, as far as is known. */
static void set_until(struct forks *f, struct fork_copy *copy) {
    uint32_t i = find_promise(f, copy->serial);
    uint64_t cut = i < f->n_promised ? f->promised[i].cut : UINT64_MAX;
    copy->until = cut > copy->mark ? cut : copy->mark;
    fit_window(f);
}

void forks_promise(struct forks *f, uint32_t serial, uint64_t cut) {
    if (f->n_promised == f->cap_promised) {
        uint32_t cap = f->cap_promised ? f->cap_promised * 2 : 1024;
        f->promised = memory_grow(f->promised, f->cap_promised * sizeof *f->promised, cap * sizeof *f->promised);
        f->cap_promised = cap;
    }
    f->promised[f->n_promised++] = (struct promise){serial, cut};
    uint32_t i = find(f, serial);
    if (i < f->n) {
        set_until(f, &f->copies[i]);
    }
}

static void forget_promise(struct forks *f, uint32_t serial) {
    uint32_t i = find_promise(f, serial);
    if (i < f->n_promised) {
        f->promised[i] = f->promised[--f->n_promised];
    }
}

struct sum {
    const uint64_t *sizes;
    uint64_t blocks, bytes;
};

static void add_inherited(void *context, struct live_block *block) {
    struct sum *sum = context;
    block->birth_ms = FORKS_BIRTH_INHERITED;
    sum->blocks++;
    sum->bytes += sum->sizes[block->info];
}

static struct fork_copy *new_copy(struct forks *f, uint32_t serial) {
    if (!f->copies) {
        f->copies = memory_map(FORKS_MAX * sizeof *f->copies);
    }
    if (f->n == FORKS_MAX) {
        drop(f, 0);
    }
    struct fork_copy *copy = &f->copies[f->n++];
    *copy = (struct fork_copy){.serial = serial, .window_from = f->window.n, .made_ns = clock_mono_ns()};
    return copy;
}

struct fork_copy *forks_add_empty(struct forks *f, uint32_t serial) {
    struct fork_copy *copy = new_copy(f, serial);
    live_map_init(&copy->live, true);
    return copy;
}

struct fork_copy *forks_find(const struct forks *f, uint32_t serial) {
    uint32_t i = find(f, serial);
    return i < f->n ? &f->copies[i] : NULL;
}

bool forks_add(struct forks *f, uint32_t serial, uint64_t mark, const struct live_map *live, const uint64_t *sizes) {
    uint64_t memory_bytes = live_map_memory(live);
    if (used_bytes + memory_bytes > most_bytes()) {
        return false;
    }
    used_bytes += memory_bytes;
    struct fork_copy *copy = new_copy(f, serial);
    struct sum sum = {.sizes = sizes};
    copy->mark = mark;
    copy->memory_bytes = memory_bytes;
    live_map_copy(&copy->live, live);
    live_map_each_place(&copy->live, add_inherited, &sum);
    copy->blocks = sum.blocks;
    copy->bytes = sum.bytes;
    set_until(f, copy);
    return true;
}

static void account(struct fork_copy *copy, struct live_block block, const uint64_t *sizes, uint64_t sign) {
    if (block.info != 0) {
        copy->blocks += sign;
        copy->bytes += sign * sizes[block.info];
    }
}

/* Have the copy be what was alive when the memory was copied. */
static void bring_to_cuts(struct fork_copy *copy, const struct fork_window *w, const struct fork_cuts *cuts,
                          const uint64_t *sizes) {
    for (uint32_t i = copy->window_from; i < w->n; i++) {
        const struct window_event *e = &w->events[i];
        if (fork_cuts_include(cuts, e, copy->mark)) {
            struct live_block now = {e->block.info, FORKS_BIRTH_INHERITED};
            struct live_block before = now.info == 0
                                           ? live_map_take(&copy->live, e->address)
                                           : live_map_put(&copy->live, e->address, e->is_large ? LIVE_LARGE_BYTES : 0, now);
            account(copy, before, sizes, -1ull);
            account(copy, now, sizes, 1);
        }
    }
}

void forks_take(struct forks *f, uint32_t serial, const struct fork_cuts *cuts, const uint64_t *sizes,
                struct journal_ops *ops, struct fork_copy *copy) {
    uint32_t i = find(f, serial);
    f->copies[i].live.ops = ops;
    bring_to_cuts(&f->copies[i], &f->window, cuts, sizes);
    f->copies[i].is_short = fork_window_lacks(&f->window, f->copies[i].mark, f->copies[i].until);
    *copy = f->copies[i];
    f->copies[i].live = (struct live_map){0};
    f->copies[i].memory_bytes = 0;
    drop(f, i);
    forget_promise(f, serial);
}

void forks_drop_others(struct forks *f, bool (*is_expected)(void *context, uint32_t serial), void *context) {
    for (uint32_t i = f->n; i-- > 0;) {
        if (!forks_are_promised(f, f->copies[i].serial) && !is_expected(context, f->copies[i].serial)) {
            drop(f, i);
        }
    }
}

void forks_expire(struct forks *f, uint64_t age_ns) {
    uint64_t now_ns = clock_mono_ns();
    while (f->n > 0 && now_ns - f->copies[0].made_ns > age_ns) {
        drop(f, 0);
    }
}
