/* test_live_map.c - the live map against a plain table, in all its ways of keeping a block, with and without its flat directory. */
#include <stdlib.h>
#include <string.h>

#include "live_map.h"
#include "tap.h"

enum { PLACES = 6000, STEPS = 400000 };

static uint64_t addresses[PLACES];
static struct live_block model[PLACES];
static unsigned seed = 1;

static unsigned dice(void) {
    seed = seed * 1103515245 + 12345;
    return seed >> 8;
}

/* Dense small blocks, page starts, odd alignments inside other blocks' granules, and addresses above 47 bits. */
static void make_addresses(void) {
    for (int i = 0; i < PLACES; i++) {
        uint64_t base = i % 5 == 4 ? 0xff00000000000000u : 0x7f0000000000u;
        addresses[i] = base + (uint64_t)(i / 3) * 16 + (i % 3 == 0 ? 0 : i % 3 == 1 ? 8 : 0x1000003);
    }
}

static void count(void *context, struct live_block block) {
    ((uint64_t *)context)[0]++;
    ((uint64_t *)context)[1] += block.info;
}

static bool agrees(const struct live_map *map) {
    uint64_t found[2] = {0}, expected[2] = {0};
    live_map_each(map, count, found);
    for (int i = 0; i < PLACES; i++) {
        expected[0] += model[i].info != 0;
        expected[1] += model[i].info;
        if (live_map_find(map, addresses[i]).info != model[i].info) {
            return false;
        }
    }
    return found[0] == expected[0] && found[1] == expected[1];
}

static bool run(bool want_flat) {
    struct live_map map;
    bool is_same = true;
    live_map_init(&map, want_flat);
    memset(model, 0, sizeof model);
    for (uint32_t i = 0; i < STEPS; i++) {
        unsigned at = dice() % PLACES, what = dice() % 5;
        struct live_block before, block = {.info = i + 1, .birth_ms = i * 3};
        if (what < 2) {
            before = live_map_put(&map, addresses[at], what == 0 ? 16 : dice() % 9000, block);
        } else {
            before = live_map_take(&map, addresses[at]);
            block = (struct live_block){0};
        }
        is_same = is_same && memcmp(&before, &model[at], sizeof before) == 0;
        model[at] = block;
    }
    is_same = is_same && agrees(&map);
    tap_ok(is_same, want_flat ? "flat directory: every put and take as in a table" : "hashed directory: the same");
    for (int i = 0; i < PLACES; i++) {
        live_map_take(&map, addresses[i]);
        model[i] = (struct live_block){0};
    }
    is_same = is_same && agrees(&map);
    uint32_t n_leaves = map.n_leaves;
    for (uint64_t page = 0; page < 10000; page++) {
        live_map_put(&map, 0x10000000 + page * 4096, 16, (struct live_block){.info = 1});
        live_map_take(&map, 0x10000000 + page * 4096);
    }
    tap_ok(is_same && map.n_leaves == n_leaves, "an emptied page gives its leaf back");
    live_map_free(&map);
    return is_same;
}

int main(void) {
    make_addresses();
    run(true);
    run(false);
    return tap_end();
}
