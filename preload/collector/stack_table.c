/* stack_table.c - see stack_table.h. */
#include "stack_table.h"

#include <string.h>

enum {
    FIRST_ENTRIES = 1024,
    DEPTH_MAX = 1 << 20, /* no real stack is as deep: the tree has been overwritten */
};

void stack_ids_free(struct stack_ids *ids) {
    byte_buf_free(&ids->added);
    memory_unmap(ids->definitions, ids->cap * sizeof *ids->definitions);
    source_names_free(&ids->names);
    *ids = (struct stack_ids){0};
}

/* Define a stack. Returns its id. */
static uint32_t define(struct stack_ids *ids, struct encoder *encoder, uint32_t parent, uint64_t parent_ip, uint64_t ip) {
    uint32_t id = ++ids->n;
    encoder_define_stack(encoder, id, parent, parent_ip, ip);
    if (ids->are_kept) {
        if (id >= ids->cap) {
            uint32_t cap = ids->cap ? ids->cap * 2 : FIRST_ENTRIES;
            ids->definitions =
                memory_grow(ids->definitions, ids->cap * sizeof *ids->definitions, cap * sizeof *ids->definitions);
            ids->cap = cap;
        }
        ids->definitions[id] = (struct stack_definition){.ip = ip, .parent = parent};
    }
    return id;
}

void stack_table_init(struct stack_table *t, const struct ring_map *ring, struct stack_ids *ids) {
    uint64_t start = ring->header->shim_start, end = ring->header->shim_end;
    *t = (struct stack_table){.ids = ids,
                              .nodes = ring->nodes,
                              .cap_nodes = ring->cap_nodes,
                              .shim_start = start,
                              .shim_bytes = end > start ? end - start : 0};
    source_files_init(&t->files, ring, &ids->names);
}

void stack_table_free(struct stack_table *t) {
    memory_unmap(t->entries, t->cap_entries * sizeof *t->entries);
    byte_buf_free(&t->path);
    source_files_free(&t->files);
    *t = (struct stack_table){0};
}

/* Make room for the node; its ancestors have smaller ids. */
static void reserve(struct stack_table *t, uint32_t node) {
    size_t cap = t->cap_entries ? t->cap_entries : FIRST_ENTRIES;
    while (cap <= node) {
        cap *= 2;
    }
    if (cap > t->cap_entries) {
        cap = cap < UINT32_MAX ? cap : UINT32_MAX;
        t->entries = memory_grow(t->entries, t->cap_entries * sizeof *t->entries, cap * sizeof *t->entries);
        t->cap_entries = (uint32_t)cap;
    }
}

void stack_table_restore(struct stack_table *t, uint32_t node, uint32_t stack, uint64_t ip) {
    reserve(t, node);
    t->entries[node] = (struct stack_entry){.ip = ip, .stack = stack, .is_defined = 1};
}

/* A node and the copy of its content that the walk saw: the original may change under us. */
struct path_step {
    uint32_t node;
    uint32_t parent;
    uint64_t ip;
};

/* The root of the process's first epoch. */
static uint32_t define_first_root(struct stack_table *t, struct encoder *encoder) {
    if (t->process != 0 && t->first_root == 0) {
        t->first_root = define(t->ids, encoder, 0, 0, trace_root_ip(t->process, 0));
    }
    return t->first_root;
}

/* In the ring the root of an epoch is a node without parent whose ip is the epoch's number. */
static bool is_root(const struct path_step *step) {
    return step->parent == 0 && step->ip < RING_EPOCHS_MAX;
}

/* An ip is a return address. */
static bool is_in_shim(const struct stack_table *t, uint64_t ip) {
    return ip - 1 - t->shim_start < t->shim_bytes;
}

/* What the trace has for a node. */
static uint64_t ip_of(struct stack_table *t, const struct path_step *step) {
    return is_root(step)            ? trace_root_ip(t->process, (uint32_t)step->ip)
           : trace_is_tag(step->ip) ? source_files_translate(&t->files, step->ip)
                                    : step->ip;
}

uint32_t stack_table_define(struct stack_table *t, struct encoder *encoder, uint32_t node) {
    if (node == 0 || node >= t->cap_nodes) {
        return define_first_root(t, encoder);
    }
    reserve(t, node);
    t->path.n = 0;
    size_t depth = 0;
    uint32_t at = node;
    while (at != 0 && !t->entries[at].is_defined) {
        struct path_step step = {.node = at, .parent = t->nodes[at].parent, .ip = t->nodes[at].ip};
        bool is_called_from_tag = at != node && trace_is_tag(step.ip);
        if (step.parent >= at || ++depth > DEPTH_MAX || (step.parent == 0 && step.ip == 0) || is_called_from_tag) {
            return define_first_root(t, encoder);
        }
        byte_buf_append(&t->path, &step, sizeof step);
        at = step.parent;
    }
    const struct path_step *steps = (const struct path_step *)(const void *)t->path.bytes;
    uint32_t parent = 0;
    uint64_t parent_ip = 0;
    if (at != node && trace_is_tag(t->entries[at].ip)) {
        return define_first_root(t, encoder);
    }
    if (at) {
        parent = t->entries[at].stack;
        parent_ip = t->entries[at].ip;
    } else if (!is_root(&steps[depth - 1])) {
        parent = define_first_root(t, encoder);
        parent_ip = parent ? trace_root_ip(t->process, 0) : 0;
    }
    while (depth-- > 0) {
        const struct path_step *step = &steps[depth];
        bool is_left_out = is_in_shim(t, step->ip);
        uint64_t ip = is_left_out ? parent_ip : ip_of(t, step);
        uint32_t id = is_left_out ? parent : define(t->ids, encoder, parent, parent_ip, ip);
        t->entries[step->node] = (struct stack_entry){.ip = ip, .stack = id, .is_defined = 1};
        if (t->ids->is_kept) {
            struct stack_added added = {.ip = ip, .owner = t->owner, .node = step->node, .stack = id};
            memcpy(byte_buf_reserve(&t->ids->added, sizeof added), &added, sizeof added);
            t->ids->added.n += sizeof added;
        }
        parent = id;
        parent_ip = ip;
    }
    return parent;
}
