/* test_merge.c - the order that comes out of the windows, the watermark, and events that come too late. */
#include <stdlib.h>
#include <string.h>

#include "fake_ring.h"
#include "merge.h"
#include "tap.h"

enum { SLOTS = 12, EVENTS = 60000 };

static const struct fake_ring_sizes sizes = {.slots = 16, .log_units = 8, .nodes = 8, .chunks = 400};

static struct fake_ring ring;
static struct ring_map map;
static struct thread_table threads;
static struct ring_reader reader;
static struct merge merge;
static struct merge_space space;
static struct fake_thread writers[SLOTS];
static uint64_t start;

static void begin(unsigned n_writers) {
    fake_ring_make(&ring, sizes, true);
    if (ring_map_attach(&map, ring.fd) != NULL) {
        abort();
    }
    start = ring.header->start_stamp;
    thread_table_init(&threads);
    ring_reader_init(&reader, &map, &threads);
    merge_space_init(&space);
    merge_init(&merge, &reader, &space);
    for (unsigned i = 0; i < n_writers; i++) {
        fake_thread_begin(&writers[i], &ring, NULL);
    }
}

static void end(void) {
    merge_free(&merge);
    merge_space_free(&space);
    ring_reader_free(&reader);
    thread_table_free(&threads);
    ring_map_detach(&map);
    fake_ring_free(&ring);
}

static void write_at(unsigned writer, uint64_t ticks, uint64_t address) {
    writers[writer].next_stamp = start + ticks;
    fake_free(&writers[writer], address);
}

/* Merge all that the watermark allows. Returns the number of events; *is_ordered: stamps rise, each thread's addresses too. */
static uint32_t drain(bool *is_ordered) {
    static uint64_t last_stamp, last_address[SLOTS];
    uint32_t n = 0;
    if (!*is_ordered) { /* a new test */
        last_stamp = 0;
        memset(last_address, 0, sizeof last_address);
    }
    *is_ordered = true;
    merge_begin(&merge);
    while (merge_next(&merge)) {
        for (uint32_t i = 0; i < merge.n; i++, n++) {
            const struct ring_event *e = merge_at(&merge, i);
            *is_ordered = *is_ordered && e->stamp >= last_stamp && e->address > last_address[e->thread];
            last_stamp = e->stamp;
            last_address[e->thread] = e->address;
        }
        ring_reader_recycle(&reader);
    }
    return n;
}

static void test_order(uint64_t most_ticks, const char *text) {
    begin(SLOTS);
    uint64_t ticks[SLOTS] = {0};
    srand(7);
    for (uint64_t i = 1; i <= EVENTS; i++) {
        unsigned w = (unsigned)rand() % SLOTS;
        ticks[w] += (uint64_t)rand() % most_ticks * (rand() % 100 == 0 ? 1000 : 1);
        write_at(w, ticks[w], i * 8);
    }
    bool is_ordered = false;
    ring_reader_observe_dead(&reader);
    uint32_t n = drain(&is_ordered);
    tap_ok(n == EVENTS && is_ordered && merge.n_late == 0, text);
    end();
}

static void test_watermark(void) {
    begin(3);
    write_at(0, 100, 8);
    write_at(0, 300, 16);
    writers[1].stays_busy = true;
    write_at(1, 200, 8);
    write_at(2, 250, 8);
    bool is_ordered = false;
    ring_reader_observe(&reader, start + 1000, start + 1000, 1000);
    tap_ok(drain(&is_ordered) == 1, "a busy slot holds back what is not older than its last event");
    write_at(1, 260, 16);
    writers[1].stays_busy = false;
    write_at(1, 270, 24);
    ring_reader_observe(&reader, start + 2000, start + 2000, 2000);
    tap_ok(drain(&is_ordered) == 5 && is_ordered, "and lets it go when it is idle again");
    write_at(0, 2100, 24);
    ring_reader_observe(&reader, start + 2100, start + 2100, 3000);
    tap_ok(drain(&is_ordered) == 0, "nothing is merged that is not older than the settled clock");
    fake_thread_begin(&writers[3], &ring, NULL);
    atomic_store(&writers[3].slot->busy, 1);
    ring_reader_observe(&reader, start + 2200, start + 2200, 4000);
    tap_ok(drain(&is_ordered) == 0, "a new busy slot may still bring what is as old as the last look");
    write_at(3, 2150, 8);
    ring_reader_observe(&reader, start + 2300, start + 2300, 5000);
    tap_ok(drain(&is_ordered) == 2 && is_ordered && merge.n_late == 0, "and it does");
    end();
}

static void test_alone(void) {
    begin(1);
    write_at(0, 1500, 8);
    write_at(0, 2500, 16);
    bool is_ordered = false;
    ring_reader_observe(&reader, start + 1000, start + 2000, 1000);
    tap_ok(drain(&is_ordered) == 1,
           "one slot alone is read up to the recent stamp, without waiting for the clock to settle");
    atomic_store(&ring.header->is_shared, 1);
    write_at(0, 3500, 24);
    ring_reader_observe(&reader, start + 3000, start + 4000, 2000);
    tap_ok(drain(&is_ordered) == 1, "but not any more when there may be others");
    ring_reader_observe(&reader, start + 4000, start + 5000, 3000);
    tap_ok(drain(&is_ordered) == 1 && merge.n_late == 0, "and nothing is late for it");
    end();
}

static void test_stall(void) {
    begin(2);
    writers[0].stays_busy = true;
    write_at(0, 100, 8);
    write_at(1, 200, 8);
    write_at(1, 300, 16);
    bool is_ordered = false;
    ring_reader_observe(&reader, start + 1000, start + 1000, 1000);
    tap_ok(drain(&is_ordered) == 0, "a stopped thread holds back the others");
    ring_reader_observe(&reader, start + 2000, start + 2000, 50 * 1000000);
    tap_ok(drain(&is_ordered) == 0, "for a while");
    ring_reader_observe(&reader, start + 3000, start + 3000, 1150 * 1000000);
    tap_ok(drain(&is_ordered) == 3 && is_ordered, "but not for ever");
    writers[0].stays_busy = false;
    write_at(0, 150, 16);
    write_at(1, 3500, 24);
    ring_reader_observe(&reader, start + 4000, start + 4000, 1160 * 1000000);
    tap_ok(drain(&is_ordered) == 2 && is_ordered && merge.n_late == 1,
           "what it brings then is late, counted, and not lost");
    end();
}

int main(void) {
    test_order(300, "twelve threads, dense: in order");
    test_order(3, "nearly all stamps equal: in order, windows overflow");
    test_order(1, "all stamps equal, more than a window holds: in each thread's order");
    test_order(100000000, "sparse: in order");
    test_watermark();
    test_alone();
    test_stall();
    return tap_end();
}
