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

static void drop(struct forks *f, uint32_t i) {
    live_map_free(&f->copies[i].live);
    forks_release(f->copies[i].memory_bytes);
    memmove(&f->copies[i], &f->copies[i + 1], (--f->n - i) * sizeof *f->copies);
}

void forks_free(struct forks *f) {
    while (f->n > 0) {
        drop(f, f->n - 1);
    }
    memory_unmap(f->copies, FORKS_MAX * sizeof *f->copies);
    memory_unmap(f->promised, f->cap_promised * sizeof *f->promised);
    *f = (struct forks){0};
}

void forks_promise(struct forks *f, uint32_t serial) {
    if (f->n_promised == f->cap_promised) {
        uint32_t cap = f->cap_promised ? f->cap_promised * 2 : 1024;
        f->promised = memory_grow(f->promised, f->cap_promised * sizeof *f->promised, cap * sizeof *f->promised);
        f->cap_promised = cap;
    }
    f->promised[f->n_promised++] = serial;
}

bool forks_are_promised(const struct forks *f, uint32_t serial) {
    for (uint32_t i = 0; i < f->n_promised; i++) {
        if (f->promised[i] == serial) {
            return true;
        }
    }
    return false;
}

static void forget_promise(struct forks *f, uint32_t serial) {
    for (uint32_t i = 0; i < f->n_promised; i++) {
        if (f->promised[i] == serial) {
            f->promised[i] = f->promised[--f->n_promised];
            return;
        }
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

void forks_add(struct forks *f, uint32_t serial, const struct live_map *live, const uint64_t *sizes) {
    if (!f->copies) {
        f->copies = memory_map(FORKS_MAX * sizeof *f->copies);
    }
    uint64_t memory_bytes = live_map_memory(live);
    if (used_bytes + memory_bytes > most_bytes()) {
        return;
    }
    used_bytes += memory_bytes;
    if (f->n == FORKS_MAX) {
        drop(f, 0);
    }
    struct fork_copy *copy = &f->copies[f->n++];
    struct sum sum = {.sizes = sizes};
    *copy = (struct fork_copy){.serial = serial, .made_ns = clock_mono_ns(), .memory_bytes = memory_bytes};
    live_map_copy(&copy->live, live);
    live_map_each_place(&copy->live, add_inherited, &sum);
    copy->blocks = sum.blocks;
    copy->bytes = sum.bytes;
}

bool forks_take(struct forks *f, uint32_t serial, struct fork_copy *copy) {
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->copies[i].serial == serial) {
            *copy = f->copies[i];
            f->copies[i].live = (struct live_map){0};
            f->copies[i].memory_bytes = 0;
            drop(f, i);
            forget_promise(f, serial);
            return true;
        }
    }
    return false;
}

void forks_expire(struct forks *f, uint64_t age_ns) {
    uint64_t now_ns = clock_mono_ns();
    while (f->n > 0 && now_ns - f->copies[0].made_ns > age_ns) {
        drop(f, 0);
    }
}
