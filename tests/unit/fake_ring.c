/* fake_ring.c - see fake_ring.h. */
#include "fake_ring.h"

#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock_scale.h"

enum { PAGE = 4096 };

static struct ring_region place(uint64_t *off, uint32_t unit_bytes, uint32_t cap) {
    struct ring_region r = {.off = *off, .unit_bytes = unit_bytes, .cap = cap};
    *off = (*off + (uint64_t)unit_bytes * cap + PAGE - 1) / PAGE * PAGE;
    return r;
}

void fake_ring_make(struct fake_ring *r, struct fake_ring_sizes sizes, bool is_tsc) {
    struct ring_header h = {.version = RING_VERSION, .is_clock_tsc = is_tsc, .pid = (uint32_t)getpid()};
    uint64_t off = PAGE;
    h.joins = place(&off, sizeof(struct ring_join), 64);
    h.runs = place(&off, sizeof(struct ring_run), 8);
    h.slots = place(&off, sizeof(struct ring_slot), sizes.slots);
    h.log = place(&off, RING_LOG_UNIT_BYTES, sizes.log_units);
    h.nodes = place(&off, sizeof(struct ring_node), sizes.nodes);
    h.chunks = place(&off, sizeof(struct ring_chunk), sizes.chunks);
    h.file_bytes = off;
    h.start_stamp = clock_stamp(is_tsc);
    h.start_mono_ns = clock_mono_ns();
    h.start_real_ns = 1700000000000000000u;
    h.n_nodes = 1;
    memcpy(h.magic, RING_MAGIC, sizeof h.magic);
    r->fd = memfd_create("fake ring", MFD_CLOEXEC);
    r->bytes = off;
    if (r->fd < 0 || ftruncate(r->fd, (off_t)off) != 0) {
        abort();
    }
    uint8_t *base = mmap(NULL, off, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
    if (base == MAP_FAILED) {
        abort();
    }
    memcpy(base, &h, sizeof h);
    r->header = (struct ring_header *)base;
    r->slots = (struct ring_slot *)(base + h.slots.off);
    r->log = base + h.log.off;
    r->nodes = (struct ring_node *)(base + h.nodes.off);
    r->chunks = (struct ring_chunk *)(base + h.chunks.off);
}

void fake_ring_free(struct fake_ring *r) {
    munmap(r->header, r->bytes);
    close(r->fd);
}

uint32_t fake_ring_node(struct fake_ring *r, uint32_t parent, uint64_t ip) {
    uint32_t id = atomic_fetch_add(&r->header->n_nodes, 1);
    r->nodes[id] = (struct ring_node){.ip = ip, .parent = parent};
    return id;
}

void fake_ring_log(struct fake_ring *r, enum ring_log_type type, const void *payload, size_t n) {
    size_t bytes = sizeof(struct ring_log_record) + n;
    uint32_t n_units = (uint32_t)((bytes + RING_LOG_UNIT_BYTES - 1) / RING_LOG_UNIT_BYTES);
    uint32_t at = atomic_fetch_add(&r->header->n_log_units, n_units);
    struct ring_log_record *record = (struct ring_log_record *)(r->log + (size_t)at * RING_LOG_UNIT_BYTES);
    record->type = (uint16_t)type;
    record->n_units = (uint16_t)n_units;
    record->payload_bytes = (uint32_t)n;
    record->pid = r->header->pid;
    record->stamp = r->header->start_stamp;
    memcpy(record->payload, payload, n);
    atomic_store_explicit(&record->commit, RING_LOG_COMMITTED, memory_order_release);
}

/* Index + 1 of a chunk that nobody uses, 0 if there is none. */
static uint32_t take_chunk(struct fake_ring *r) {
    struct ring_header *h = r->header;
    uint64_t head = atomic_load_explicit(&h->free_chunks, memory_order_acquire);
    while ((uint32_t)head != 0) {
        uint32_t next = atomic_load_explicit(&r->chunks[(uint32_t)head - 1].free_next, memory_order_relaxed);
        if (atomic_compare_exchange_weak(&h->free_chunks, &head, ((head >> 32) + 1) << 32 | next)) {
            return (uint32_t)head;
        }
    }
    uint32_t n = atomic_load(&h->n_chunks);
    while (n < h->chunks.cap) {
        if (atomic_compare_exchange_weak(&h->n_chunks, &n, n + 1)) {
            return n + 1;
        }
    }
    return 0;
}

static uint32_t wait_for_chunk(struct fake_thread *t) {
    struct ring_header *h = t->ring->header;
    uint32_t out = atomic_fetch_add(&h->n_chunks_out, 1) + 1, chunk;
    if (out >= h->chunks.cap / 2) {
        atomic_fetch_add(&h->wake, 1);
        syscall(SYS_futex, &h->wake, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    while ((chunk = take_chunk(t->ring)) == 0) {
        t->n_waits++;
        struct timespec pause = {.tv_nsec = 100000};
        nanosleep(&pause, NULL);
    }
    return chunk;
}

static void open_chunk(struct fake_thread *t, uint64_t stamp) {
    uint32_t taken = wait_for_chunk(t);
    struct ring_chunk *c = &t->ring->chunks[taken - 1];
    atomic_store_explicit(&c->n_words, 0, memory_order_relaxed);
    atomic_store_explicit(&c->next, 0, memory_order_relaxed);
    c->thread_serial = t->serial;
    c->tid = t->tid;
    c->pid = t->ring->header->pid;
    c->base_stamp = t->last_stamp = stamp;
    t->n_words = 0;
    if (t->chunk) {
        atomic_store_explicit(&t->chunk->next, taken, memory_order_release);
    } else {
        atomic_store_explicit(&t->slot->first_chunk, taken, memory_order_release);
    }
    t->chunk = c;
}

void fake_thread_begin(struct fake_thread *t, struct fake_ring *r, struct fake_thread *last_owner) {
    uint32_t serial = atomic_fetch_add(&r->header->n_thread_serials, 1) + 1;
    *t = (struct fake_thread){.ring = r, .serial = serial, .tid = 1000 + serial};
    if (last_owner) {
        t->slot = last_owner->slot;
        t->chunk = last_owner->chunk;
        t->n_words = RING_CHUNK_WORDS; /* so that the first event opens a new chunk */
    } else {
        t->slot = &r->slots[atomic_fetch_add(&r->header->n_slots, 1)];
    }
    atomic_store(&t->slot->tid, t->tid);
}

/* Write an event's words (the first without its time) and publish them. */
static void put(struct fake_thread *t, uint64_t first, const uint64_t *more, uint32_t n_more) {
    atomic_store(&t->slot->busy, 1);
    uint64_t stamp = t->next_stamp ? t->next_stamp : clock_stamp(t->ring->header->is_clock_tsc);
    if (!t->chunk || t->n_words + RING_EVENT_WORDS_MAX > RING_CHUNK_WORDS) {
        open_chunk(t, stamp);
    }
    uint64_t ticks = stamp - t->last_stamp, *words = t->chunk->words;
    uint32_t n = t->n_words;
    if (ticks >> RING_DELTA_BITS) {
        words[n++] = RING_TIME | ticks << RING_KIND_BITS;
        ticks = 0;
    }
    words[n++] = first | ticks << RING_KIND_BITS;
    for (uint32_t i = 0; i < n_more; i++) {
        words[n++] = more[i];
    }
    t->n_words = n;
    t->last_stamp = stamp;
    atomic_store_explicit(&t->chunk->n_words, n, memory_order_release);
    if (!t->stays_busy) {
        atomic_store_explicit(&t->slot->busy, 0, memory_order_release);
    }
}

static bool is_narrow(uint64_t address) {
    return address >> 47 == 0 && (address & 7) == 0;
}

void fake_alloc(struct fake_thread *t, uint64_t address, uint64_t size, uint32_t node) {
    if (is_narrow(address) && size >> 32 == 0) {
        uint64_t what = size | (uint64_t)node << 32;
        put(t, RING_ALLOC | (address >> 3) << RING_ADDRESS_SHIFT, &what, 1);
    } else {
        uint64_t what[3] = {address, size, node};
        put(t, RING_ALLOC_WIDE, what, 3);
    }
}

void fake_free(struct fake_thread *t, uint64_t address) {
    if (is_narrow(address)) {
        put(t, RING_FREE | (address >> 3) << RING_ADDRESS_SHIFT, NULL, 0);
    } else {
        put(t, RING_FREE_WIDE, &address, 1);
    }
}

void fake_undo(struct fake_thread *t, uint64_t address) {
    put(t, RING_UNDO, &address, 1);
}

void fake_mark(struct fake_thread *t, uint32_t place) {
    put(t, RING_FORK | RING_MARK_BIT | (uint64_t)place << RING_ADDRESS_SHIFT, NULL, 0);
}

void fake_end_chunk(struct fake_thread *t) {
    t->n_words = RING_CHUNK_WORDS;
}
