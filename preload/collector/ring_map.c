/* ring_map.c - see ring_map.h. */
#include "ring_map.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { PAGE_BYTES_MIN = 4096 };

/* Is the region made of units of the expected size, page aligned and wholly behind the header and inside the file? */
static bool is_region_ok(const struct ring_region *r, uint32_t unit_bytes, uint64_t file_bytes) {
    return r->unit_bytes == unit_bytes && r->cap != 0 && r->off >= PAGE_BYTES_MIN && r->off % PAGE_BYTES_MIN == 0 &&
           r->off <= file_bytes && (file_bytes - r->off) / unit_bytes >= r->cap;
}

static const char *header_check(const struct ring_header *h, uint64_t file_bytes) {
    if (memcmp(h->magic, RING_MAGIC, sizeof h->magic) != 0) {
        return "not a seep ring";
    }
    if (h->version != RING_VERSION) {
        return "a ring of another version of seep";
    }
    if (h->file_bytes > file_bytes) {
        return "a ring cut short";
    }
    if (!is_region_ok(&h->joins, sizeof(struct ring_join), h->file_bytes) ||
        !is_region_ok(&h->runs, sizeof(struct ring_run), h->file_bytes) ||
        !is_region_ok(&h->slots, sizeof(struct ring_slot), h->file_bytes) ||
        !is_region_ok(&h->log, RING_LOG_UNIT_BYTES, h->file_bytes) ||
        !is_region_ok(&h->nodes, sizeof(struct ring_node), h->file_bytes) ||
        !is_region_ok(&h->chunks, sizeof(struct ring_chunk), h->file_bytes)) {
        return "a damaged ring";
    }
    return NULL;
}

static void regions_take(struct ring_map *ring, uint8_t *base, const struct ring_header *h) {
    ring->joins = (struct ring_join *)(base + h->joins.off);
    ring->runs = (struct ring_run *)(base + h->runs.off);
    ring->slots = (struct ring_slot *)(base + h->slots.off);
    ring->log = base + h->log.off;
    ring->nodes = (const struct ring_node *)(base + h->nodes.off);
    ring->chunks = (struct ring_chunk *)(base + h->chunks.off);
    ring->cap_joins = h->joins.cap < RING_JOINS ? h->joins.cap : RING_JOINS;
    ring->cap_runs = h->runs.cap < RING_RUNS ? h->runs.cap : RING_RUNS;
    ring->cap_slots = h->slots.cap;
    ring->cap_log = h->log.cap;
    ring->cap_nodes = h->nodes.cap;
    ring->cap_chunks = h->chunks.cap;
    ring->start_stamp = h->start_stamp;
    ring->start_mono_ns = h->start_mono_ns;
    ring->start_real_ns = h->start_real_ns;
    ring->pid = h->pid;
    ring->is_clock_tsc = h->is_clock_tsc != 0;
    ring->is_quiet = h->is_quiet != 0;
}

const char *ring_map_attach(struct ring_map *ring, int fd) {
    *ring = (struct ring_map){0};
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return "not a regular file";
    }
    if ((uint64_t)st.st_size < sizeof(struct ring_header)) {
        return "not a seep ring";
    }
    size_t bytes = (size_t)st.st_size;
    uint8_t *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        return "cannot be mapped";
    }
    madvise(base, bytes,
            MADV_RANDOM); /* holes beside what is there would be read ahead: half a megabyte to be zeroed for each */
    /* Regions are checked in and taken from a copy: the original may change between the two. */
    struct ring_header copy;
    memcpy(&copy, base, sizeof copy);
    const char *error = header_check(&copy, bytes);
    if (error) {
        munmap(base, bytes);
        return error;
    }
    regions_take(ring, base, &copy);
    ring->header = (struct ring_header *)base;
    ring->mapped_bytes = bytes;
    return NULL;
}

void ring_map_detach(struct ring_map *ring) {
    if (ring->header) {
        munmap(ring->header, ring->mapped_bytes);
    }
    *ring = (struct ring_map){0};
}

void ring_map_set_clock(const struct ring_map *ring, uint64_t stamp) {
    _Atomic uint64_t *clock = &ring->header->recent_stamp;
    uint64_t seen = atomic_load_explicit(clock, memory_order_relaxed);
    while (seen < stamp && !atomic_compare_exchange_weak(clock, &seen, stamp)) {
    }
}

void ring_map_count_lost(const struct ring_map *ring, enum ring_lost kind, uint64_t n) {
    atomic_fetch_add_explicit(&ring->header->lost[kind], n, memory_order_relaxed);
}
