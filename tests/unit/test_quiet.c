/* test_quiet.c - what the collector owes hooks that make no system call: a clock that never goes back, frequent polls. */
#include "pace.h"
#include "ring_map.h"
#include "tap.h"

enum { NS_PER_MS = 1000000 };

static uint64_t clock_after_setting(int is_quiet, uint64_t before, uint64_t stamp) {
    static struct ring_header header;
    struct ring_map ring = {.header = &header, .is_quiet = is_quiet};
    atomic_store(&header.recent_stamp, before);
    ring_map_set_clock(&ring, stamp);
    return atomic_load(&header.recent_stamp);
}

int main(void) {
    tap_ok(clock_after_setting(1, 1000, 900) == 1000, "what quiet hooks have counted is not taken back");
    tap_ok(clock_after_setting(1, 1000, 1100) == 1100, "the clock's reading raises it");
    tap_ok(clock_after_setting(0, 1000, 900) == 1000, "nor what hooks count that have been quiet only since then");
    uint64_t ns = PACE_FIRST_NS, quiet_ns = PACE_FIRST_NS;
    for (int i = 0; i < 10; i++) {
        ns = pace_next_ns(ns, 0, false);
        quiet_ns = pace_next_ns(quiet_ns, 0, true);
    }
    tap_ok(ns == 20 * NS_PER_MS, "an idle program is looked at every 20 ms");
    tap_ok(quiet_ns == 5 * NS_PER_MS, "one that wakes nobody every 5 ms");
    tap_ok(pace_next_ns(ns, 1 << 20, false) == 0 && pace_next_ns(0, 0, false) > 0,
           "no sleep where much has come, and sleep again afterwards");
    return tap_end();
}
