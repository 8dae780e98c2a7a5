/* test_collector_damage.c - whatever the traced process scribbles on its ring, the collector ends and the trace can be read. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ring_map.h"
#include "tap.h"
#include "trace_books.h"

enum { ROUNDS = 60, EVENTS = 6000 };

static const struct fake_ring_sizes sizes = {.slots = 8, .log_units = 64, .nodes = 512, .chunks = 32};

static struct fake_ring ring;
static char trace[64];

static void fill(bool has_marks) {
    struct fake_thread t[3];
    fake_ring_make(&ring, sizes, true);
    for (int i = 0; i < 3; i++) {
        fake_thread_begin(&t[i], &ring, NULL);
    }
    for (int i = 0; i < 300; i++) {
        fake_ring_node(&ring, (uint32_t)(rand() % (i + 1)), 0x400000 + (uint64_t)i);
    }
    struct {
        struct ring_log_module head;
        char text[32];
    } module = {{1, 0, 0x400000, 0x401000, 0x402000, 4, 0}, "\1\2\3\4/lib/libx.so"};
    for (int i = 0; i < 5; i++) {
        fake_ring_log(&ring, RING_LOG_MODULE, &module, sizeof module);
    }
    fake_ring_log(&ring, RING_LOG_MARK, "reload", 6);
    for (int i = 0; i < EVENTS; i++) {
        struct fake_thread *w = &t[rand() % 3];
        if (has_marks && i % 500 == 0) {
            fake_mark(w, i % 1000 ? 11 : (uint32_t)rand() % 70);
        }
        uint64_t address = (uint64_t)(rand() % 3000) << (rand() % 10 == 0 ? 50 : 4);
        if (rand() % 2) {
            fake_alloc(w, address, (uint64_t)rand() % 6000, (uint32_t)rand() % 300);
        } else {
            fake_free(w, address);
        }
    }
}

/* Overwrite some words, mostly where structure is: chunk heads, slots, log, counters of the header. */
static void scribble(void) {
    for (int n = rand() % 30; n >= 0; n--) {
        uint64_t value = (uint64_t)rand() << (rand() % 40);
        uint32_t small = (uint32_t)rand() % 40;
        struct ring_chunk *c = &ring.chunks[(uint32_t)rand() % sizes.chunks];
        switch (rand() % 10) {
        case 0:
            c->next = rand() % 2 ? small : (uint32_t)value;
            break;
        case 1:
            c->n_words = (uint32_t)value;
            break;
        case 2:
            c->base_stamp = value << 20;
            break;
        case 3:
            c->thread_serial = (uint32_t)value;
            break;
        case 4:
            c->words[(uint32_t)rand() % RING_CHUNK_WORDS] = value * 0x9E3779B97F4A7C15u;
            break;
        case 5:
            ring.slots[(uint32_t)rand() % sizes.slots].first_chunk = rand() % 2 ? small : (uint32_t)value;
            break;
        case 6:
            ring.nodes[(uint32_t)rand() % 300] = (struct ring_node){.ip = value, .parent = (uint32_t)rand()};
            break;
        case 8:
            memcpy((uint8_t *)ring.header + offsetof(struct ring_header, requests) + (uint32_t)rand() % 1200, &value, 8);
            break;
        case 7:
            ring.log[(uint32_t)rand() % (sizes.log_units * RING_LOG_UNIT_BYTES)] = (uint8_t)value;
            break;
        default:
            memcpy((uint8_t *)ring.header + offsetof(struct ring_header, n_slots) + (uint32_t)rand() % 200, &value, 4);
            break;
        }
    }
}

static bool is_refused(size_t off, uint64_t value, size_t n) {
    struct ring_map map;
    uint8_t *field = (uint8_t *)ring.header + off;
    uint8_t saved[8];
    memcpy(saved, field, n);
    memcpy(field, &value, n);
    const char *error = ring_map_attach(&map, ring.fd);
    if (!error) {
        ring_map_detach(&map);
    }
    memcpy(field, saved, n);
    return error != NULL;
}

static void test_headers(void) {
    fill(false);
    bool is_ok = is_refused(0, 'X', 1) && is_refused(offsetof(struct ring_header, version), RING_VERSION + 1, 4) &&
                 is_refused(offsetof(struct ring_header, file_bytes), UINT64_MAX, 8);
    static const size_t regions[] = {offsetof(struct ring_header, slots), offsetof(struct ring_header, log),
                                     offsetof(struct ring_header, nodes), offsetof(struct ring_header, chunks)};
    for (size_t i = 0; i < 4; i++) {
        is_ok = is_ok && is_refused(regions[i] + offsetof(struct ring_region, off), 0, 8) &&
                is_refused(regions[i] + offsetof(struct ring_region, off), 4097, 8) &&
                is_refused(regions[i] + offsetof(struct ring_region, off), UINT64_MAX << 12, 8) &&
                is_refused(regions[i] + offsetof(struct ring_region, unit_bytes), 32, 4) &&
                is_refused(regions[i] + offsetof(struct ring_region, cap), UINT32_MAX, 4) &&
                is_refused(regions[i] + offsetof(struct ring_region, cap), 0, 4);
    }
    tap_ok(is_ok, "wrong headers are refused");
    fake_ring_free(&ring);
}

/* Collect into a file that may not grow beyond some size. Returns the trace as JSON (to be freed). */
static char *collect_limited(rlim_t most_bytes, int *result) {
    struct rlimit before, limit;
    srand(1);
    fill(false);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = most_bytes, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    *result = collect_dead(&ring, trace);
    setrlimit(RLIMIT_FSIZE, &before);
    return trace_json(trace);
}

static void test_full_disk(void) {
    int result;
    signal(SIGXFSZ, SIG_IGN);
    char *json = collect_limited(2000, &result);
    tap_ok(result == 0 && json && strstr(json, "\"key\": \"not-written\""),
           "events that do not fit are counted in the trace");
    free(json);
    fake_ring_free(&ring);
    json = collect_limited(300, &result);
    tap_ok(result != 0 && ring.header->collector_state == RING_COLLECTOR_FAILED,
           "where the end does not fit, the trace is incomplete");
    tap_ok(json && strstr(json, "\"is_complete\": false") && strstr(json, "START"), "and can be read as far as it goes");
    free(json);
    fake_ring_free(&ring);
}

int main(void) {
    snprintf(trace, sizeof trace, "/tmp/seep-test-damage.%d.seep", (int)getpid());
    test_headers();
    test_full_disk();
    bool is_ended = true, is_readable = true;
    for (unsigned i = 0; i < ROUNDS; i++) {
        srand(i);
        fill(true);
        scribble();
        is_ended = is_ended && collect_dead(&ring, trace) == 0;
        if (i % 8 == 0) {
            char *json = trace_json(trace);
            is_readable = is_readable && json;
            free(json);
        }
        fake_ring_free(&ring);
    }
    tap_ok(is_ended, "every overwritten ring makes a complete trace");
    tap_ok(is_readable, "that keeps to the format");
    unlink(trace);
    return tap_end();
}
