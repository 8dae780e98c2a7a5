/* stack_table.c - see stack_table.h. */
#include "stack_table.h"

enum {
    FIRST_ENTRIES = 1024,
    DEPTH_MAX = 1 << 20, /* no real stack is as deep: the tree has been overwritten */
};

void stack_table_init(struct stack_table *t, const struct ring_map *ring) {
    *t = (struct stack_table){.nodes = ring->nodes, .cap_nodes = ring->cap_nodes};
}

void stack_table_free(struct stack_table *t) {
    memory_unmap(t->entries, t->cap_entries * sizeof *t->entries);
    byte_buf_free(&t->path);
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

/* A node and the copy of its content that the walk saw: the original may change under us. */
struct path_step {
    uint32_t node;
    uint32_t parent;
    uint64_t ip;
};

uint32_t stack_table_define(struct stack_table *t, struct encoder *encoder, uint32_t node) {
    if (node == 0 || node >= t->cap_nodes) {
        return 0;
    }
    reserve(t, node);
    t->path.n = 0;
    size_t depth = 0;
    uint32_t at = node;
    while (at != 0 && !t->entries[at].is_defined) {
        struct path_step step = {.node = at, .parent = t->nodes[at].parent, .ip = t->nodes[at].ip};
        if (step.parent >= at || ++depth > DEPTH_MAX || (step.parent == 0 && step.ip == 0)) {
            return 0;
        }
        byte_buf_append(&t->path, &step, sizeof step);
        at = step.parent;
    }
    uint32_t parent = at ? t->entries[at].stack : 0;
    uint64_t parent_ip = at ? t->entries[at].ip : 0;
    const struct path_step *steps = (const struct path_step *)(const void *)t->path.bytes;
    while (depth-- > 0) {
        uint32_t id = ++t->n;
        encoder_define_stack(encoder, id, parent, parent_ip, steps[depth].ip);
        t->entries[steps[depth].node] = (struct stack_entry){.ip = steps[depth].ip, .stack = id, .is_defined = 1};
        parent = id;
        parent_ip = steps[depth].ip;
    }
    return parent;
}
