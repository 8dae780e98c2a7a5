/* requests.c - see requests.h. */
#include "requests.h"

#include <string.h>

#include "catch_up.h"

#define PATIENCE_NS 1000000000ull  /* for a thread that stands still inside a hook, as when reading (ring_reader.h) */
#define KEPT_NS     60000000000ull /* for an asker that does not fetch its answer, or has died before it asked */
#define NEEDED_NS   1000000000ull  /* an answer is not kept longer where no place is free: askers look each millisecond */

enum { STAGE_MASK = (1 << RING_REQUEST_STAGE_BITS) - 1 };

static void answer(struct collector *c, struct ring_request *request, uint64_t ticket) {
    request->number = c->marks.answered_number;
    request->ns = c->marks.answered_ns;
    uint64_t taken = ring_request_state(ticket, RING_REQUEST_TAKEN);
    atomic_compare_exchange_strong(&request->state, &taken, ring_request_state(ticket, RING_REQUEST_ANSWERED));
}

static void mark(struct collector *c, struct ring_request *request, uint64_t ticket) {
    char name[RING_MARK_NAME_MAX];
    uint32_t n = request->name_bytes;
    n = n < sizeof name ? n : (uint32_t)sizeof name;
    memcpy(name, request->name, n); /* the original may change under us */
    uint64_t stamp = clock_stamp(c->clock.is_tsc);
    request->is_late = !catch_up_until(c, stamp, PATIENCE_NS);
    c->marks.answered_ns = clock_scale_ns(&c->clock, stamp);
    c->marks.answered_number = marks_put(c, name, n, c->marks.answered_ns);
    c->marks.answered = ticket;
    collector_flush(c);
}

static bool has_free_place(struct ring_header *header) {
    int k = 0;
    while (k < RING_REQUESTS && atomic_load_explicit(&header->requests[k].state, memory_order_relaxed) != 0) {
        k++;
    }
    return k < RING_REQUESTS;
}

/* Take back a place that nobody frees. */
static void give_up(struct target *t, struct ring_request *request, uint64_t *seen_ns, uint64_t state) {
    uint64_t ticket = state >> RING_REQUEST_STAGE_BITS, now_ns = clock_mono_ns();
    bool is_answered = (state & STAGE_MASK) == RING_REQUEST_ANSWERED;
    *seen_ns = !is_answered ? 0 : *seen_ns ? *seen_ns : now_ns;
    bool is_needed = is_answered && now_ns - *seen_ns > NEEDED_NS && !has_free_place(t->ring.header);
    if (is_needed || now_ns - ticket > KEPT_NS) {
        atomic_compare_exchange_strong(&request->state, &state, 0);
    }
}

/* A request that was taken and not answered is one of a collector that was killed. */
static void look_at(struct collector *c, struct target *t, uint32_t place) {
    struct ring_request *request = &t->ring.header->requests[place];
    uint64_t state = atomic_load_explicit(&request->state, memory_order_acquire), ticket = state >> RING_REQUEST_STAGE_BITS;
    unsigned stage = (unsigned)(state & STAGE_MASK);
    if (stage == RING_REQUEST_ASKED || stage == RING_REQUEST_TAKEN) {
        t->answer_seen_ns[place] = 0;
        if (!atomic_compare_exchange_strong(&request->state, &state, ring_request_state(ticket, RING_REQUEST_TAKEN))) {
            return;
        }
        if (c->marks.answered != ticket) {
            mark(c, request, ticket);
        }
        answer(c, request, ticket);
    } else if (state != 0) {
        give_up(t, request, &t->answer_seen_ns[place], state);
    } else {
        t->answer_seen_ns[place] = 0;
    }
}

void requests_answer(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets && !c->is_trial; i++) {
        for (uint32_t k = 0; k < RING_REQUESTS; k++) {
            look_at(c, c->targets[i], k);
        }
    }
}
