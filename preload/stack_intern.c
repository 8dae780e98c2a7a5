/* stack_intern.c - see stack_intern.h. */
#include "stack_intern.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "ring_file.h"
#include "sys.h"

enum { TABLE_BITS_FIRST = 12, TABLE_BITS_LAST = 26 };

struct table {
    uint32_t bits;
    _Atomic uint32_t n_used;
    _Atomic uint64_t entries[]; /* hash << 32 | id; 0 = free */
};

static _Atomic(struct table *) table; /* release by the thread that grew it, acquire by every lookup */
static _Atomic uint32_t is_growing;
_Atomic uint32_t stack_present_root;
static _Atomic uint32_t n_epochs = 1;

/* Two rounds of multiply and shift; constants of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
ALWAYS_INLINE uint64_t hash_of(uint32_t parent, uint64_t ip) {
    uint64_t h = (ip ^ (uint64_t)parent << 40) + parent;
    h = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    h = (h ^ h >> 27) * 0x94D049BB133111EBu;
    return h ^ h >> 31;
}

static size_t table_bytes(uint32_t bits) {
    return sizeof(struct table) + (sizeof(uint64_t) << bits);
}

static struct table *table_new(uint32_t bits) {
    struct table *made = sys_map_private(table_bytes(bits));
    if (made) {
        made->bits = bits;
    }
    return made;
}

int stack_intern_init(void) {
    struct table *first = table_new(TABLE_BITS_FIRST);
    atomic_store_explicit(&table, first, memory_order_release);
    return first ? 0 : -ENOMEM;
}

void stack_begin_child(void) {
    atomic_store(&is_growing, 0); /* the thread that did is not here */
}

/* Copy every entry of the full table into one of twice the size and put that in place. Only one thread does; the old table stays
 * mapped, since others may still be looking into it (all old ones together are as large as the new). */
static COLD void grow(struct table *old) {
    uint32_t free_to_take = 0;
    if (old->bits >= TABLE_BITS_LAST || !atomic_compare_exchange_strong(&is_growing, &free_to_take, 1)) {
        return;
    }
    struct table *bigger = atomic_load(&table) == old ? table_new(old->bits + 1) : NULL;
    if (bigger) {
        uint64_t mask = (1ull << bigger->bits) - 1;
        uint32_t n_used = 0;
        for (uint64_t i = 0; i < 1ull << old->bits; i++) {
            uint64_t entry = atomic_load_explicit(&old->entries[i], memory_order_acquire);
            if (!entry) {
                continue;
            }
            uint64_t at = (entry >> 32) & mask;
            while (atomic_load_explicit(&bigger->entries[at], memory_order_relaxed)) {
                at = (at + 1) & mask;
            }
            atomic_store_explicit(&bigger->entries[at], entry, memory_order_relaxed);
            n_used++;
        }
        atomic_store_explicit(&bigger->n_used, n_used, memory_order_relaxed);
        atomic_store_explicit(&table, bigger, memory_order_release);
    }
    atomic_store(&is_growing, 0);
}

/* Write a new node and enter it at or behind place `at`. */
static COLD uint32_t insert(struct table *in, uint32_t parent, uint64_t ip, uint32_t hash, uint64_t at) {
    uint64_t mask = (1ull << in->bits) - 1;
    uint32_t id = ring_node_take();
    if (!id) {
        return 0;
    }
    ring_nodes[id].ip = ip;
    __atomic_store_n(&ring_nodes[id].parent, parent, __ATOMIC_RELEASE);
    if (atomic_load_explicit(&in->n_used, memory_order_relaxed) > mask - (mask >> 3)) {
        grow(in);
        return id; /* whoever grows the table is late: the node is good, only not found again. Probing must still end */
    }
    for (;; at = (at + 1) & mask) {
        uint64_t seen = 0;
        if (atomic_compare_exchange_strong_explicit(&in->entries[at], &seen, (uint64_t)hash << 32 | id,
                                                    memory_order_acq_rel, memory_order_acquire)) {
            break;
        }
        const struct ring_node *node = &ring_nodes[(uint32_t)seen];
        if (seen >> 32 == hash && node->ip == ip && node->parent == parent) {
            return (uint32_t)seen; /* another thread was first; the node taken above stays unused */
        }
    }
    if (atomic_fetch_add_explicit(&in->n_used, 1, memory_order_relaxed) > mask / 2) {
        grow(in);
    }
    return id;
}

/* A new stack's nodes are made one after the other, so what was called from a node is often the node behind it: two of three times in
 * compilers, and then the node itself is all that has to be looked at. Returns 0 where it is not so. */
ALWAYS_INLINE uint32_t child_behind(uint32_t parent, uint64_t ip) {
    uint32_t guess = parent + 1;
    if (UNLIKELY(guess >= ring->nodes.cap)) {
        return 0;
    }
    const struct ring_node *node = &ring_nodes[guess];
    /* acquire: a node's parent is written last */
    return __atomic_load_n(&node->parent, __ATOMIC_ACQUIRE) == parent && node->ip == ip ? guess : 0;
}

uint32_t stack_child(uint32_t parent, uint64_t ip) {
    uint32_t behind = child_behind(parent, ip);
    if (behind) {
        return behind;
    }
    struct table *in = atomic_load_explicit(&table, memory_order_acquire);
    uint64_t mask = (1ull << in->bits) - 1;
    uint32_t hash = (uint32_t)hash_of(parent, ip);
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        uint64_t entry = atomic_load_explicit(&in->entries[at], memory_order_acquire);
        if (UNLIKELY(!entry)) {
            return insert(in, parent, ip, hash, at);
        }
        const struct ring_node *node = &ring_nodes[(uint32_t)entry];
        if (LIKELY(entry >> 32 == hash && node->ip == ip && node->parent == parent)) {
            return (uint32_t)entry;
        }
    }
}

uint32_t stack_intern(uint32_t base, const uint64_t *ip, uint32_t n) {
    uint32_t id = base;
    while (n > 0) {
        uint32_t child = stack_child(id, ip[--n]);
        if (UNLIKELY(!child)) {
            ring_count_lost(RING_LOST_STACKS, 1);
            return id;
        }
        id = child;
    }
    return id;
}

uint32_t stack_next_epoch(uint32_t *node) {
    uint32_t epoch = atomic_load(&n_epochs);
    while (epoch < RING_EPOCHS_MAX && !atomic_compare_exchange_weak(&n_epochs, &epoch, epoch + 1)) {
    }
    *node = epoch < RING_EPOCHS_MAX ? stack_child(0, epoch) : 0;
    return *node ? epoch : 0;
}

void stack_enter_epoch(uint32_t node) {
    atomic_store_explicit(&stack_present_root, node, memory_order_release);
}
