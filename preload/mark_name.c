/* mark_name.c - see mark_name.h. */
#include "mark_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arch.h"
#include "clock.h"
#include "quiet.h"
#include "ring_file.h"
#include "sys.h"

enum { PLACES = 256, LOG_SHARE = 4 };

/* By hash: a name's place in the log, as it was used last. */
static _Atomic uint32_t places[PLACES];

static _Atomic uint32_t n_units_used;

void mark_names_begin_child(void) {
    for (uint32_t i = 0; i < PLACES; i++) {
        atomic_store_explicit(&places[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&n_units_used, 0, memory_order_relaxed);
}

uint32_t mark_name_copy(char *to, const char *name) {
    uint32_t n = 0;
    if (!name) {
        return 0;
    }
    for (; n < RING_MARK_NAME_MAX; n++) {
        uint64_t at = (uint64_t)(name + n);
        bool is_new_page = n == 0 || at % ARCH_PAGE_BYTES == 0;
        if ((is_new_page && !quiet_is_on && !sys_is_readable(at & ~7ull)) || name[n] == '\0') {
            break;
        }
        to[n] = name[n];
    }
    return n;
}

static bool is_there(uint32_t place, const char *name, uint32_t n) {
    uint32_t n_units = atomic_load_explicit(&ring->n_log_units, memory_order_relaxed);
    if (place == 0 || place > n_units || n_units > ring->log.cap) {
        return false;
    }
    const struct ring_log_record *record =
        (const struct ring_log_record *)((char *)ring + ring->log.off + (uint64_t)(place - 1) * RING_LOG_UNIT_BYTES);
    /* acquire: pairs with the release in ring_log_append() */
    return atomic_load_explicit(&record->commit, memory_order_acquire) == RING_LOG_COMMITTED &&
           record->type == RING_LOG_MARK && record->payload_bytes == n && memcmp(record->payload, name, n) == 0;
}

static uint32_t append(const char *name, uint32_t n) {
    uint32_t n_units = (uint32_t)(sizeof(struct ring_log_record) + n + RING_LOG_UNIT_BYTES - 1) / RING_LOG_UNIT_BYTES;
    if (atomic_fetch_add_explicit(&n_units_used, n_units, memory_order_relaxed) + n_units > ring->log.cap / LOG_SHARE) {
        atomic_fetch_sub_explicit(&n_units_used, n_units, memory_order_relaxed);
        return 0;
    }
    return ring_log_append(RING_LOG_MARK, clock_before(), name, n, NULL, 0);
}

uint32_t mark_name_place(const char *name, uint32_t n) {
    uint32_t hash = 0x811c9dc5u;
    for (uint32_t i = 0; i < n; i++) {
        hash = (hash ^ (unsigned char)name[i]) * 0x01000193u; /* FNV-1a (Fowler, Noll, Vo) */
    }
    _Atomic uint32_t *slot = &places[hash % PLACES];
    uint32_t place = atomic_load_explicit(slot, memory_order_relaxed);
    if (n == 0) {
        return 0;
    }
    if (!is_there(place, name, n)) {
        place = append(name, n);
        if (place) {
            atomic_store_explicit(slot, place, memory_order_relaxed);
        } else {
            ring_count_lost(RING_LOST_MARK_NAMES, 1);
        }
    }
    return place;
}
