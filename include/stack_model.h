/* stack_model.h - how new stacks become bytes; the counterpart of token_model.h for the call tree.
 *
 * Stack ids are dense, parents come before children. For each new stack one code byte:
 *     bits 0-1   ip: 0, 1 = one of the two ips last seen below the parent's ip, 2 = literal: zigzag of the difference to the
 *                previous literal ip
 *     bit 2      set: the parent is the stack defined just before; clear: literal: id - parent (>= 1; parent may be 0)
 * Literals (parent's first) are varints of the column behind. The table restarts at a checkpoint; so does the last literal.
 */
#ifndef SEEP_STACK_MODEL_H
#define SEEP_STACK_MODEL_H

#include <stdint.h>

#include "attributes.h"

enum {
    STACK_TABLE_BITS = 14,
    STACK_TABLE_BYTES = 16 << STACK_TABLE_BITS,
    STACK_IP_LITERAL = 2,
    STACK_PARENT_IS_PREVIOUS = 4,
};

/* The pair of ips last seen below a parent's ip (0 for a root). Multiplier: 2^64 / golden ratio (Knuth, TAOCP 3, 6.4). */
ALWAYS_INLINE uint64_t *stack_pair(uint64_t *table, uint64_t parent_ip) {
    return &table[((parent_ip * 0x9E3779B97F4A7C15u) >> (64 - STACK_TABLE_BITS)) * 2];
}

/* Move ip to the front of its pair, as both sides do after every stack. */
ALWAYS_INLINE void stack_learn(uint64_t *pair, uint64_t ip) {
    if (pair[0] != ip) {
        pair[1] = pair[0];
        pair[0] = ip;
    }
}

#endif
