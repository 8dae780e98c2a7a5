/* catch_up.c - see catch_up.h. */
#include "catch_up.h"

#include <time.h>

#include "newcomers.h"

enum {
    CATCH_UP_NS = 20 * 1000000, /* as fine as that is the order between processes when what has gathered is read */
    STEP_NS = 200000,           /* between two looks at a thread that is in a hook */
};

static void observe(struct target *t, uint64_t ceiling, uint64_t settled_stamp, uint64_t stamp, uint64_t now_ns) {
    t->reader.ceiling = ceiling;
    if (t->is_dead) {
        ring_reader_observe_dead(&t->reader);
    } else {
        ring_map_set_clock(&t->ring, stamp);
        ring_reader_observe(&t->reader, settled_stamp, stamp, now_ns);
    }
}

/* Look at all targets that can be read. Returns the stamp of the oldest event that has not been. */
static uint64_t observe_all(struct collector *c, uint64_t ceiling) {
    uint64_t oldest = RING_NEVER, now_ns = clock_mono_ns(), settled_stamp = clock_stamp(c->clock.is_tsc);
    clock_settle(now_ns, RING_SETTLE_NS);
    uint64_t stamp = clock_stamp(c->clock.is_tsc);
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        if (!t->is_started || t->is_finished) {
            continue;
        }
        observe(t, ceiling, settled_stamp, stamp, now_ns);
        for (uint32_t k = 0; k < t->reader.n_slots; k++) {
            oldest = t->reader.cursors[k].peek < oldest ? t->reader.cursors[k].peek : oldest;
        }
    }
    return oldest;
}

static uint64_t drain_all(struct collector *c) {
    uint64_t n_events = 0;
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        if (t->is_started && !t->is_finished) {
            n_events += collector_drain(c, t, t->is_dead);
        }
    }
    return n_events;
}

static void lift_ceilings(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        c->targets[i]->reader.ceiling = RING_NEVER;
    }
}

void catch_up(struct collector *c) {
    uint64_t end_stamp = clock_stamp(c->clock.is_tsc), step = (uint64_t)(CATCH_UP_NS / c->clock.ns_per_tick) + 1;
    uint64_t oldest, n_events = 1;
    while (newcomers_take(c), n_events != 0 && (oldest = observe_all(c, 0)) < end_stamp) {
        observe_all(c, oldest + step);
        n_events = drain_all(c);
    }
    lift_ceilings(c);
    collector_cut(c);
    commit(c);
}

/* Fork children that wait for their parents have read nothing yet. */
static bool are_all_at(const struct collector *c, uint64_t stamp) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        const struct target *t = c->targets[i];
        if (!t->is_finished && (!t->is_started || t->reader.watermark < stamp)) {
            return false;
        }
    }
    return true;
}

/* Who was killed inside a hook is not waited for. */
static void note_dead(struct collector *c) {
    for (uint32_t i = 0; i < c->n_targets; i++) {
        struct target *t = c->targets[i];
        t->is_dead = t->is_dead || !target_is_alive(t, false);
    }
}

bool catch_up_until(struct collector *c, uint64_t stamp, uint64_t patience_ns) {
    uint64_t since_ns = clock_mono_ns();
    bool is_there = false;
    for (int turn = 0; !is_there && (turn == 0 || clock_mono_ns() - since_ns < patience_ns); turn++) {
        if (turn > 0) {
            nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
        }
        bool are_all_taken = newcomers_take(c);
        observe_all(c, stamp);
        drain_all(c);
        is_there = are_all_taken && are_all_at(c, stamp);
        note_dead(c);
    }
    lift_ceilings(c);
    return is_there;
}
