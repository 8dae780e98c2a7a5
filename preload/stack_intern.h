/* stack_intern.h - give each distinct call stack a small id, once.
 *
 * capture -> [stack_intern] -> event_buf
 *
 * A stack is a node of the call tree in the ring: (parent, ip) -> id. The nodes are shared with the collector; the table that
 * finds them is private: open addressing, entries of {32 bits of hash, id}, so that a lookup touches a node only where the
 * hash agrees and growing touches none. It doubles at half load; a table made larger from the start cost cc1 10 % in page faults.
 * Growing happens beside the others: one thread copies, the rest go on with the old table, and what they add meanwhile may get
 * a second id later. That is harmless: the collector knows stacks by content.
 */
#ifndef SEEP_STACK_INTERN_H
#define SEEP_STACK_INTERN_H

#include <stdatomic.h>
#include <stdint.h>

#include "attributes.h"

/* What a thread has looked up before. The table is as large as the tree and a look-up misses the caches twice; but a program
 * that allocates goes through a few thousand steps of its tree again and again, and 16 bytes for each of these fit the second-level cache.
 * Nodes never change, so nothing here goes stale. */
enum { STACK_MEMO_BITS = 12 };

struct stack_memo_entry {
    uint64_t ip;
    uint32_t parent;
    uint32_t child; /* 0 = empty */
};

struct stack_memo {
    struct stack_memo_entry entries[1 << STACK_MEMO_BITS];
};

/* Make the first table. Returns 0 or a negative error. Context: once, at the start. */
MUST_CHECK int stack_intern_init(void);

/* In a fork child, whose ring has the nodes of its parent's. Context: no other thread */
void stack_begin_child(void);

/* The stack that every stack of the present epoch grows from. */
extern HIDDEN _Atomic uint32_t stack_present_root;
ALWAYS_INLINE uint32_t stack_root(void) {
    return atomic_load_explicit(&stack_present_root, memory_order_acquire);
}

/* Prepare a root for stacks whose addresses may mean something else than before. Stores its node id.
 * Returns the epoch's number, or 0 if there can be no more. */
uint32_t stack_next_epoch(uint32_t *node);

/* Start stacks there from now on; the epoch has been logged. */
void stack_enter_epoch(uint32_t node);

/* Return the id of ip called from `parent`, adding it if it is new.
 *
 * Returns  the id, or 0 if the tree is full
 * Memory   16 bytes of the ring on first sight, never given back
 * Context  any thread, inside malloc, async-signal-safe: no lock, no libc call
 */
MUST_CHECK uint32_t stack_child(uint32_t parent, uint64_t ip);

/* The same, from the memo if it is there. Context: the memo's own thread. */
ALWAYS_INLINE uint32_t stack_child_memo(struct stack_memo *memo, uint32_t parent, uint64_t ip) {
    /* 2^64 / golden ratio spreads the addresses; the parent is only added, because the chain from parent to child is what takes time. */
    uint64_t at = ((ip * 0x9E3779B97F4A7C15u >> (64 - STACK_MEMO_BITS)) + parent) & ((1u << STACK_MEMO_BITS) - 1);
    struct stack_memo_entry *entry = &memo->entries[at];
    if (UNLIKELY(entry->ip != ip || entry->parent != parent || entry->child == 0)) {
        uint32_t child = stack_child(parent, ip);
        entry->child = 0; /* a signal handler may jump out of here, and half an entry must not be believed */
        atomic_signal_fence(memory_order_seq_cst);
        entry->ip = ip;
        entry->parent = parent;
        atomic_signal_fence(memory_order_seq_cst);
        entry->child = child;
    }
    return entry->child;
}

/* The id of the whole stack ip[0..n), innermost first, on top of `base`; what cannot be added is left out and counted. */
uint32_t stack_intern(uint32_t base, const uint64_t *ip, uint32_t n);

#endif
