/* ring_reader.c - see ring_reader.h. */
#include "ring_reader.h"

#include "chunk_decode.h"
#include "clock_scale.h"
#include "memory.h"

enum {
    LOOKS_AT_BUSY = 64, /* a hook's busy time is well below a microsecond */
    STALL_NS =
        1000 * 1000 * 1000, /* how long one slot may hold back the others: virtual processors do stand still for 100 ms, */
    STALL_FULL_NS = 2000 * 1000, /* and how long when the ring is full: it may itself be waiting for a chunk */
    FIRST_FINISHED = 1024,
};

void ring_reader_init(struct ring_reader *r, const struct ring_map *ring, struct thread_table *threads) {
    *r = (struct ring_reader){.ring = ring, .threads = threads, .cap_finished = FIRST_FINISHED};
    r->cursors = memory_map(ring->cap_slots * sizeof *r->cursors);
    r->finished = memory_map(r->cap_finished * sizeof *r->finished);
    r->last_stamp = ring->start_stamp;
    r->ceiling = RING_NEVER;
}

void ring_reader_free(struct ring_reader *r) {
    memory_unmap(r->cursors, r->ring->cap_slots * sizeof *r->cursors);
    memory_unmap(r->finished, r->cap_finished * sizeof *r->finished);
    thread_serials_free(&r->serials);
    *r = (struct ring_reader){0};
}

static void give_up(struct ring_reader *r, struct slot_cursor *c) {
    c->is_broken = true;
    c->peek = RING_NEVER;
    c->n_words = c->at;
    r->n_damaged++;
}

static struct ring_chunk *chunk_of(const struct ring_reader *r, const struct slot_cursor *c) {
    return &r->ring->chunks[c->chunk - 1];
}

/* Stand at the start of a chunk. Returns false where there is no such chunk. */
static bool enter(struct ring_reader *r, struct slot_cursor *c, uint32_t chunk) {
    if (chunk > r->ring->cap_chunks || ++r->n_followed > 2 * (uint64_t)r->ring->cap_chunks) {
        give_up(r, c);
        return false;
    }
    c->chunk = chunk;
    c->at = c->n_words = 0;
    const struct ring_chunk *head = chunk_of(r, c);
    /* A thread's clock does not go back; what says so has been overwritten. */
    c->stamp = head->base_stamp > c->stamp ? head->base_stamp : c->stamp;
    struct thread_facts facts = {
        .serial = head->thread_serial, .pid = head->pid, .tid = head->tid, .start_stamp = c->stamp};
    c->thread = thread_table_find(r->threads, &r->serials, &facts);
    return true;
}

void ring_reader_finish(struct ring_reader *r, uint32_t chunk) {
    if (r->n_finished == r->cap_finished) {
        uint32_t cap = r->cap_finished * 2;
        r->finished = memory_grow(r->finished, r->cap_finished * sizeof *r->finished, cap * sizeof *r->finished);
        r->cap_finished = cap;
    }
    r->finished[r->n_finished++] = chunk;
}

/* Learn of words published since the last look. Returns whether the current chunk has unread ones. */
static bool refresh(const struct ring_reader *r, struct slot_cursor *c) {
    uint32_t n = atomic_load_explicit(&chunk_of(r, c)->n_words, memory_order_acquire);
    n = n < RING_CHUNK_WORDS ? n : RING_CHUNK_WORDS;
    c->n_words = n > c->n_words ? n : c->n_words;
    return c->at < c->n_words;
}

/* Stand at an unread word if there is one, in a later chunk if need be. */
static bool advance(struct ring_reader *r, struct slot_cursor *c, const struct ring_slot *slot) {
    if (c->is_broken) {
        return false;
    }
    if (c->chunk == 0) {
        uint32_t first = atomic_load_explicit(&slot->first_chunk, memory_order_acquire);
        if (first == 0 || !enter(r, c, first)) {
            return false;
        }
    }
    while (c->at >= c->n_words && !refresh(r, c)) {
        uint32_t next = atomic_load_explicit(&chunk_of(r, c)->next, memory_order_acquire);
        /* `next` is set after the last word: look at the words again now that it is known to be set. */
        if (next == 0 || refresh(r, c)) {
            return c->at < c->n_words;
        }
        uint32_t finished = c->chunk;
        if (!enter(r, c, next)) {
            return false;
        }
        ring_reader_finish(r, finished);
    }
    return true;
}

uint32_t ring_reader_read(struct ring_reader *r, struct slot_cursor *c, uint64_t limit, struct ring_event *events,
                          uint32_t cap) {
    const struct ring_slot *slot = &r->ring->slots[c - r->cursors];
    uint32_t n = 0, chunk = c->chunk, at = c->at;
    c->peek = RING_NEVER;
    while (advance(r, c, slot)) {
        enum chunk_end end = chunk_decode(c, chunk_of(r, c)->words, limit, events, cap, &n);
        if (end == CHUNK_DAMAGED) {
            r->n_damaged++;
        } else if (end != CHUNK_ALL_READ) {
            break;
        }
    }
    c->is_changed = c->is_changed || c->chunk != chunk || c->at != at;
    return n;
}

/* The stamp of the last event that the slot has published, seen without reading it. */
static uint64_t last_published(const struct ring_reader *r, const struct slot_cursor *c) {
    struct slot_cursor scan = *c;
    for (uint64_t n = 0; scan.chunk != 0 && !scan.is_broken && n <= r->ring->cap_chunks; n++) {
        refresh(r, &scan);
        chunk_skip(&scan, chunk_of(r, &scan)->words);
        uint32_t next = atomic_load_explicit(&chunk_of(r, &scan)->next, memory_order_acquire);
        if (next == 0 || next > r->ring->cap_chunks) {
            break;
        }
        scan.chunk = next;
        scan.at = scan.n_words = 0;
        uint64_t base = chunk_of(r, &scan)->base_stamp;
        scan.stamp = base > scan.stamp ? base : scan.stamp;
    }
    return scan.stamp;
}

static bool is_busy(const struct ring_slot *slot) {
    for (int i = 0; i < LOOKS_AT_BUSY; i++) {
        if (!atomic_load_explicit(&slot->busy, memory_order_acquire)) {
            return false;
        }
        clock_pause();
    }
    return true;
}

static void observe_slot(struct ring_reader *r, struct slot_cursor *c, uint64_t settled_stamp) {
    const struct ring_slot *slot = &r->ring->slots[c - r->cursors];
    c->is_busy = is_busy(slot);
    if (c->peek == RING_NEVER) {
        ring_reader_read(r, c, 0, NULL, 0); /* reads nothing, sets peek */
    }
    uint64_t promised = c->is_busy ? last_published(r, c) : settled_stamp;
    if (promised > c->safe || !c->is_busy) {
        c->is_stalled = false;
        c->held_since_ns = 0;
    }
    c->safe = promised > c->safe ? promised : c->safe;
}

static void add_new_slots(struct ring_reader *r) {
    uint32_t n = atomic_load_explicit(&r->ring->header->n_slots, memory_order_acquire);
    n = n < r->ring->cap_slots ? n : r->ring->cap_slots;
    for (; r->n_slots < n; r->n_slots++) {
        /* It was not there at the last observation, so it has stamped nothing older than that one's T. */
        r->cursors[r->n_slots] = (struct slot_cursor){.peek = RING_NEVER, .safe = r->last_stamp};
    }
}

/* How long a slot may hold back others. A hook that waits for a chunk is busy with an old stamp, and every chunk that it
 * could get may be held back by that very stamp. To apply its event late does no harm: until it is published, no other
 * thread can have met the block. */
static uint64_t patience_ns(const struct ring_reader *r) {
    const struct ring_header *h = r->ring->header;
    bool is_full = atomic_load_explicit(&h->n_chunks, memory_order_relaxed) >= r->ring->cap_chunks &&
                   (uint32_t)atomic_load_explicit(&h->free_chunks, memory_order_relaxed) == 0;
    return is_full ? STALL_FULL_NS : STALL_NS;
}

/* The least promise, leaving out slots that have held back others for too long. */
static uint64_t watermark_of(struct ring_reader *r, uint64_t settled_stamp, uint64_t now_ns) {
    uint64_t least = settled_stamp, oldest = RING_NEVER, patience = patience_ns(r);
    for (uint32_t i = 0; i < r->n_slots; i++) {
        oldest = r->cursors[i].peek < oldest ? r->cursors[i].peek : oldest;
    }
    for (uint32_t i = 0; i < r->n_slots && r->n_slots > 1; i++) {
        struct slot_cursor *c = &r->cursors[i];
        bool is_holding = c->is_busy && oldest < settled_stamp && c->safe <= oldest;
        if (!is_holding) {
            c->held_since_ns = 0;
        } else if (c->held_since_ns == 0) {
            c->held_since_ns = now_ns;
        } else if (now_ns - c->held_since_ns > patience) {
            c->is_stalled = true;
        }
        least = c->safe < least && !c->is_stalled && !c->is_broken ? c->safe : least;
    }
    return least;
}

void ring_reader_observe(struct ring_reader *r, uint64_t settled_stamp, uint64_t recent_stamp, uint64_t now_ns) {
    r->n_followed = 0;
    add_new_slots(r);
    for (uint32_t i = 0; i < r->n_slots; i++) {
        observe_slot(r, &r->cursors[i], settled_stamp);
    }
    bool is_alone = r->n_slots == 1 && !atomic_load_explicit(&r->ring->header->is_shared, memory_order_acquire);
    uint64_t watermark = is_alone ? recent_stamp : watermark_of(r, settled_stamp, now_ns);
    watermark = watermark < r->ceiling ? watermark : r->ceiling;
    r->watermark = watermark > r->watermark ? watermark : r->watermark;
    r->last_stamp = settled_stamp;
}

void ring_reader_observe_dead(struct ring_reader *r) {
    r->n_followed = 0;
    add_new_slots(r);
    for (uint32_t i = 0; i < r->n_slots; i++) {
        if (r->cursors[i].peek == RING_NEVER) {
            ring_reader_read(r, &r->cursors[i], 0, NULL, 0);
        }
    }
    r->watermark = r->ceiling;
}

void ring_reader_recycle(struct ring_reader *r) {
    struct ring_header *h = r->ring->header;
    for (uint32_t i = 0; i < r->n_finished; i++) {
        struct ring_chunk *chunk = &r->ring->chunks[r->finished[i] - 1];
        atomic_store_explicit(&h->n_given_back, ++r->n_given_back, memory_order_relaxed);
        uint64_t head = atomic_load_explicit(&h->free_chunks, memory_order_relaxed), next;
        do {
            atomic_store_explicit(&chunk->free_next, (uint32_t)head, memory_order_relaxed);
            next = ((head >> 32) + 1) << 32 | r->finished[i];
            /* release: the hook that pops it (acquire) finds free_next, and our reads of its words are over. */
        } while (!atomic_compare_exchange_weak_explicit(&h->free_chunks, &head, next, memory_order_release,
                                                        memory_order_relaxed));
        atomic_store_explicit(&h->n_given_back, ++r->n_given_back, memory_order_relaxed);
        atomic_fetch_sub_explicit(&h->n_chunks_out, 1, memory_order_relaxed);
    }
    r->n_read_chunks += r->n_finished;
    r->n_finished = 0;
}
