/* chunk_decode.c - see chunk_decode.h. Budget: 1.5-2.5 ns an event, one 32-byte store. */
#include "chunk_decode.h"

#include "trace_format.h"

enum {
    KIND_MASK = (1 << RING_KIND_BITS) - 1,
    DELTA_MASK = (1 << RING_DELTA_BITS) - 1,
    EVENT_ADDRESS_UNIT_SHIFT = 3,
    N_KINDS = KIND_MASK + 1,
};

/* Words of each kind but tagged frees; 0 = no such kind. */
static const uint8_t words_of_kind[N_KINDS] = {
    [RING_FORK] = 1,       [RING_ALLOC] = 2,     [RING_FREE] = 1, [RING_TIME] = 1,
    [RING_ALLOC_WIDE] = 4, [RING_FREE_WIDE] = 2, [RING_UNDO] = 2, [RING_FREE_LATER] = 1,
};

/* Time passes, but no further than the end of time: the sum must not wrap where the words have been overwritten. */
ALWAYS_INLINE uint64_t add_ticks(uint64_t stamp, uint64_t ticks) {
    uint64_t sum = stamp + ticks;
    return LIKELY(sum >= stamp && sum != RING_NEVER) ? sum : RING_NEVER - 1;
}

ALWAYS_INLINE bool is_event(uint32_t kind) {
    return kind != RING_TIME;
}

ALWAYS_INLINE bool is_tagged(uint64_t word) {
    return (word & (KIND_MASK | RING_TAG_BIT)) == (RING_TAG | RING_TAG_BIT);
}

/* Words of the event of a rare kind at p, of which there are n_left; 0 = it makes no sense. */
static uint32_t words_of(const uint64_t *p, uint32_t n_left) {
    if (!is_tagged(*p)) {
        return words_of_kind[*p & KIND_MASK];
    }
    uint32_t kind = n_left > 1 ? p[1] & KIND_MASK : RING_TIME;
    return kind == RING_FREE || kind == RING_FREE_LATER || kind == RING_FREE_WIDE ? 1 + words_of_kind[kind] : 0;
}

/* The free behind a tag. */
static struct ring_event tagged_event(const uint64_t *p) {
    uint32_t kind = p[1] & KIND_MASK;
    return (struct ring_event){.kind = kind == RING_FREE_LATER ? RING_FREE_LATER : RING_FREE,
                               .address =
                                   kind == RING_FREE_WIDE ? p[2] : p[1] >> RING_ADDRESS_SHIFT << EVENT_ADDRESS_UNIT_SHIFT,
                               .size_bytes = TRACE_TAG_IP | (*p >> RING_TAG_SHIFT & RING_TAG_MASK)};
}

/* The rare kinds; p stands at the event's first word. */
static COLD struct ring_event rare_event(const uint64_t *p, uint32_t kind) {
    if (kind == RING_FREE_LATER) {
        return (struct ring_event){.kind = kind & KIND_MASK,
                                   .address = *p >> RING_ADDRESS_SHIFT << EVENT_ADDRESS_UNIT_SHIFT};
    }
    if (kind == RING_FORK) {
        uint64_t mark = *p & RING_MARK_BIT ? RING_EVENT_MARK : 0;
        return (struct ring_event){.kind = RING_FORK, .address = mark | (uint32_t)(*p >> RING_ADDRESS_SHIFT)};
    }
    struct ring_event e = {.address = p[1]};
    if (kind == RING_ALLOC_WIDE) {
        e.kind = RING_ALLOC;
        e.size_bytes = p[2];
        e.node = (uint32_t)p[3];
    } else {
        e.kind = kind == RING_UNDO ? RING_UNDO : RING_FREE;
    }
    return e;
}

/* The usual kinds, without a branch: which of the two comes next is what no processor can foresee. */
ALWAYS_INLINE struct ring_event short_event(const uint64_t *p, uint64_t word) {
    static_assert(RING_ALLOC == 1 && RING_FREE == 2, "an allocation has bit 0");
    uint64_t is_alloc = word & 1, what = p[is_alloc] & -is_alloc;
    return (struct ring_event){.kind = RING_FREE - is_alloc,
                               .address = word >> RING_ADDRESS_SHIFT << EVENT_ADDRESS_UNIT_SHIFT,
                               .size_bytes = (uint32_t)what,
                               .node = (uint32_t)(what >> 32)};
}

ALWAYS_INLINE bool is_short(uint32_t kind) {
    return kind - RING_ALLOC <= RING_FREE - RING_ALLOC;
}

/* Pass a word that is no event. Returns the stamp after it. */
static COLD uint64_t pass_time(uint64_t word, uint64_t stamp, uint32_t *at) {
    ++*at;
    return add_ticks(stamp, word >> RING_KIND_BITS);
}

enum chunk_end chunk_decode(struct slot_cursor *c, const uint64_t *words, uint64_t limit, struct ring_event *events,
                            uint32_t cap, uint32_t *n) {
    uint32_t at = c->at, end = c->n_words, filled = *n;
    uint64_t stamp = c->stamp;
    enum chunk_end result = CHUNK_ALL_READ;
    while (at < end) {
        uint64_t word = words[at];
        uint32_t kind = word & KIND_MASK,
                 n_words = LIKELY(is_short(kind)) ? 1 + (word & 1) : words_of(words + at, end - at);
        if (UNLIKELY(n_words - 1 >= end - at)) { /* none is no kind */
            at = RING_CHUNK_WORDS;
            result = CHUNK_DAMAGED;
            break;
        }
        if (UNLIKELY(!is_event(kind))) {
            stamp = pass_time(word, stamp, &at);
            continue;
        }
        uint64_t now = add_ticks(stamp, (word >> RING_KIND_BITS) & DELTA_MASK);
        if (UNLIKELY(now >= limit || filled == cap)) {
            c->peek = now;
            result = now >= limit ? CHUNK_AT_LIMIT : CHUNK_NO_ROOM;
            break;
        }
        struct ring_event e = LIKELY(is_short(kind)) ? short_event(words + at, word)
                              : is_tagged(word)      ? tagged_event(words + at)
                                                     : rare_event(words + at, kind);
        e.stamp = stamp = now;
        e.thread = c->thread & 0xfffffff;
        events[filled++] = e;
        at += n_words;
    }
    c->at = at;
    c->n_words = at > c->n_words ? at : c->n_words;
    c->stamp = stamp;
    *n = filled;
    return result;
}

void chunk_skip(struct slot_cursor *c, const uint64_t *words) {
    while (c->at < c->n_words) {
        uint64_t word = words[c->at];
        uint32_t kind = word & KIND_MASK, n_words = words_of(words + c->at, c->n_words - c->at);
        if (n_words == 0) {
            break;
        }
        if (is_event(kind)) {
            c->stamp = add_ticks(c->stamp, (word >> RING_KIND_BITS) & DELTA_MASK);
            c->at += n_words;
        } else {
            c->stamp = pass_time(word, c->stamp, &c->at);
        }
    }
}
