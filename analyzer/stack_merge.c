/* stack_merge.c - see stack_merge.h. */
#include "stack_merge.h"

#include <stdlib.h>
#include <string.h>

#include "diag.h"
#include "hash_mix.h"
#include "trace_format.h"

/* A hash: index + 1 of whatever is entered. */
struct table {
    uint32_t *slots;
    size_t mask;
};

static struct table table_for(size_t n) {
    size_t cap = 1024;
    while (cap < n * 2) {
        cap *= 2;
    }
    return (struct table){.slots = xcalloc(cap, sizeof(uint32_t)), .mask = cap - 1};
}

static bool is_same_file(const struct module *a, const struct module *b) {
    return a->build_id_bytes == b->build_id_bytes && memcmp(a->build_id, b->build_id, a->build_id_bytes) == 0 &&
           strcmp(a->path, b->path) == 0;
}

/* For each module the first of the same file. */
static uint32_t *find_files(const struct profile *p) {
    uint32_t *files = xcalloc(p->n_modules, sizeof *files);
    struct table table = table_for(p->n_modules);
    for (uint32_t i = 0; i < p->n_modules; i++) {
        uint64_t hash = p->modules[i].build_id_bytes;
        for (const char *c = p->modules[i].path; *c; c++) {
            hash = hash_mix(hash, (unsigned char)*c);
        }
        size_t slot = hash & table.mask;
        while (table.slots[slot] && !is_same_file(&p->modules[table.slots[slot] - 1], &p->modules[i])) {
            slot = (slot + 1) & table.mask;
        }
        table.slots[slot] = table.slots[slot] ? table.slots[slot] : i + 1;
        files[i] = table.slots[slot] - 1;
    }
    free(table.slots);
    return files;
}

/* What makes a stack the same as another. */
struct key {
    uint64_t place;  /* address in the file, or the ip where no file is known */
    uint32_t file;   /* index + 1 */
    uint32_t parent; /* the first that is the same as its parent */
};

static struct key key_of(const struct profile *p, const uint32_t *files, const uint32_t *same, uint32_t i) {
    const struct stack *s = &p->stacks[i];
    uint32_t parent = s->parent < i ? same[s->parent] : 0;
    if (s->module) {
        return (struct key){
            .place = s->ip - p->modules[s->module - 1].bias, .file = files[s->module - 1] + 1, .parent = parent};
    }
    return (struct key){.place = s->ip, .parent = parent};
}

static bool has_roots(const struct profile *p) {
    for (size_t i = 1; i < p->n_stacks; i++) {
        if (trace_is_root(p->stacks[i].ip)) {
            return true;
        }
    }
    return false;
}

uint32_t *stack_merge(const struct profile *p) {
    if (!has_roots(p)) {
        return NULL;
    }
    uint32_t *same = xcalloc(p->n_stacks, sizeof *same), *files = find_files(p);
    struct key *keys = xcalloc(p->n_stacks, sizeof *keys);
    struct table table = table_for(p->n_stacks);
    for (uint32_t i = 1; i < p->n_stacks; i++) {
        if (trace_is_root(p->stacks[i].ip)) {
            continue; /* as stack 0 */
        }
        keys[i] = key_of(p, files, same, i);
        size_t slot = hash_mix(hash_mix(keys[i].place, keys[i].file), keys[i].parent) & table.mask;
        while (table.slots[slot] && memcmp(&keys[table.slots[slot] - 1], &keys[i], sizeof keys[i]) != 0) {
            slot = (slot + 1) & table.mask;
        }
        table.slots[slot] = table.slots[slot] ? table.slots[slot] : i + 1;
        same[i] = table.slots[slot] - 1;
    }
    free(table.slots);
    free(keys);
    free(files);
    return same;
}
