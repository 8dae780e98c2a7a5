/* joins.c - see joins.h. */
#include "joins.h"

#include <string.h>

#include "clock_scale.h"
#include "process_watch.h"

static void add(struct joins *j, uint32_t place) {
    j->is_pending[place / JOINS_BITS] |= 1ull << place % JOINS_BITS;
    j->pending[j->n_pending++] = (struct pending_join){.place = place, .since_ns = clock_mono_ns()};
}

static bool is_pending(const struct joins *j, uint32_t place) {
    return j->is_pending[place / JOINS_BITS] >> place % JOINS_BITS & 1;
}

static void forget(struct joins *j, uint32_t i) {
    uint32_t place = j->pending[i].place;
    j->is_pending[place / JOINS_BITS] &= ~(1ull << place % JOINS_BITS);
    memmove(&j->pending[i], &j->pending[i + 1], (--j->n_pending - i) * sizeof *j->pending);
}

void joins_refresh(struct joins *j, const struct ring_map *ring) {
    uint32_t n = atomic_load_explicit(&ring->header->next_join, memory_order_acquire);
    if (n - j->seen > ring->cap_joins) {
        j->seen = n - ring->cap_joins; /* all places, once */
    }
    for (; j->seen != n; j->seen++) {
        uint32_t place = j->seen % ring->cap_joins;
        if (!is_pending(j, place)) {
            add(j, place);
        }
    }
}

bool joins_take(struct joins *j, const struct ring_map *ring, struct ring_join *join, uint32_t *place_taken) {
    for (uint32_t i = 0; i < j->n_pending;) {
        struct ring_join *place = &ring->joins[j->pending[i].place];
        uint32_t state = atomic_load_explicit(&place->state, memory_order_acquire);
        if (state != RING_JOIN_READY && state != RING_JOIN_FAILED) {
            i++;
            continue;
        }
        *place_taken = j->pending[i].place;
        forget(j, i);
        memcpy(join, place, sizeof *join);
        atomic_store_explicit(&join->state, state, memory_order_relaxed);
        return true;
    }
    return false;
}

void joins_release(const struct ring_map *ring, uint32_t place) {
    atomic_store_explicit(&ring->joins[place].child, 0, memory_order_relaxed);
    atomic_store_explicit(&ring->joins[place].state, RING_JOIN_FREE, memory_order_release);
}

void joins_find(struct joins *j, const struct ring_map *ring) {
    uint32_t n = atomic_load_explicit(&ring->header->next_join, memory_order_acquire);
    uint32_t n_used = n < ring->cap_joins ? n : ring->cap_joins;
    *j = (struct joins){.seen = n};
    for (uint32_t i = 0; i < n_used; i++) {
        if (atomic_load_explicit(&ring->joins[i].state, memory_order_acquire) != RING_JOIN_FREE) {
            add(j, i);
        }
    }
}

void joins_forget_claimed(struct joins *j, const struct ring_map *ring) {
    for (uint32_t i = j->n_pending; i-- > 0;) {
        uint32_t state = atomic_load_explicit(&ring->joins[j->pending[i].place].state, memory_order_acquire);
        if (state == RING_JOIN_CLAIMED || state == RING_JOIN_FREE) {
            forget(j, i);
        }
    }
}

bool joins_are_claimed(struct joins *j, const struct ring_map *ring, uint32_t fork_serial) {
    joins_refresh(j, ring);
    for (uint32_t i = 0; i < j->n_pending; i++) {
        const struct ring_join *place = &ring->joins[j->pending[i].place];
        uint32_t state = atomic_load_explicit(&place->state, memory_order_acquire);
        if (place->fork_serial == fork_serial && (state == RING_JOIN_CLAIMED || state == RING_JOIN_READY)) {
            return true;
        }
    }
    return false;
}

/* Whether the child that is to fill the place is known to be dead. It may have filled it before it died. */
static bool is_child_dead(const struct ring_join *place) {
    uint32_t pid = (uint32_t)atomic_load_explicit(&place->child, memory_order_acquire);
    struct process_watch watch;
    if (pid == 0) {
        return false;
    }
    process_watch_open(&watch, pid);
    bool is_alive = process_watch_is_alive(&watch);
    process_watch_close(&watch);
    return !is_alive;
}

/* Take a place back that nobody has filled. Returns false if somebody has. */
static bool take_back(struct ring_join *place) {
    uint32_t claimed = RING_JOIN_CLAIMED;
    uint64_t child = atomic_exchange_explicit(&place->child, 0, memory_order_relaxed);
    if (atomic_compare_exchange_strong(&place->state, &claimed, RING_JOIN_FREE)) {
        return true;
    }
    atomic_store_explicit(&place->child, child, memory_order_relaxed);
    return false;
}

bool joins_are_expected(struct joins *j, const struct ring_map *ring, uint64_t age_ns) {
    bool is_expected = false;
    joins_refresh(j, ring);
    uint64_t now_ns = clock_mono_ns();
    for (uint32_t i = 0; i < j->n_pending;) {
        struct ring_join *place = &ring->joins[j->pending[i].place];
        uint32_t state = atomic_load_explicit(&place->state, memory_order_acquire);
        bool is_over = now_ns - j->pending[i].since_ns >= age_ns;
        if (state == RING_JOIN_FREE && is_over) {
            forget(j, i);
        } else if (state == RING_JOIN_CLAIMED && (is_over || is_child_dead(place)) && take_back(place)) {
            forget(j, i);
            ring_map_count_lost(ring, RING_LOST_UNTRACED_FORKS, 1);
        } else {
            is_expected = true;
            i++;
        }
    }
    return is_expected;
}
