/* stack_table.h - give the ring's tree nodes their stack ids of the trace, on first use.
 *
 * The ring numbers nodes as hooks of all threads found them; many are ancestors that no event names. The trace numbers
 * only what is needed, parents first, below a root of each process's own. The node array belongs to the traced process: ids out of range and parents that are
 * not smaller than their child (the contract, and what makes every walk end) lead to stack 0, the unknown. Tags get the trace's numbers of files; frames of
 * libseep.so itself, which stand between OpenSSL and functions of the program's, are left out.
 */
#ifndef SEEP_COLLECTOR_STACK_TABLE_H
#define SEEP_COLLECTOR_STACK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encoder.h"
#include "ring_map.h"
#include "source_files.h"

/* What the trace was told of a node. */
struct stack_entry {
    uint64_t ip;
    uint32_t stack;
    uint32_t is_defined;
};

/* A stack as it was defined. */
struct stack_definition {
    uint64_t ip;
    uint32_t parent;
};

/* A stack, for the journal. */
struct stack_added {
    uint64_t ip;
    uint32_t owner; /* of the table that it is in */
    uint32_t node, stack;
    uint32_t unused;
};

/* The stacks of all processes. */
struct stack_ids {
    uint32_t n;                           /* defined */
    bool are_kept;                        /* set before the first: definitions are wanted once more, see fold.h */
    struct stack_definition *definitions; /* by id, 16 bytes each; 0 is the root */
    uint32_t cap;
    struct source_names names; /* that tags refer to */
    struct byte_buf added;     /* struct stack_added of the latest ones, where they are kept */
    bool is_kept;
};

struct stack_table {
    struct stack_ids *ids;
    uint32_t owner;      /* id of the target */
    uint32_t process;    /* index, to be set before the first use */
    uint32_t first_root; /* stack id of the root of epoch 0; 0 = not defined, or process 0's */
    const struct ring_node *nodes;
    uint32_t cap_nodes;
    uint64_t shim_start, shim_bytes; /* frames in there are left out */
    struct source_files files;
    struct stack_entry *entries; /* by node */
    uint32_t cap_entries;
    struct byte_buf path; /* nodes to define, leaf first */
};

void stack_ids_free(struct stack_ids *ids);

void stack_table_init(struct stack_table *t, const struct ring_map *ring, struct stack_ids *ids);
void stack_table_free(struct stack_table *t);

/* The node has been defined already, as that stack with that ip: what another collector had told the trace. node < cap_nodes */
void stack_table_restore(struct stack_table *t, uint32_t node, uint32_t stack, uint64_t ip);

/* The stack id of a node; it and its ancestors are defined in the encoder's block where they are new. */
uint32_t stack_table_define(struct stack_table *t, struct encoder *encoder, uint32_t node);

#endif
